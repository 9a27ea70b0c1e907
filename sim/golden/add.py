"""Add: the saturating sum of two tensors, where a shortcut joins the main path."""

from __future__ import annotations

import numpy as np

from sim.golden.exact import smallest


def add(a: np.ndarray, b: np.ndarray, *, width: int) -> np.ndarray:
    """`clip(a + b, -2**(width-1), 2**(width-1) - 1)`.

    `a`, `b` and the result are (n, h, w, c). The result has the narrowest integer type that holds the two limits.
    """
    lo, hi = -(1 << (width - 1)), (1 << (width - 1)) - 1
    narrow = max(a.dtype.itemsize, b.dtype.itemsize) <= 2 and width <= 17
    total = np.add(a, b, dtype=np.int32 if narrow else np.int64)
    return np.clip(total, lo, hi).astype(smallest(lo, hi))
