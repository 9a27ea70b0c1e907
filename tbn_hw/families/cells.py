"""What the cells of a netlist cost, in LUTs, flip-flops, block RAMs and multipliers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tbn_hw.families.family import Cells

FIGURES = ("lut", "ff", "bram", "dsp")


def count(prices: Cells, cells: Mapping[str, int]) -> dict[str, float]:
    """The four figures of a bag of cells, without lone carries; raises ValueError for a cell of another family."""
    figures = dict.fromkeys(FIGURES, 0.0)
    for cell, number in cells.items():
        found = {figure: _price(table, cell) for figure, table in
                 (("lut", prices.lut), ("ff", {prices.ff: 1}), ("bram", prices.bram), ("dsp", prices.dsp))}
        if not any(found.values()) and not re.fullmatch(prices.free + r"|\$scopeinfo", cell):
            raise ValueError(f"cell {cell} is not one of the target's")
        for figure, price in found.items():
            figures[figure] += price * number
    return {figure: whole(value) for figure, value in figures.items()}


def whole(value: float) -> float:
    """A number, as an int if it is whole. Only a block RAM or a multiplier can be half used."""
    return int(value) if value == int(value) else value


def _price(table: Mapping[str, float], cell: str) -> float:
    return next((price for pattern, price in table.items() if re.fullmatch(pattern, cell)), 0)
