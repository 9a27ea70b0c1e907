"""Top k: the channels with the largest values."""

from __future__ import annotations

import numpy as np


def top_k(x: np.ndarray, *, k: int) -> np.ndarray:
    """The indices (n, 1, 1, k), int32, of the `k` largest channels of `x` (n, 1, 1, c).

    The largest comes first. Of equal values the lowest index comes first.
    """
    return np.argsort(-x.astype(np.int64), axis=-1, kind="stable")[..., :k].astype(np.int32)
