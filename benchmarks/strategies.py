"""`python -m benchmarks.strategies`: the strategies chart of the TBN article in hardware.

It shows multiply-accumulates a second from equal area, for each number format of `benchmarks.formats`. The arrays have
about a thousand LUTs and no multiplier blocks, and get their weights at run time. Each netlist is first compared with
NumPy. ECP5 is placed and routed: area is in LUT4s after placement, and the rate follows from the clock. For Xilinx 7 no
such tool installs with pip: area is in LUT6s after synthesis, and the rate is per cycle.

The command writes docs/strategies.csv and docs/strategies.png. Results are kept in build/strategies, so a second run
repeats only what changed.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.formats import FORMATS
from benchmarks.formats.measure import Cost, measure, names
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.xc7 import XC7
from tbn_hw.shared.errors import BuildError

SIZES = {"float32": (1, 1), "int8": (1, 16), "TWN": (4, 32), "BWN": (4, 32), "TNN": (4, 64), "TBN": (8, 64),
         "XNOR-Net": (8, 64)}
"""PE and SIMD of each array, for 1,000 to 1,600 LUT4s."""
LABELS = {"float32": "float32 x float32", "int8": "int8 x int8", "TWN": "TWN: int8 x ternary",
          "BWN": "BWN: int8 x binary", "TNN": "TNN: ternary x ternary", "TBN": "TBN: ternary x binary",
          "XNOR-Net": "XNOR-Net: binary x binary"}
EXTRA = ("area", "area_per_mac", "macs_per_cycle", "gmacs")
INK, GREY, BLUE, ORANGE = "#222222", "#8c8c8c", "#7d9dbf", "#d9822b"


def table(costs: Sequence[Cost]) -> list[str]:
    """The table of formats, as lines of Markdown."""
    by = {(cost.format, cost.family): cost for cost in costs}
    lines = ["| activations x weights | array | LUT4 a lane | MHz | 10^9 MAC/s from 10,000 LUT4 | of float32 "
             "| LUT6 a lane | MAC a cycle from 10,000 LUT6 |", "|---|---|---|---|---|---|---|---|"]
    base = by.get(("float32", ECP5.name))
    for name in FORMATS:
        ecp5, xc7 = by.get((name, ECP5.name)), by.get((name, XC7.name))
        if ecp5 is None or xc7 is None or ecp5.gmacs is None or base is None or base.gmacs is None:
            continue
        lines.append(f"| {LABELS[name]} | {ecp5.pe} x {ecp5.simd} | {figure(ecp5.area_per_mac)} | {ecp5.mhz:.0f} "
                     f"| {figure(ecp5.gmacs)} | {ecp5.gmacs / base.gmacs:,.0f}x | {figure(xc7.area_per_mac)} "
                     f"| {figure(xc7.macs_per_cycle)} |")
    return lines


def figure(value: float) -> str:
    """A number as text, with about three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def chart(costs: Sequence[Cost], file: Path) -> None:
    """Draw bars on a logarithmic scale, with a panel for each family."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = ((ECP5.name, "ECP5: 10⁹ multiply-accumulates a second\nfrom 10,000 LUT4, placed and routed"),
              (XC7.name, "Xilinx 7: multiply-accumulates a cycle\nfrom 10,000 LUT6, synthesised"))
    picture, axes = pyplot.subplots(1, 2, figsize=(8, 3.4), dpi=200, sharey=True)
    shown = [name for name in FORMATS if any(cost.format == name for cost in costs)]
    for axis, (family, title) in zip(axes, panels, strict=True):
        values = {cost.format: cost.gmacs or cost.macs_per_cycle for cost in costs if cost.family == family}
        for place, name in enumerate(shown):
            axis.barh(place, values[name], color=ORANGE if name == "TBN" else BLUE, height=0.68)
            axis.text(values[name] * 1.12, place, figure(values[name]), va="center", color=INK, fontsize=8.5)
        axis.set_xscale("log")
        axis.set_xlim(10 ** math.floor(math.log10(min(values.values()))), 3.5 * max(values.values()))
        axis.xaxis.set_major_formatter(lambda value, place: f"{value:,.0f}")
        axis.set_title(title, fontsize=9, color=INK, loc="left")
        axis.tick_params(axis="x", labelsize=8, colors=GREY, which="both")
        axis.tick_params(axis="y", length=0)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.spines["bottom"].set_color(GREY)
    axes[0].set_yticks(range(len(shown)), [LABELS[name] for name in shown], fontsize=9, color=INK)
    axes[0].invert_yaxis()
    picture.tight_layout()
    picture.savefig(file, metadata={"Software": None})
    pyplot.close(picture)


def write(costs: Sequence[Cost], file: Path) -> None:
    """Write the figures as CSV."""
    with file.open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow([*names(), *EXTRA])
        for cost in costs:
            values = [getattr(cost, name) for name in (*names(), *EXTRA)]
            rows.writerow(["" if x is None else round(x, 3) if isinstance(x, float) else x for x in values])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.strategies", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="runs of place and route, whose median is taken")
    parser.add_argument("--work", type=Path, default=Path("build/strategies"))
    parser.add_argument("--output", type=Path, default=Path("docs"))
    parser.add_argument("--only", choices=[*FORMATS], action="append", help="measure a format; may be given again")
    options = parser.parse_args(arguments)
    costs = []
    try:
        for family in (ECP5.name, XC7.name):
            for name in options.only or FORMATS:
                pe, simd = SIZES[name]
                folder = options.work / f"{name}-{family}"
                folder.mkdir(parents=True, exist_ok=True)
                costs.append(measure(FORMATS[name](pe=pe, simd=simd, family=family), folder,
                                     seeds=range(1, options.seeds + 1) if family == ECP5.name else ()))
                print(costs[-1], file=sys.stderr, flush=True)
    except BuildError as error:
        print(f"benchmarks.strategies: {error}", file=sys.stderr)
        return error.exit_code
    options.output.mkdir(parents=True, exist_ok=True)
    write(costs, options.output / "strategies.csv")
    chart(costs, options.output / "strategies.png")
    print("\n".join(table(costs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
