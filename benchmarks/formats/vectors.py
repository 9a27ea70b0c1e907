"""Random vectors for an array, cycle by cycle, and what NumPy makes of them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Vectors:
    """Port values of each cycle: those of `inputs`, and of the output where it is complete, else 0.

    Besides the array's own ports there is `show`, high in the cycles whose output is complete.
    """

    inputs: dict
    outputs: dict
    results: int


def vectors(array, *, folds, count, seed=0):
    """`count` rounds of vectors of `folds` beats (times the array's `interleave`), each with weights of its own.

    The first vector is of least and the second of largest values, in elements and weights alike, the others random.
    """
    rng = np.random.default_rng(seed)
    turns, columns = array.interleave, folds * array.simd
    beats = count * turns * folds
    cycles = beats + array.latency
    x, w, first, start, show, o = ([0] * cycles for _ in range(6))
    for number in range(count * turns):
        elements, weights = (array.random(rng, kind, shape, number) for kind, shape in (
            (array.elements, (columns,)), (array.weights, (array.pe, columns))))
        more, expected = array.biased(rng, elements, weights)
        begin = number // turns * turns * folds + number % turns
        for fold in range(folds):
            cycle, part = begin + fold * turns, slice(fold * array.simd, (fold + 1) * array.simd)
            x[cycle] = joined(array.encode_x(elements[part]), array.x_width)
            w[cycle] = joined(array.encode_w(weights[:, part]).ravel(), array.w_width)
        first[begin] = show[cycle + array.latency] = 1
        start[begin + array.start_delay] = joined(more, array.acc_width)
        o[cycle + array.latency] = joined(expected, array.acc_width)
    inputs = {"x": x, "w": w, "first": first, "start": start, "show": show}
    return Vectors(inputs, {"o": o}, count * turns * array.pe)


def joined(values, width):
    """Numbers side by side in one, the first in the low bits."""
    return sum((int(value) & (1 << width) - 1) << (k * width) for k, value in enumerate(values))
