"""`report.html`: the content of `report.json` as one page without other files. Equal content gives equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jinja2

from tbn_hw.report import charts
from tbn_hw.report.diagram import GROUPS, diagram
from tbn_hw.report.figures import labelled
from tbn_hw.targets.catalogue import WORDS

SECTIONS = {"dataflow": "Dataflow", "layers": "Layers", "resources": "Resources", "time": "Time of a frame",
            "roofline": "Roofline", "accuracy": "Accuracy", "clock": "Routed clock", "verification": "Verification",
            "warnings": "Warnings", "made": "How it was made"}


def render(report: Mapping[str, Any]) -> str:
    """The page of a report as `tbn_hw.build` writes it to `report.json`."""
    loader = jinja2.PackageLoader("tbn_hw.report", "")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters |= {"number": number, "percent": percent, "short": short, "listed": listed, "error": error,
                            "labelled": labelled}
    binding = charts.binding_of(report)
    line = report["throughput"]["line_fps"]
    template = environment.get_template("report.html.j2")
    estimated = any(layer["lut_estimate"] is not None for layer in report["layers"])
    return template.render(report=report, binding=binding, words=WORDS, sections=SECTIONS, estimated=estimated,
                           estimate=report.get("estimate"), netlist=report["verify"].get("netlist"),
                           pieces=diagram(report, binding), groups=GROUPS,
                           cycles=charts.cycles(report, binding), interval=charts.interval_of(report),
                           roofline=charts.roofline(report, {} if line is None else {"line to the host": line}),
                           chart=charts)


def number(value: float | None, digits: int | None = None) -> str:
    """A figure with its thousands apart. A figure that is null was not measured."""
    if value is None:
        return "not measured"
    return f"{value:,}" if digits is None else f"{value:,.{digits}f}"


def percent(part: float | None, whole: float | None) -> str:
    """The share of `part` in `whole`. If the device has none of a resource, there is no share."""
    return f"{100 * part / whole:.1f} %" if part is not None and whole else "–"


def short(value: float) -> str:
    """A figure of a chart's axis: 1, 20k, 3.5G."""
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def listed(values: list[int]) -> str:
    """A shape as 32×32×3."""
    return "×".join(map(str, values))


def error(estimate: float | None, measured: float) -> str:
    """The error of an estimate against the measured figure."""
    return f"{100 * (estimate / measured - 1):+.1f} %" if estimate is not None and measured else "–"
