"""`python -m benchmarks.memories`: what a column of a ROM costs as logic and in block RAM, by depth and family.

The ROMs have random rows, 16 columns and a registered read. "inferred" is what Yosys makes of a memory, "cells" is what
`hdl.lut_rom` makes. The price of a block RAM is the number of LUTs that the device has for each block RAM. The columns
of a full block share it. The break-even is the depth from which full blocks cost less than the cheaper logic. It is
given at the whole price, and at the part of it that `hdl.rom` counts.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.back import rtlil
from amaranth.hdl import Module, Signal

from benchmarks.tables import write_csv
from hdl.families import BLOCKS
from hdl.lut_rom import is_mapped
from hdl.rom import BLOCK_WORTH, blocks_of, read_only, rom_luts
from tbn_hw.families.registry import FAMILIES
from tbn_hw.families.xc7 import XC7
from tbn_hw.netlists.synthesis import synthesise

DEPTHS = (2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048)
WIDTH = 16


def rom(depth: int, width: int, style: str, family: str) -> str:
    """The RTLIL of a ROM with random rows."""
    m, address, enable, word = Module(), Signal(range(depth), name="address"), Signal(name="enable"), Signal(width)
    m.d.comb += word.eq(read_only(m, "rom", random_rows(depth, width), width, address, enable, style, family))
    return rtlil.convert(m, name="rom", ports=[address, enable, word], emit_src=False)


def random_rows(depth: int, width: int) -> list[int]:
    rng = random.Random(depth)
    return [rng.getrandbits(width) for _ in range(depth)]


def measure(family: str, depth: int, cache: Path) -> dict[str, Any]:
    """LUTs for each column of both kinds of logic, and of a full block RAM at its price."""
    styles = {"inferred": ("logic", "portable"), "block": ("block", "portable")}
    if is_mapped(family, depth):
        styles["cells"] = ("logic", family)
    found = {}
    for name, (style, of) in styles.items():
        with tempfile.TemporaryDirectory() as folder:
            text = rom(depth, WIDTH, style, of)
            found[name] = synthesise({"rom": text}, family, Path(folder), cache=cache)["total"]
    rows = random_rows(depth, WIDTH)
    widest = BLOCKS[family].shapes[0][1]
    wide = blocks_of(depth, 4 * widest, family) / (4 * widest)  # blocks for each column, if they are full
    return {
        "family": family, "depth": depth,
        "inferred LUT": found["inferred"]["lut"] / WIDTH,
        "cells LUT": found["cells"]["lut"] / WIDTH if "cells" in found else None,
        "counted LUT": rom_luts(rows, WIDTH, family) / WIDTH,
        "block RAMs": found["block"]["bram"] * (2 if family == XC7.name else 1),
        "counted blocks": blocks_of(depth, WIDTH, family),
        "block LUT": wide * BLOCKS[family].luts,
    }


def break_even(rows: Sequence[dict[str, Any]], worth: float) -> int | None:
    """The least measured depth at which a column costs less in full blocks, at `worth` of the price, than as logic."""
    for row in rows:
        logic = min(filter(None, (row["inferred LUT"], row["cells LUT"])))
        if row["block LUT"] * worth < logic:
            return int(row["depth"])
    return None


def plot(path: Path, rows: Sequence[dict[str, Any]], families: Sequence[str]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(families), 4), layout="constrained")
    for axes, family in zip(figure.subplots(1, len(families), squeeze=False)[0], families, strict=True):
        of = [row for row in rows if row["family"] == family]
        for name, style in (("inferred LUT", "o-"), ("cells LUT", "s-"), ("block LUT", "--")):
            points = [(row["depth"], row[name]) for row in of if row[name] is not None]
            axes.loglog(*zip(*points, strict=True), style, label=name.removesuffix(" LUT"), markersize=4, base=2)
        price = [(row["depth"], row["block LUT"] * BLOCK_WORTH) for row in of]
        axes.loglog(*zip(*price, strict=True), ":", label=f"block at {BLOCK_WORTH:g} of its price", base=2)
        axes.set_title(family, fontsize=10)
        axes.set_xlabel("rows")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
        axes.set_ylabel("LUTs a column")
    figure.savefig(path, dpi=120)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memories", description=__doc__.split("\n\n")[0])
    parser.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--depths", nargs="+", type=int, default=list(DEPTHS))
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for family in options.families:
        of = []
        for depth in sorted(options.depths):
            of.append(measure(family, depth, options.output / ".synthesis"))
            print(", ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                            for key, value in of[-1].items() if value is not None), flush=True)
        for worth in (1, BLOCK_WORTH):
            print(f"{family}: a full block RAM at {worth * BLOCKS[family].luts:.0f} LUT pays from "
                  f"{break_even(of, worth) or 'no measured depth'} rows on")
        rows += of
    write_csv(options.output / "memories.csv", rows)
    plot(options.output / "memories.png", rows, options.families)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
