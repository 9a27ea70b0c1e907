"""Holds a table of docs/popcount.md to what was measured now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.tables import Row
from tbn_hw.families.registry import FAMILIES

POPCOUNT = Path(__file__).resolve().parents[1] / "docs" / "popcount.md"
LABELS = {"mapped": "the family's cells", "portable": "plain logic"}
"""What the docs call the forms of arrays."""


def cells_of(text: str, command: str) -> dict[str, list[str]]:
    """The first table behind the place in `text` that names `command`: the cells of a row by its first cell."""
    lines = iter(text.partition(f"`{command}`")[2].splitlines())
    found: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("|"):
            first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            found[first] = cells
        elif found:
            break
    return found


def differences(rows: Sequence[Row], simd: int, text: str) -> Iterator[str]:
    """A line for each cell of the docs' table of dot products that is not what `rows` of the table `tree` say.

    The table has a column for each of FAMILIES, in their order. A figure in brackets is of placed cells.
    """
    found = cells_of(text, f"python -m benchmarks.arrays --tables tree --simd {simd}")
    for row in rows:
        if row["SIMD"] == simd and row["form"] in LABELS:
            label = f"{row['activation']} x binary, {LABELS[row['form']]}"
            measured = f"{row['LUT/MAC']:.2f}" + ("" if row["cells/MAC"] is None else f" ({row['cells/MAC']:.2f})")
            said = found.get(label, [""] * len(FAMILIES))[list(FAMILIES).index(row["family"])]
            if said != measured:
                yield f"{POPCOUNT.name}: {label}, {row['family']}: {said or 'nothing'} must be {measured}"
