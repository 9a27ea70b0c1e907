"""The golden model a second time, element by element on Python integers: slow, and too plain to be wrong."""

from __future__ import annotations

from itertools import product

import numpy as np


def places(size, kernel, stride, before, after, dilation):
    """For each position of a window along an axis: the place of each of its elements, None in the padding."""
    found, start = [], -before
    while start + (kernel - 1) * dilation < size + after:
        line = [start + k * dilation for k in range(kernel)]
        found.append([place if 0 <= place < size else None for place in line])
        start += stride
    return found


def windows(x, window):
    """(rows, columns, function): the shape of a convolution's output, and the places (ky, kx, row, column) of one.

    Row and column are None outside the picture.
    """
    top, left, bottom, right = window.padding
    axes = [places(size, window.kernel[i], window.stride[i], before, after, window.dilation[i])
            for i, (size, before, after) in enumerate(((x.shape[1], top, bottom), (x.shape[2], left, right)))]

    def of(y, z):
        for (ky, row), (kx, column) in product(enumerate(axes[0][y]), enumerate(axes[1][z])):
            yield (ky, kx, row, column) if None not in (row, column) else (ky, kx, None, None)

    return len(axes[0]), len(axes[1]), of


def conv(x, weights, bias=None, pad=0, *, window):
    rows, columns, places_of = windows(x, window)
    pad = np.broadcast_to(pad, x.shape[3])
    out = np.zeros((len(x), rows, columns, len(weights)), object)
    for n, y, z, m in np.ndindex(out.shape):
        total = 0 if bias is None else int(bias[m])
        for (ky, kx, row, column), c in product(places_of(y, z), range(x.shape[3])):
            total += int(pad[c] if row is None else x[n, row, column, c]) * int(weights[m, ky, kx, c])
        out[n, y, z, m] = total
    return out


def dense(x, weights, bias=None):
    out = np.zeros((len(x), 1, 1, len(weights)), object)
    for n, _, _, m in np.ndindex(out.shape):
        out[n, 0, 0, m] = sum((int(a) * int(b) for a, b in zip(x[n, 0, 0], weights[m], strict=True)),
                              0 if bias is None else int(bias[m]))
    return out


def threshold(x, hi, lo=None):
    out = np.zeros(x.shape, object)
    for n, y, z, c in np.ndindex(x.shape):
        value = int(x[n, y, z, c])
        if lo is None:
            out[n, y, z, c] = 1 if value >= hi[c] else -1
        else:
            out[n, y, z, c] = int(value >= hi[c]) - int(value <= lo[c])
    return out


def _pool(x, window, reduce):
    rows, columns, places_of = windows(x, window)
    out = np.zeros((len(x), rows, columns, x.shape[3]), object)
    for n, y, z, c in np.ndindex(out.shape):
        out[n, y, z, c] = reduce(int(x[n, row, column, c]) for _, _, row, column in places_of(y, z) if row is not None)
    return out


def max_pool(x, *, window):
    return _pool(x, window, max)


def avg_pool(x, *, window, shift=0):
    return _pool(x, window, lambda values: sum(values) // 2**shift)


def requantize(x, mult, bias, *, shift, lo, hi):
    out = np.zeros(x.shape, object)
    for n, y, z, c in np.ndindex(x.shape):
        scaled = (int(x[n, y, z, c]) * int(mult[c]) + int(bias[c])) // 2**shift
        out[n, y, z, c] = min(max(scaled, lo), hi)
    return out


def add(a, b, *, width):
    out = np.zeros(a.shape, object)
    for index in np.ndindex(a.shape):
        out[index] = min(max(int(a[index]) + int(b[index]), -2 ** (width - 1)), 2 ** (width - 1) - 1)
    return out


def pad_channels(x, *, before, after):
    out = np.zeros((*x.shape[:3], before + x.shape[3] + after), object)
    for n, y, z, c in np.ndindex(x.shape):
        out[n, y, z, before + c] = int(x[n, y, z, c])
    return out


def flatten(x):
    count, height, width, channels = x.shape
    out = np.zeros((count, 1, 1, height * width * channels), object)
    for n, y, z, c in np.ndindex(x.shape):
        out[n, 0, 0, (y * width + z) * channels + c] = int(x[n, y, z, c])
    return out


def top_k(x, *, k):
    out = np.zeros((*x.shape[:3], k), object)
    for n in range(len(x)):
        left = {c: int(value) for c, value in enumerate(x[n, 0, 0])}
        for rank in range(k):
            best = min(c for c, value in left.items() if value == max(left.values()))
            out[n, 0, 0, rank] = best
            del left[best]
    return out
