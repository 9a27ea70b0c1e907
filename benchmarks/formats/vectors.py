"""Random vectors for an array, cycle by cycle, and NumPy's results for them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Vectors:
    """Port values by cycle. `inputs` also has `show`, which is 1 in the cycles in which the output is complete.

    `outputs` has the output in these cycles, else 0. `results` is the number of single results.
    """

    inputs: dict
    outputs: dict
    results: int


def vectors(array, *, folds, count, seed=0):
    """`count` rounds of vectors of `folds` beats. A round has as many vectors as the array's `interleave`.

    Each vector has its own weights. The first vector has the least values as elements and weights, the second the
    largest ones. The others are random.
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
    """Numbers joined to one number, with the first in the low bits."""
    return sum((int(value) & (1 << width) - 1) << (k * width) for k, value in enumerate(values))
