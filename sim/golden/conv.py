"""Convolution on integers: the dot product of every window with the weights of each output channel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from quantize.nodes.window import Window
from sim.golden.exact import exact_matmul, float_for
from sim.golden.window import bordered

COLUMN_BYTES = 4 << 20  # windows are copied in pieces of about this size, so that they stay in the cache


def conv(x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None, pad: np.ndarray | int = 0, *,
         window: Window) -> np.ndarray:
    """`out[n, y, x, m] = bias[m] + sum padded[n, y*sy + ky*dy, x*sx + kx*dx, c] * weights[m, ky, kx, c]`.

    The sum runs over ky, kx, c; (sy, sx) and (dy, dx) are stride and dilation of `window`. `x` is (n, h, w, c),
    `weights` (m, *kernel, c), `bias` (m), the result (n, h_out, w_out, m) in int32. `padded` is `x` with the window's
    padding around it. The padding holds `pad`, which is one value or one for each channel: 0 for trits and integers, +1
    or the channel's own value for binary inputs. Raises ValueError when a sum could reach 2**53.
    """
    outputs, count = len(weights), len(x)
    # columns in (ky, kx, c) order, as the weights lie in memory
    matrix = weights.reshape(outputs, -1)
    number = float_for(matrix, x, pad if any(window.padding) else 0)
    (down, across), (below, beside) = window.stride, window.dilation
    windows = np.lib.stride_tricks.sliding_window_view(bordered(x, window, pad, number), window.extent, axis=(1, 2))
    windows = windows[:, ::down, ::across, :, ::below, ::beside]
    windows = windows.transpose(0, 1, 2, 4, 5, 3)  # (n, h_out, w_out, ky, kx, c)
    _, rows, columns = windows.shape[:3]
    out = np.empty((count, rows, columns, outputs), np.int32)
    for piece in _pieces(count, rows, columns, max(1, COLUMN_BYTES // (matrix.shape[1] * windows.itemsize))):
        part = out[piece]
        part[:] = exact_matmul(windows[piece].reshape(-1, matrix.shape[1]), matrix, bias).reshape(part.shape)
    return out


def _pieces(count: int, rows: int, columns: int, windows: int) -> Iterator[tuple[slice, ...]]:
    """Slices of (n, rows, columns) with at most about `windows` elements: whole pictures, else rows, else parts of one.
    """
    for n in _slices(count, windows // (rows * columns)):
        for y in _slices(rows, windows // columns):
            for x in _slices(columns, windows):
                yield n, y, x


def _slices(length: int, step: int) -> Iterator[slice]:
    for first in range(0, length, max(1, step)):
        yield slice(first, first + max(1, step))
