"""The report stage: the results of a build for machines, for a browser and for the terminal."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tbn_hw.report import dataflow, figures
from tbn_hw.report.page import render
from tbn_hw.report.schema import Report
from tbn_hw.report.terminal import show
from tbn_hw.stages.gateware import SEED
from tbn_hw.stages.manifest import manifest
from tbn_hw.stages.verify import RANDOM_IMAGES_SEED
from tbn_hw.tools.versions import versions

if TYPE_CHECKING:
    from tbn_hw.stages.load import Loaded
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.route import Routed
    from tbn_hw.stages.site import Site
    from tbn_hw.stages.synthesise import Synthesised
    from tbn_hw.stages.verify import Verified


def report(site: Site, loaded: Loaded, planned: Planned, verified: Verified, synthesised: Synthesised,
           netlist: dict[str, Any], routed: Routed) -> Report:
    """Write `manifest.json`, `report.json` and `report.html`, print the report's tables, and return the report."""
    start = time.monotonic()
    content = _content(site, loaded, planned, verified, synthesised, netlist, routed, start)
    text, page = _json(content), render(content).encode()
    found = Report.model_validate_json(text)
    site.workspace.write("manifest.json", _json({
        **manifest(site.workspace.root, planned.design, routed.files), "board": routed.figures["board"],
        "resize": loaded.resize, "random_weights_seed": loaded.seed,
        "temperature": verified.accuracy["temperature"]}))
    site.workspace.write("report.json", text)
    site.workspace.write("report.html", page)
    show(content, site.console)
    site.console.print(f"written to {site.workspace.root}")
    return found


def _content(site: Site, loaded: Loaded, planned: Planned, verified: Verified, synthesised: Synthesised,
             netlist: dict[str, Any], routed: Routed, start: float) -> dict[str, Any]:
    """The content of `report.json`."""
    target, design, route = site.options.target, planned.design, routed.figures
    network = figures.network_figures(design)
    content = {
        "model": design.network.name,
        "target": target.name,
        "device": figures.device(target),
        "network": network,
        "dataflow": dataflow.dataflow(design),
        "layers": figures.layer_figures(design, synthesised.modules, planned.estimates),
        "estimate": planned.estimate,
        "verify": {**verified.figures, "netlist": netlist},
        "accuracy": verified.accuracy,
        "synthesis": figures.synthesis_figures(design, synthesised.total, synthesised.modules) | {
            "part": target.part_name, "available": figures.available(target)},
        "route": route,
        "throughput": figures.throughput(route, verified.figures, network["macs"]),
        "seconds": site.seconds,
        "seeds": {"simulation": SEED, "random_images": RANDOM_IMAGES_SEED, "random_weights": loaded.seed},
        "versions": versions(),
    }
    site.done("report", time.monotonic() - start)
    return content


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
