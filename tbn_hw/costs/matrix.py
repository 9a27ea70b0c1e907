"""Pieces of a matrix-vector unit, from its numbers alone, so that a solver may look at thousands of foldings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from hdl.counting import count_products
from hdl.dot_product import counted, in_digits
from hdl.families import has_multipliers
from hdl.multiply_digits import pairs_of
from hdl.mvu import MVU, TREE_LEVELS
from hdl.schedule import Adder, FullAdder
from tbn_hw.costs.memory import distinct_columns, random_rom
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.families.registry import find_family

SHALLOW = 8
"""A ROM of at most this many rows takes fewer LUTs, because some of its columns are complements of others."""


@dataclass(frozen=True)
class Matrix:
    """The numbers of a matrix-vector unit that its cost depends on.

    `element` is the width of an input element, and `weight` that of a weight.
    """

    activation: str
    kind: str
    element: int
    weight: int
    mh: int
    mw: int
    acc_width: int
    starts: int
    """Number of bits in which the start values of the rows' sums differ; -1 if sums start from zero."""

    @classmethod
    def of(cls, mvu: MVU) -> Matrix:
        """The numbers of a component."""
        constant = mvu.start_values(mvu.mw)
        bits = (constant[:, None] >> np.arange(mvu.acc_width)) & 1
        starts = int((bits != bits[0]).any(axis=0).sum()) if constant.any() else -1
        return cls(mvu.activation_kind, mvu.weight_kind, mvu.element_shape.width, mvu.weight_bits, mvu.mh, mvu.mw,
                   mvu.acc_width, starts)

    @property
    def counted(self) -> bool:
        """Whether the products are counted as bits."""
        return counted(self.activation, self.kind)

    @property
    def shared(self) -> bool:
        """Whether one count of the inputs corrects all results."""
        return self.activation == "ternary" or self.activation == "binary" and self.kind == "int8"


def matrix_pieces(matrix: Matrix, pe: int, simd: int, o_par: int, rom_style: str, family: str) -> Iterator[Piece]:
    """The pieces of a matrix-vector unit of `pe` rows and `simd` columns at once, `o_par` results a beat."""
    width, element = matrix.acc_width, matrix.element
    synapse_fold, neuron_fold = matrix.mw // simd, matrix.mh // pe
    depth, row = synapse_fold * neuron_fold, pe * simd * matrix.weight
    for piece in _products(matrix, pe, simd, family):
        # constant signs need no products: adders add or subtract
        free = depth == 1 and piece.form == "paired products"
        yield replace(piece, features={**piece.features, "product bit": 0}) if free else piece
    blocks, luts = random_rom(depth, row, family, rom_style)
    start_blocks, start_luts = random_rom(neuron_fold, pe * matrix.starts, family, "auto") if (
        matrix.starts > 0) else (0, 0.0)
    shallow, start_shallow = (rows <= SHALLOW for rows in (depth, neuron_fold))
    yield Piece("weights", {
        "rom lut": luts * (not shallow) + start_luts * (not start_shallow),
        "shallow rom lut": luts * shallow + start_luts * start_shallow,
        "rom register": 0 if blocks or depth == 1 else distinct_columns(depth, row),
        "start register": distinct_columns(neuron_fold, pe * matrix.starts) if (
            matrix.starts > 0 and not start_blocks and neuron_fold > 1) else 0,
    }, bram=blocks + start_blocks)

    started, folded = matrix.starts >= 0, synapse_fold > 1
    yield Piece("accumulators", {
        "one": 1,
        "accumulated bit": pe * (width - matrix.counted) if folded and not started else 0,
        "started bit": pe * width if started and folded else 0,
        "offset bit": pe * width if started and not folded else 0,
        "accumulator register": pe * width,
        **result_features(matrix, pe, o_par),
        "total bit": bits_of(matrix.mw + 1) if matrix.shared and folded else 0,
        "pair bit": (simd + 1) // 2 * (element + 1) if matrix.activation == "int" and matrix.kind == "binary" else 0,
        "digit bit": simd * (element + 2) if in_digits(matrix.activation, matrix.kind, family) else 0,
        "counter bit": bits_of(depth) + bits_of(synapse_fold) + (bits_of(neuron_fold) if matrix.starts > 0 else 0),
        "input register": simd * element * (2 if blocks else 1),
        "late register": row if blocks else 0,
    })


def result_features(matrix: Matrix, pe: int, o_par: int) -> dict[str, float]:
    """The features of the output of results, which depend on how many leave at once."""
    return {"result register": pe * matrix.acc_width,
            "shifted bit": (pe - o_par) * matrix.acc_width,
            "corrected bit": o_par * matrix.acc_width if matrix.shared else 0}


def _products(matrix: Matrix, pe: int, simd: int, family: str) -> Iterator[Piece]:
    activation, element, weight = matrix.activation, matrix.element, matrix.weight
    if matrix.counted:
        found = {name: pe * value for name, value in _count_features(family, activation, simd).items()}
        found["one"] = pe
        if activation == "ternary":
            shared = _count_features(family, "wire", simd)
            found = {name: value + shared.get(name, 1) for name, value in found.items()}
        yield Piece("counted products", found)
    elif matrix.kind == "binary":
        pairs = (simd + 1) // 2
        yield Piece("paired products", {"one": pe, "product bit": pe * pairs * (element + 1),
                                        "tree bit": pe * _tree_bits(element + 1, pairs)})
    elif activation != "int":
        yield Piece("gated products", {"one": pe, "product bit": pe * simd * weight,
                                       "tree bit": pe * _tree_bits(weight, simd), "shared": _tree_bits(0, simd)})
    elif not has_multipliers(family):
        terms = simd * pairs_of(weight)
        yield Piece("digit products", {"one": pe, "product bit": pe * terms * (element + 2),
                                       "tree bit": pe * _tree_bits(element + pairs_of(weight), terms)})
    else:
        adders = _tree_bits(element + weight, simd)
        if find_family(family).estimates.multiplier_adds:
            adders -= simd // 2 * (element + weight + 1)
        yield Piece("multiplied products", {"one": pe, "tree bit": pe * adders,
                                            "product bit": pe * simd * (element + weight)},
                    dsp=pe * simd * multiplier_size(max(element, weight), family))


def multiplier_size(bits: int, family: str) -> float:
    """Multipliers, as `tbn_hw.families.cells` counts them, that a product of two factors of `bits` bits takes."""
    return 0.5 if bits <= find_family(family).estimates.half_multiplier_bits else 1


def constant_piece(mh: int, mw: int, acc_width: int, activation: str) -> Piece:
    """The piece of a matrix (mh, mw) in the logic."""
    return Piece(f"{activation} constants", {"weight": mh * mw, "column": mw, "row": mh, "result bit": mh * acc_width})


@cache
def _count_features(family: str, kind: str, simd: int) -> dict[str, float]:
    """The cells of a counting schedule."""
    schedule, _ = count_products(family, kind, simd, TREE_LEVELS)
    found: dict[str, float] = {"lut": 0, "full adder": 0, "chain": 0}
    chains: dict[Any, list[int]] = {}
    for cell in schedule.cells:
        if isinstance(cell, Adder):
            chains.setdefault(cell.time, []).append(len(cell.places))
        else:
            found["full adder" if isinstance(cell, FullAdder) else "lut"] += 1
    known = find_family(family).estimates
    for places in chains.values():
        found["chain"] += known.chain_places(places)
    found["register"] = len(schedule.outputs)
    return found


def _tree_bits(width: int, terms: int) -> int:
    """Bits added in a balanced tree of signed terms of a width."""
    total, height = 0, 0
    while terms > 1:
        height += 1
        total += (terms // 2) * (width + height)
        terms = (terms + 1) // 2
    return total
