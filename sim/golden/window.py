"""Windows of pictures: their border, and their elements as strided views."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantize.nodes.window import Window


def bordered(x: np.ndarray, window: Window, value: Any, dtype: Any) -> np.ndarray:
    """`x` (n, h, w, c) as `dtype`, with the window's padding around it. `value` is one, or one for each channel."""
    count, height, width, channels = x.shape
    top, left, _, _ = window.padding
    out = np.empty((count, *window.padded(height, width), channels), dtype)
    out[:] = value
    out[:, top:top + height, left:left + width] = x
    return out


def taps(x: np.ndarray, window: Window, border: int) -> list[np.ndarray]:
    """The views of `x` (n, h, w, c) for each element of a window, each (n, h_out, w_out, c), in the order ky, kx.

    View (ky, kx) has element (ky, kx) of every whole window. The padding holds `border`.
    """
    (rows, columns), (down, across) = window.count(*x.shape[1:3]), window.stride
    padded = bordered(x, window, border, x.dtype) if any(window.padding) else x
    starts = [(ky * window.dilation[0], kx * window.dilation[1])
              for ky in range(window.kernel[0]) for kx in range(window.kernel[1])]
    return [padded[:, y:y + (rows - 1) * down + 1:down, x:x + (columns - 1) * across + 1:across] for y, x in starts]
