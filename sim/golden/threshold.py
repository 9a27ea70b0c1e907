"""Threshold on integers: two thresholds a channel give trits, one gives binary values."""

from __future__ import annotations

import numpy as np


def threshold(x: np.ndarray, hi: np.ndarray, lo: np.ndarray | None = None) -> np.ndarray:
    """Ternary: `[x >= hi] - [x <= lo]`, in -1, 0, +1. Binary, without `lo`: `x >= hi ? +1 : -1`.

    `x` is (n, h, w, c), `hi` and `lo` are (c), the result is (n, h, w, c) in int8.
    """
    above = (x >= hi).view(np.int8)
    if lo is None:
        return above * np.int8(2) - np.int8(1)
    return above - (x <= lo).view(np.int8)
