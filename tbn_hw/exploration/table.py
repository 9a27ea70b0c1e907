"""The points of an exploration as a table in the terminal, a CSV file, a plot, and one folding file per point."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from quantize.files import write_atomically
from tbn_hw.families.cells import FIGURES
from tbn_hw.targets.catalogue import find_target

Point = Mapping[str, Any]
MEASURED = ("cycles", *FIGURES, "error")
COLUMNS = ("target", "front", "cycles", "fps", *FIGURES, *(f"measured_{name}" for name in MEASURED), "folding")


def write(folder: Path, name: str, points: Sequence[Point]) -> None:
    """Write `points.csv`, `points.png`, and the foldings below `points`, for `--folding` of a build."""
    for point in points:
        write_atomically(_folding(folder, point), point["folding"].encode())
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for point in points:
        measured = {f"measured_{key}": value for key, value in point.get("measured", {}).items()}
        table.writerow({key: value for key, value in {**point, **measured}.items() if key in COLUMNS}
                       | {"front": int(point["front"]), "folding": _folding(folder, point).relative_to(folder)})
    write_atomically(folder / "points.csv", text.getvalue().encode())
    write_atomically(folder / "points.png", plot(name, points))


def _folding(folder: Path, point: Point) -> Path:
    return folder / "points" / point["point"] / "folding.yaml"


def show(points: Sequence[Point], console: Console) -> None:
    """Print the points of the front. Their frames a second are at each part's `clock_mhz`."""
    built = any("measured" in point for point in points)
    table = Table(title="the front: no point of a target is both faster and smaller", title_justify="left")
    table.add_column("target", no_wrap=True)
    compared = ["measured", "error"] if built else []
    for column in ("frames/s", "cycles", "LUT", "fill", *compared, "FF", "BRAM", "DSP"):
        table.add_column(column, justify="right")
    for point in points:
        if point["front"]:
            table.add_row(point["target"], *_cells(point, built))
    console.print(table)


def _cells(point: Point, built: bool) -> list[str]:
    lut, part = point["lut"], find_target(point["target"]).part
    measured = point.get("measured", {})
    found = measured.get("lut")
    compared = [f"{found:,}", f"{100 * (lut / found - 1):+.1f} %"] if found else ["", measured.get("error", "")]
    return [f"{point['fps']:,.0f}", f"{point['cycles']:,}", f"{lut:,}", f"{100 * lut / part.lut:.1f} %",
            *(compared if built else []), *(f"{point[figure]:,}" for figure in ("ff", "bram", "dsp"))]


def plot(name: str, points: Sequence[Point]) -> bytes:
    """A PNG of LUTs over frames a second: a line per target, a cross per measured build, and the parts' LUTs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for index, target in enumerate(dict.fromkeys(point["target"] for point in points)):
        front = [point for point in points if point["target"] == target and point["front"]]
        colour, part = f"C{index}", find_target(target).part
        axes.plot([point["fps"] for point in front], [point["lut"] for point in front], "o-", color=colour,
                  markersize=4, label=f"{target}, estimate")
        built = [(point["fps"] * point["cycles"] / found["cycles"], found["lut"]) for point in front
                 if (found := point.get("measured", {})).get("lut")]
        if built:
            axes.plot(*zip(*built, strict=True), "x", color=colour, markersize=8, label=f"{target}, measured")
        axes.axhline(part.lut, color=colour, linestyle=":", linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("frames a second, at the clock that each part is reckoned with")
    axes.set_ylabel("LUTs (dotted: what the part has)")
    axes.set_title(name)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    data = io.BytesIO()
    figure.savefig(data, dpi=120, format="png")
    return data.getvalue()
