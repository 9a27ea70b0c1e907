"""Flatten: one vector for each picture, in the order rows, columns, channels; channels vary fastest."""

from __future__ import annotations

import numpy as np


def flatten(x: np.ndarray) -> np.ndarray:
    """(n, h, w, c) to (n, 1, 1, h * w * c)."""
    return np.ascontiguousarray(x).reshape(len(x), 1, 1, int(np.prod(x.shape[1:])))
