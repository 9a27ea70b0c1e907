"""What the benchmarks hold the tables of docs/popcount.md to: each of its figures is one that they measure."""

import re
from dataclasses import replace
from itertools import product

import pytest

from benchmarks.arrays import RATIO_LEVELS
from benchmarks.docs_table import ARRAYS, FAMILIES, POPCOUNT, Figure, constants, outdated, table
from benchmarks.tables import Row

TEXT = POPCOUNT.read_text()
NUMBERS = {"LUT": 9999, "LUT/MAC": 9.99, "cells/MAC": 9.99, "cells": 9999, "FF/MAC": 9.99, "MHz": 999,
           "MMAC/s/cell": 999, "MMAC/s/site": 999, "ratio": 9.99, "LUT/weight": 9.99, "cells/weight": None}
"""Figures that nothing has."""


def measured(**keys: list[object]) -> list[Row]:
    """Rows of all combinations of the keys' values, with wrong figures."""
    return [dict(zip(keys, values, strict=True)) | NUMBERS for values in product(*keys.values())]


ARRAY = {"family": list(FAMILIES), "form": ["naive", "portable", "mapped"], "activation": ["ternary", "binary"]}
ROWS = {
    "tree": measured(**ARRAY, SIMD=[16, 64]),
    "placed": measured(family=["ecp5", "ice40"], form=["mapped", "portable"], activation=["ternary"],
                       levels=[2, 4, 5, 6]),
    "ratio": measured(family=list(FAMILIES), form=["portable", "mapped"], levels=list(RATIO_LEVELS)),
    "large": measured(family=list(FAMILIES), form=["portable", "mapped"], activation=["ternary", "binary"]),
}
LAYERS = ["random 64x64", "random 256x64", "random 576x64", "tbn_digits:layers[3].conv", "tbn_cnv:layers[3].conv",
          "tbn_resnet:layers[3].residual[1].body[2].conv"]


@pytest.mark.parametrize("name", ARRAYS)
def test_every_figure_of_arrays_is_held(name: str) -> None:
    wrong(list(ARRAYS[name](ROWS[name])))


@pytest.mark.parametrize("mapping", ["usual", "quick"])
def test_every_figure_of_constants_is_held(mapping: str) -> None:
    rows = measured(layer=LAYERS, family=list(FAMILIES), form=["naive", "da4ml", "ours"], mapping=[mapping], stages=[0])
    wrong(list(constants(rows)))
    assert not list(constants([row | {"stages": 2} for row in rows]))


def wrong(figures: list[Figure]) -> None:
    """Each figure of the figures' tables is named as outdated when another was measured, and none when it was not."""
    tables = {figure.behind: table(TEXT, figure.behind) for figure in figures}
    stated = sum(bool(re.search(r"\d", cell)) for cells in tables.values() for cell in cells.values())
    assert stated and len(list(outdated(figures, TEXT))) == stated
    right = [replace(figure, text=tables[figure.behind].get((figure.row, figure.column), "")) for figure in figures]
    assert list(outdated(right, TEXT)) == []


def test_what_is_said() -> None:
    said = table(TEXT, "--tables tree")["ternary x binary, plain logic", "Gowin"]
    figure = Figure("--tables tree", "ternary x binary, plain logic", "Gowin", "1.00")
    assert list(outdated([figure], TEXT)) == [f"popcount.md: {figure.row}, Gowin: {said} must be 1.00"]
