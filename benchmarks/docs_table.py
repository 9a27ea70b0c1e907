"""Holds the tables of docs/popcount.md to what was measured now.

A table belongs to the command before it. `Figure` says which cell of it a measured value stands in. A measured value
without a cell in the docs is no fault, for the commands measure more than the docs show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.tables import Row
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.gowin import GOWIN
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.xc7 import XC7

POPCOUNT = Path(__file__).resolve().parents[1] / "docs" / "popcount.md"
FAMILIES = {ECP5.name: "ECP5", GOWIN.name: "Gowin", ICE40.name: "iCE40", XC7.name: "Xilinx 7"}
"""What the docs' columns call the families."""
FORMS = {"mapped": "the family's cells", "portable": "plain logic"}
"""What the docs call the forms of arrays."""
LAYER_FORMS = {"naive": "plain logic", "da4ml": "da4ml", "ours": "ours"}
"""What the docs call the forms of layers with their weights in the logic."""
CHECKED_SIMD = 64
"""The SIMD of the docs' dot products."""


@dataclass(frozen=True)
class Figure:
    """A measured value: text in the docs that its table stands behind, the row's name, the column's, and its own text.

    A column's name may end in its unit in brackets, which `column` leaves out.
    """

    behind: str
    row: str
    column: str
    text: str


def table(text: str, behind: str) -> dict[tuple[str, str], str]:
    """The first table after `behind` in `text`: its cells by row and column, without bold type."""
    lines = [line.strip() for line in text.partition(behind)[2].splitlines()]
    start = next((n for n, line in enumerate(lines) if line.startswith("|")), len(lines))
    stop = next((n for n in range(start, len(lines)) if not lines[n].startswith("|")), len(lines))
    rows = [[cell.strip().replace("**", "") for cell in line.strip("|").split("|")] for line in lines[start:stop]]
    columns = [title.partition(" (")[0] for title in rows[0]] if rows else []
    return {(row[0], title): cell for row in rows[2:] for title, cell in zip(columns[1:], row[1:], strict=True)}


def outdated(figures: Iterable[Figure], text: str) -> Iterator[str]:
    """A line for each of `figures` that the docs' `text` states otherwise."""
    for figure in figures:
        said = table(text, figure.behind).get((figure.row, figure.column), "")
        if said not in ("", figure.text):
            yield f"{POPCOUNT.name}: {figure.row}, {figure.column}: {said} must be {figure.text}"


def tree(rows: Sequence[Row]) -> Iterator[Figure]:
    for row in rows:
        if row["SIMD"] == CHECKED_SIMD and row["form"] in FORMS:
            form = f"{row['activation']} x binary, {FORMS[row['form']]}"
            yield Figure("--tables tree", form, FAMILIES[row["family"]], _with_cells(row["LUT/MAC"], row["cells/MAC"]))


def ratio(rows: Sequence[Row]) -> Iterator[Figure]:
    registers = {0: "without registers", 4: "a register behind every fourth level"}
    for row in rows:
        yield Figure("--tables ratio", f"{FORMS[row['form']]}, {registers[row['levels']]}", FAMILIES[row["family"]],
                     f"{row['ratio']:.2f}")


def placed(rows: Sequence[Row]) -> Iterator[Figure]:
    for row in rows:
        if (row["form"], row["activation"]) == ("mapped", "ternary"):
            behind, levels = f"--tables placed --families {row['family']}", str(row["levels"])
            yield Figure(behind, levels, "cells", f"{row['cells']:,}")
            yield Figure(behind, levels, "cells a MAC", f"{row['cells/MAC']:.2f}")
            yield Figure(behind, levels, "flip-flops a MAC", f"{row['FF/MAC']:.2f}")
            yield Figure(behind, levels, "MHz", f"{row['MHz']:.0f}")
            yield Figure(behind, levels, "million MACs a second, for each cell", f"{row['MMAC/s/cell']:.0f}")
            yield Figure(behind, levels, "for each cell or flip-flop, whichever are more", f"{row['MMAC/s/site']:.0f}")


def large(rows: Sequence[Row]) -> Iterator[Figure]:
    for row in rows:
        if row["activation"] == "ternary":
            yield Figure("--tables large", f"LUTs, {FORMS[row['form']]}", FAMILIES[row["family"]], f"{row['LUT']:,}")
            yield Figure("--tables large", f"LUTs a MAC, {FORMS[row['form']]}", FAMILIES[row["family"]],
                         f"{row['LUT/MAC']:.2f}")


def constants(rows: Sequence[Row]) -> Iterator[Figure]:
    """The combinational layers, in the usual mapping or the quick one."""
    for row in rows:
        if not row["stages"]:
            behind = "benchmarks.constants --quick" if row["mapping"] == "quick" else "benchmarks.constants --levels 0"
            yield Figure(behind, f"{row['layer']}, {LAYER_FORMS[row['form']]}", FAMILIES[row["family"]],
                         _with_cells(row["LUT/weight"], row["cells/weight"]))


ARRAYS: dict[str, Callable[[Sequence[Row]], Iterator[Figure]]] = {
    "tree": tree, "placed": placed, "ratio": ratio, "large": large}
"""The figures in the docs of each table of `benchmarks.arrays`."""


def _with_cells(luts: float, cells: float | None) -> str:
    return f"{luts:.2f}" + ("" if cells is None else f" ({cells:.2f})")
