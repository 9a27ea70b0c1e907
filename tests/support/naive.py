"""The golden model a second time, element by element on Python integers: slow, and too plain to be wrong."""

from __future__ import annotations

from itertools import product

import numpy as np


def conv(x, weights, bias=None, pad=0, *, stride=1, padding=0):
    count, height, width, channels = x.shape
    outputs, kernel, _, _ = weights.shape
    rows, columns = ((size + 2 * padding - kernel) // stride + 1 for size in (height, width))
    pad = np.broadcast_to(pad, channels)
    out = np.zeros((count, rows, columns, outputs), object)
    for n, y, z, m in np.ndindex(out.shape):
        total = 0 if bias is None else int(bias[m])
        for ky, kx, c in product(range(kernel), range(kernel), range(channels)):
            row, column = y * stride + ky - padding, z * stride + kx - padding
            inside = 0 <= row < height and 0 <= column < width
            total += int(x[n, row, column, c] if inside else pad[c]) * int(weights[m, ky, kx, c])
        out[n, y, z, m] = total
    return out


def dense(x, weights, bias=None):
    return conv(x, weights.reshape(len(weights), 1, 1, -1), bias)


def threshold(x, hi, lo=None):
    out = np.zeros(x.shape, object)
    for n, y, z, c in np.ndindex(x.shape):
        value = int(x[n, y, z, c])
        if lo is None:
            out[n, y, z, c] = 1 if value >= hi[c] else -1
        else:
            out[n, y, z, c] = int(value >= hi[c]) - int(value <= lo[c])
    return out


def _pool(x, kernel, stride, reduce):
    count, height, width, channels = x.shape
    out = np.zeros((count, (height - kernel) // stride + 1, (width - kernel) // stride + 1, channels), object)
    for n, y, z, c in np.ndindex(out.shape):
        out[n, y, z, c] = reduce(int(x[n, y * stride + ky, z * stride + kx, c])
                                 for ky, kx in product(range(kernel), range(kernel)))
    return out


def max_pool(x, *, kernel, stride):
    return _pool(x, kernel, stride, max)


def avg_pool(x, *, kernel, stride, shift=0):
    return _pool(x, kernel, stride, lambda values: sum(values) // 2**shift)


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
