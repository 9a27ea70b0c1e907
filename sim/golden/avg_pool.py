"""Average pool on integers: the exact sum of every whole window, shifted right.

The shift divides by a power of two. The next layer's constants take up the rest of the divisor (`quantize.lowering`).
"""

from __future__ import annotations

import numpy as np

from sim.golden.window import taps


def avg_pool(x: np.ndarray, *, kernel: int, stride: int, shift: int = 0) -> np.ndarray:
    """`out[n, y, x, c] = (sum over ky, kx of in[n, y*stride+ky, x*stride+kx, c]) >> shift`, rounded down.

    `x` is (n, h, w, c), the result (n, h_out, w_out, c) in int32. Raises ValueError when a sum could leave 32 bits.
    """
    largest = max(-int(x.min(initial=0)), int(x.max(initial=0))) * kernel * kernel
    if largest >= 1 << 31:
        raise ValueError(f"a sum of {kernel}x{kernel} elements must fit 32 bits, its bound is {largest}")
    views = taps(x, kernel, stride)
    out = views[0].astype(np.int32)
    for view in views[1:]:
        out += view
    return out >> shift
