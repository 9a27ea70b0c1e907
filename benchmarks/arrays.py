"""`python -m benchmarks.arrays`: what popcount arrays cost and how fast they are, by family, size and form.

It makes four tables, in the terminal and as CSV and PNG in the output folder:

- tree: a dot product's LUTs and placed cells for each multiply-accumulate, without registers inside, by SIMD
- placed: arrays with 16-bit accumulators: cells, flip-flops, Fmax, multiply-accumulates a second and cell
- ratio: a ternary array's LUTs divided by a binary array's of the same form, both with the shared count
- large: how long the synthesis of a 32x128 array takes

A cell holds a LUT. On ECP5 each cell's site also has a flip-flop, so an array with more flip-flops than cells takes a
site for each flip-flop. On iCE40 a cell is a site. There the shift registers that feed the array also take cells; the
column `harness` says how many.

A dot product's LUTs are those of a netlist of it alone. Its cells are the difference between two rows and one row, less
a cell for each bit of the accumulator, and on iCE40 less a cell for each register of the row's weights.

The netlists of all tables except `large` are simulated and compared with NumPy. A full run takes long. A run that was
interrupted continues where it was.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from amaranth.hdl import UnusedElaboratable
from rich.console import Console

from benchmarks.docs_table import ARRAYS, POPCOUNT, outdated
from benchmarks.harness import DEVICES, Harness
from benchmarks.popcount_array import ACC_BITS, ROW, TOTAL, PopcountArray
from benchmarks.tables import Row, bars, show, write_csv
from sim.bench import SimulationError
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.registry import FAMILIES
from tbn_hw.shared.errors import BuildError, DoesNotFit

FORMS = ("naive", "portable", "mapped")
ACTIVATIONS = ("ternary", "binary")
DIFFERS = 1
"""The exit code of `--check` where a table of the docs is wrong."""
RATIO_PE, RATIO_SIMD, RATIO_LEVELS = 32, 64, (0, 4)


def array(family: str, form: str, activation: str, pe: int, simd: int, levels: int) -> PopcountArray:
    """An array in plain logic for any family ("portable"), in the family's own cells ("mapped"), or "naive"."""
    return PopcountArray(pe, simd, activation,
                         {"tree_levels": levels, "family": family if form == "mapped" else form})


def tree(harness: Harness, options: argparse.Namespace) -> Iterator[Row]:
    for family, form, activation in _cases(options):
        for simd in options.simd:
            name = f"{family}, {form}, {activation}: row of {simd}"
            row = array(family, form, activation, 1, simd, 0)
            harness.map(name, row, family)  # verifies the row with an accumulator behind it
            lut = harness.lut(row.dot_product(), family)
            cells = None
            if family in DEVICES:
                two = array(family, form, activation, 2, simd, 0)
                placed = [harness.place(name, design, family, options.seeds[:1]).cells for design in (row, two)]
                cells = placed[1] - placed[0] - ACC_BITS - (simd if family == ICE40.name else 0)
            yield {"family": family, "form": form, "activation": activation, "SIMD": simd, "LUT": lut,
                   "LUT/MAC": lut / simd, "cells/MAC": None if cells is None else cells / simd}


def placed(harness: Harness, options: argparse.Namespace) -> Iterator[Row]:
    pe, simd = options.array
    for family, form, activation in _cases(options):
        for levels in options.levels if family in DEVICES and form != "naive" else ():
            design = array(family, form, activation, pe, simd, levels)
            name = f"{family}, {form}, {activation}: {pe}x{simd} with {levels} levels between registers"
            try:
                found = harness.place(name, design, family, options.seeds)
            except DoesNotFit as error:
                harness.report(f"{name}: left out; {error}")
                continue
            registers = harness.map(name, design, family, verify=False).total["ff"] - design.harness_ff
            sites = max(found.cells, registers) if family == ECP5.name else found.cells
            yield {"family": family, "form": form, "activation": activation, "levels": levels, "cells": found.cells,
                   "harness": design.harness_ff if family == ICE40.name else 0, "cells/MAC": found.cells / design.lanes,
                   "FF/MAC": registers / design.lanes, "MHz": found.median_mhz, "slowest": found.speeds[0],
                   "fastest": found.speeds[-1],
                   "MMAC/s/cell": design.lanes * found.median_mhz / found.cells,
                   "MMAC/s/site": design.lanes * found.median_mhz / sites}


def ratio(harness: Harness, options: argparse.Namespace) -> Iterator[Row]:
    forms = [form for form in options.forms if form != "naive"]
    for family, form, levels in product(options.families, forms, RATIO_LEVELS):
        lut = {}
        for activation in ACTIVATIONS:
            design = array(family, form, activation, 1, RATIO_SIMD, levels)
            name = f"{family}, {form}, {activation}: row of {RATIO_SIMD}, {levels} levels"
            modules = harness.map(name, design, family).modules
            lut[activation] = RATIO_PE * modules[ROW]["lut"] + modules.get(TOTAL, {"lut": 0})["lut"]
        yield {"family": family, "form": form, "levels": levels, "PE": RATIO_PE, "SIMD": RATIO_SIMD, **lut,
               "ratio": lut["ternary"] / lut["binary"]}


def large(harness: Harness, options: argparse.Namespace) -> Iterator[Row]:
    for family, form, activation in _cases(options):
        if form == "naive":
            continue
        design = array(family, form, activation, 32, 128, 2)
        found = harness.map(f"{family}, {form}, {activation}: 32x128", design, family, verify=False)
        yield {"family": family, "form": form, "activation": activation, "LUT": found.total["lut"],
               "FF": found.total["ff"], "LUT/MAC": found.total["lut"] / design.lanes, "seconds": found.seconds}


TABLES = {"tree": tree, "placed": placed, "ratio": ratio, "large": large}
PLOTS = {  # table -> the column that is drawn, its unit in words, and the columns that name a bar
    "tree": ("LUT/MAC", "LUT for each multiply-accumulate of a dot product", ("family", "form", "activation", "SIMD")),
    "placed": ("MMAC/s/cell", "million multiply-accumulates a second for each placed cell",
               ("family", "form", "activation", "levels")),
    "ratio": ("ratio", "LUTs of ternary over binary arrays", ("family", "form", "levels")),
    "large": ("LUT/MAC", "LUT for each multiply-accumulate of a 32x128 array", ("family", "form", "activation")),
}


def _cases(options: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    for family in options.families:
        for form in options.forms:
            for activation in options.activations:
                yield family, form, activation


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="python -m benchmarks.arrays", description=(__doc__ or "").partition("\n")[0])
    result.add_argument("--output", type=Path, default=Path("build/benchmarks"), help="folder (%(default)s)")
    result.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    result.add_argument("--families", nargs="+", choices=tuple(FAMILIES), default=list(FAMILIES))
    result.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    result.add_argument("--activations", nargs="+", choices=ACTIVATIONS, default=list(ACTIVATIONS))
    result.add_argument("--levels", nargs="+", type=int, default=[0, 2],
                        help="levels of logic between registers of what is placed, 0 for none")
    result.add_argument("--simd", nargs="+", type=int, default=[16, 36, 64, 128], help="of the trees")
    result.add_argument("--array", nargs=2, type=int, default=[16, 64], metavar=("PE", "SIMD"), help="that is placed")
    result.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    result.add_argument("--check", action="store_true",
                        help=f"hold the tables in {POPCOUNT.name} to what is measured; "
                        f"exit {DIFFERS} where they differ")
    result.add_argument("--workers", type=int, help="processes at once, by default one a core")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=UnusedElaboratable)  # components made for their numbers
    progress, console = Console(stderr=True), Console()
    if not console.is_terminal:
        console = Console(width=160)
    options.output.mkdir(parents=True, exist_ok=True)
    harness = Harness(options.output / ".cache", options.workers, progress.print)
    wrong: list[str] = []
    try:
        for name in options.tables:
            rows = list(TABLES[name](harness, options))
            if rows:
                value, title, label = PLOTS[name]
                show(console, f"arrays, {name}", rows)
                write_csv(options.output / f"arrays_{name}.csv", rows)
                bars(options.output / f"arrays_{name}.png", title, value, rows, label, value)
            if options.check:
                wrong += outdated(ARRAYS[name](rows), POPCOUNT.read_text())
    except (BuildError, SimulationError) as error:
        progress.print(f"error: {error}", markup=False, highlight=False)
        return getattr(error, "exit_code", 4)
    for line in wrong:
        print(line)
    return DIFFERS if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
