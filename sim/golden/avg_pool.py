"""Average pool on integers: the exact sum of every whole window, shifted right.

The shift divides by a power of two. The next layer's constants take up the rest of the divisor (`quantize.lowering`).
"""

from __future__ import annotations

import numpy as np

from quantize.nodes.window import Window
from sim.golden.window import taps


def avg_pool(x: np.ndarray, *, window: Window, shift: int = 0) -> np.ndarray:
    """`out[n, y, x, c] = (sum over ky, kx of padded[n, y*sy + ky*dy, x*sx + kx*dx, c]) >> shift`, rounded down.

    (sy, sx) and (dy, dx) are the window's stride and dilation, and `padded` is `x` with zeros as its padding. `x` is
    (n, h, w, c), the result (n, h_out, w_out, c) in int32. Raises ValueError when a sum could leave 32 bits.
    """
    largest = max(-int(x.min(initial=0)), int(x.max(initial=0))) * window.area
    if largest >= 1 << 31:
        raise ValueError(f"a sum of {window.kernel[0]}x{window.kernel[1]} elements must fit 32 bits, its bound is "
                         f"{largest}")
    views = taps(x, window, 0)
    out = views[0].astype(np.int32)
    for view in views[1:]:
        out += view
    return out >> shift
