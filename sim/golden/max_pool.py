"""Max pool: the largest element of every whole window, channel by channel."""

from __future__ import annotations

import numpy as np

from sim.golden.window import taps


def max_pool(x: np.ndarray, *, kernel: int, stride: int) -> np.ndarray:
    """`out[n, y, x, c] = max over ky, kx of in[n, y*stride+ky, x*stride+kx, c]`.

    `x` is (n, h, w, c), the result (n, h_out, w_out, c) in the type of `x`.
    """
    views = taps(x, kernel, stride)
    out = views[0].copy()
    for view in views[1:]:
        np.maximum(out, view, out=out)
    return out
