"""The arithmetic of `benchmarks.formats.float32` in NumPy."""

import numpy as np

NAN = 0x7FC00000
INFINITY = 0xFF << 23
TINY = np.float32(2.0 ** -126)


def flushed(values):
    """Numbers below 2**-126 as zero, every NaN as 0x7FC00000."""
    values = np.asarray(values, dtype=np.float32)
    values = np.where(np.abs(values) < TINY, np.copysign(np.float32(0), values), values)
    return np.where(np.isnan(values), np.uint32(NAN).view(np.float32), values).astype(np.float32)


def products(a, b):
    """What `Multiply` gives for arrays of float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        exact = flushed(a).astype(np.float64) * flushed(b).astype(np.float64)  # 48 bits: exact
        scale = np.where(np.abs(exact) < 1, 2.0 ** 100, 1.0)  # away from subnormals, to round as if there were none
        rounded = (exact * scale).astype(np.float32).astype(np.float64) / scale
        return flushed(np.where(np.abs(rounded) < float(TINY), np.copysign(0.0, rounded), rounded).astype(np.float32))


def sums(a, b):
    """What `Add` gives for arrays of float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return flushed(np.add(a, b, dtype=np.float32))
