"""Fully connected layer on integers: one dot product per output."""

from __future__ import annotations

import numpy as np

from sim.golden.exact import exact_matmul, float_for


def dense(x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """`out[n, 0, 0, m] = bias[m] + sum over i of x[n, 0, 0, i] * weights[m, i]`.

    `x` is (n, 1, 1, inputs), `weights` (m, inputs), `bias` (m), the result (n, 1, 1, m) in int32.
    Raises ValueError when a sum could reach 2**53.
    """
    rows = x.reshape(len(x), weights.shape[1]).astype(float_for(weights, x))
    return exact_matmul(rows, weights, bias).reshape(len(x), 1, 1, len(weights))
