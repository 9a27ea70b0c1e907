"""Top k: the channels with the largest values."""

from __future__ import annotations

import numpy as np


def top_k(x: np.ndarray, *, k: int) -> np.ndarray:
    """Indices of the `k` largest of (n, 1, 1, c), largest first, ties to the lowest index; (n, 1, 1, k) in int32."""
    return np.argsort(-x.astype(np.int64), axis=-1, kind="stable")[..., :k].astype(np.int32)
