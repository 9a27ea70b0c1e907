"""Square pooling windows as strided views."""

from __future__ import annotations

import numpy as np


def taps(x: np.ndarray, kernel: int, stride: int) -> list[np.ndarray]:
    """The kernel**2 views of `x` (n, h, w, c), each (n, h_out, w_out, c), in the order ky, kx.

    View (ky, kx) has element (ky, kx) of every whole window.
    """
    rows, columns = ((size - kernel) // stride + 1 for size in x.shape[1:3])
    return [x[:, ky:ky + (rows - 1) * stride + 1:stride, kx:kx + (columns - 1) * stride + 1:stride]
            for ky in range(kernel) for kx in range(kernel)]
