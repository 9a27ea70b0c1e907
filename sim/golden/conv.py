"""Convolution on integers: the dot product of every window with the weights of each output channel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.golden.exact import exact_matmul, float_for

COLUMN_BYTES = 4 << 20  # windows are copied in pieces of about this size, so that they stay in the cache


def conv(x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None = None, pad: np.ndarray | int = 0, *,
         stride: int = 1, padding: int = 0) -> np.ndarray:
    """`out[n, y, x, m] = bias[m] + sum padded[n, y*stride+ky, x*stride+kx, c] * weights[m, ky, kx, c]`.

    The sum runs over ky, kx, c. `x` is (n, h, w, c), `weights` (m, kernel, kernel, c), `bias` (m), the result
    (n, h_out, w_out, m) in int32. `padded` is `x` with `padding` more pixels on each side. They hold `pad`, which is
    one value or one for each channel: 0 for trits and integers, +1 or the channel's own value for binary inputs.
    Raises ValueError when a sum could reach 2**53.
    """
    count, height, width, channels = x.shape
    outputs, kernel, _, _ = weights.shape
    # columns in (ky, kx, c) order, as the weights lie in memory
    matrix = weights.reshape(outputs, -1)
    number = float_for(matrix, x, pad if padding else 0)
    padded = np.empty((count, height + 2 * padding, width + 2 * padding, channels), number)
    padded[:] = pad
    padded[:, padding:padding + height, padding:padding + width] = x
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    windows = windows[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)  # (n, h_out, w_out, ky, kx, c)
    _, rows, columns = windows.shape[:3]
    out = np.empty((count, rows, columns, outputs), np.int32)
    for piece in _pieces(count, rows, columns, max(1, COLUMN_BYTES // (matrix.shape[1] * padded.itemsize))):
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
