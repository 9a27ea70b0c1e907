"""Threshold on integers: to trits by two thresholds a channel, to bits by one."""

from __future__ import annotations

import numpy as np


def threshold(x: np.ndarray, hi: np.ndarray, lo: np.ndarray | None = None) -> np.ndarray:
    """Ternary: `[x >= hi] - [x <= lo]`, in -1, 0, +1. Binary, without `lo`: `x >= hi ? +1 : -1`. As int8.

    `x` is (n, h, w, c), `hi` and `lo` (c).
    """
    above = (x >= hi).view(np.int8)
    if lo is None:
        return above * np.int8(2) - np.int8(1)
    return above - (x <= lo).view(np.int8)
