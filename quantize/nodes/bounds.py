"""Exact bounds of accumulators."""

from __future__ import annotations

import numpy as np

from quantize.tensor import NetworkError, TensorType


def accumulator_range(weights: np.ndarray, x: TensorType, bias: np.ndarray | None) -> tuple[int, int]:
    """The smallest and the largest dot product of any row of `weights` (mh, mw) with elements of `x`, plus its bias.

    Raises NetworkError when one of them does not fit 32 bits.
    """
    positive, negative = (part(weights, 0).sum(axis=1, dtype=np.int64) for part in (np.maximum, np.minimum))
    offset = np.zeros(len(weights), np.int64) if bias is None else bias.astype(np.int64)
    lo = int((positive * x.lo + negative * x.hi + offset).min())
    hi = int((positive * x.hi + negative * x.lo + offset).max())
    if lo < -(1 << 31) or hi >= 1 << 31:
        raise NetworkError(f"an accumulator must fit 32 bits, its range is {lo} to {hi}")
    return lo, hi
