"""Requantize: a fixed-point scale and offset per channel, an arithmetic shift, a clip."""

from __future__ import annotations

import numpy as np

from sim.golden.exact import smallest


def requantize(x: np.ndarray, mult: np.ndarray, bias: np.ndarray, *, shift: int, lo: int, hi: int) -> np.ndarray:
    """`clip((x * mult[c] + bias[c]) >> shift, lo, hi)`.

    The shift rounds down. `bias` includes a half, 2**(shift-1), so that the whole rounds to nearest. `x` is
    (n, h, w, c), `mult` and `bias` are (c). The result has the narrowest integer type that holds `lo` and `hi`.
    """
    largest = max(-int(x.min(initial=0)), int(x.max(initial=0))) * int(np.abs(mult.astype(np.int64)).max())
    largest += int(np.abs(bias.astype(np.int64)).max())
    number = np.int32 if largest < 1 << 31 else np.int64
    scaled = x.astype(number) * mult.astype(number)
    np.add(scaled, bias.astype(number), out=scaled)
    np.right_shift(scaled, shift if number is np.int64 else min(shift, 31), out=scaled)
    limits = np.iinfo(number)
    return np.clip(scaled, max(lo, limits.min), min(hi, limits.max)).astype(smallest(lo, hi))
