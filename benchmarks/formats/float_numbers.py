"""The arithmetic of `benchmarks.formats.float32` in NumPy."""

import numpy as np

NAN = 0x7FC00000
INFINITY = 0xFF << 23
TINY = np.float32(2.0 ** -126)


def flushed(values):
    """Values as float32. Magnitudes below 2**-126 become zero, and every NaN becomes 0x7FC00000."""
    values = np.asarray(values, dtype=np.float32)
    values = np.where(np.abs(values) < TINY, np.copysign(np.float32(0), values), values)
    return np.where(np.isnan(values), np.uint32(NAN).view(np.float32), values).astype(np.float32)


def products(a, b):
    """The results of `Multiply` for arrays of float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        exact = flushed(a).astype(np.float64) * flushed(b).astype(np.float64)  # exact, for it has 48 bits
        scale = np.where(np.abs(exact) < 1, 2.0 ** 100, 1.0)  # far from subnormals, to round as if there were none
        rounded = (exact * scale).astype(np.float32).astype(np.float64) / scale
        return flushed(np.where(np.abs(rounded) < float(TINY), np.copysign(0.0, rounded), rounded).astype(np.float32))


def sums(a, b):
    """The results of `Add` for arrays of float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return flushed(np.add(a, b, dtype=np.float32))
