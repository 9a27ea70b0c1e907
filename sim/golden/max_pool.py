"""Max pool: the largest element of every whole window, channel by channel."""

from __future__ import annotations

import numpy as np

from quantize.nodes.window import Window
from sim.golden.window import taps


def max_pool(x: np.ndarray, *, window: Window) -> np.ndarray:
    """`out[n, y, x, c] = max over ky, kx of in[n, y*sy + ky*dy, x*sx + kx*dx, c]`, over pixels inside the picture.

    (sy, sx) and (dy, dx) are the window's stride and dilation. `x` is (n, h, w, c), the result (n, h_out, w_out, c) in
    the type of `x`. Each window must have a pixel inside.
    """
    views = taps(x, window, np.iinfo(x.dtype).min)
    out = views[0].copy()
    for view in views[1:]:
        np.maximum(out, view, out=out)
    return out
