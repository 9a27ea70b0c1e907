"""Multipliers whose steps lie exactly where a quantiser's do, at every integer that the input can be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quantize.chain import Multiplier, first_true
from quantize.tensor import TensorType

MOST_STEPS = 255
"""The steps of a quantiser of 8 bits. The sums of shortcuts have more, and are not looked at step by step."""
REACH = 4
"""How far from the rounded factor other factors are tried."""

Levels = Callable[[np.ndarray], np.ndarray]


def stepped(form: Multiplier, wanted: Levels, kind: TensorType, lo: int, hi: int) -> Multiplier:
    """Return `form` with factors and offsets that make what `wanted` makes of every integer of `kind`, where there are
    such.

    `wanted` maps float64 (n, channels) to levels of lo..hi, and rises or falls with the integer as `form` does. A
    channel without such a factor near its own stays as it is, and so does a form of more than MOST_STEPS steps.
    """
    if hi - lo > MOST_STEPS:
        return form
    mult, bias = form.mult.astype(np.int64), form.bias.astype(np.int64)
    sign = np.where(mult < 0, -1, 1)
    bottom, top = np.minimum(kind.lo * sign, kind.hi * sign), np.maximum(kind.lo * sign, kind.hi * sign)
    levels = np.arange(lo + 1, hi + 1)[:, None]
    first = first_true(lambda u: wanted(u * sign) >= levels, int(bottom.min()), int(top.max()),
                       (len(levels), kind.channels))  # the least integer, times its sign, at each level
    begins, ends = np.maximum(first, bottom), np.minimum(first - 1, top)
    size, goal = np.abs(mult), levels << form.shift
    limits, found = np.iinfo(np.int32), np.zeros(kind.channels, bool)
    for offset in sorted(range(-REACH, REACH + 1), key=abs):
        factor = size + offset
        least = np.where(first <= top, goal - begins * factor, limits.min).max(axis=0, initial=limits.min)
        most = np.where(first > bottom, goal - 1 - ends * factor, limits.max).min(axis=0, initial=limits.max)
        fits = ~found & (least <= most) & (factor >= 0) & (factor <= np.iinfo(np.int16).max)
        mult, bias = np.where(fits, factor * sign, mult), np.where(fits, (least + most) // 2, bias)
        found |= fits
    return Multiplier(mult.astype(np.int16), bias.astype(np.int32), form.shift)
