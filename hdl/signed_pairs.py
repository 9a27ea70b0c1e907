"""Integers in pairs, added and subtracted once for all rows of a matrix of signs.

A row with signs w and v needs `(-1)^w a + (-1)^v b`. Up to its sign that is a + b or a - b, so a row only chooses
between the two and inverts. That takes one LUT4 a bit for two products, instead of one a bit for each product and an
adder.

Let s = a + b and d = a - b - 1. Let t be (w ^ v ? d : s), with all bits inverted if w is 1. Then the row needs t + v,
because -x is ~x + 1.
"""

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Shape, signed
from amaranth.lib import data


def pair_layout(shape, lanes):
    """The layout of pairs of integers: the sum of each, and the difference less 1. An odd lane is paired with zero."""
    shape = Shape.cast(shape)
    one = signed(shape.width + 2 - shape.signed)
    return data.ArrayLayout(data.StructLayout({"total": one, "difference": one}), (lanes + 1) // 2)


def pairs(values):
    """Values of the fields of `pair_layout`, one after the other."""
    values = [value if value.shape().signed else Cat(value, Const(0, 1)).as_signed() for value in values]
    fields = []
    for a, b in zip(values[::2], [*values[1::2], Const(0, signed(1))], strict=False):
        fields += [a + b, a + ~b]
    return fields


def pair_terms(elements, signs):
    """The terms of a row with the given signs, one a pair. Their sum lacks what `late_negatives` counts."""
    signs = [*signs, signs[-1]] if len(signs) % 2 else list(signs)
    return [Mux(w ^ v, pair.difference, pair.total) ^ w.replicate(len(pair.total)).as_signed()
            for pair, w, v in zip(elements, signs[::2], signs[1::2], strict=True)]


def late_negatives(weights, simd):
    """What to add to the terms of each row of a matrix (mh, mw): its number of negative weights at a pair's end."""
    lane = np.arange(weights.shape[1]) % simd
    return ((weights < 0) & ((lane % 2 == 1) | (lane == simd - 1))).sum(axis=1)
