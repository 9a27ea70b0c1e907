"""Integer matrix products by floating-point BLAS, where floats are exact."""

from __future__ import annotations

import numpy as np


def float_for(matrix: np.ndarray, x: np.ndarray, pad: np.ndarray | int = 0) -> type[np.floating]:
    """The float type in which every product of `matrix` (m, k) with elements of `x` or `pad` is exact.

    All partial sums are integers of at most sum |w| * max |x|: below 2**24 they are exact in float32 in any order, and
    below 2**53 in float64, which the 32-bit accumulators of a network never reach.
    """
    largest = max(-int(x.min(initial=0)), int(x.max(initial=0)), int(np.abs(pad).max(initial=0)))
    bound = largest * int(np.abs(matrix.astype(np.int64)).sum(axis=1).max(initial=0))
    if bound >= 1 << 53:
        raise ValueError(f"a dot product must stay below 2**53 to be exact, its bound is {bound}")
    return np.float32 if bound < 1 << 24 else np.float64


def exact_matmul(rows: np.ndarray, matrix: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """`rows @ matrix.T + bias` as int32; `rows` (r, k) is in the float type that `float_for` gave."""
    product = rows @ matrix.T.astype(rows.dtype)
    if bias is None:
        return product.astype(np.int32)
    return (product.astype(np.int64) + bias).astype(np.int32)


def smallest(lo: int, hi: int) -> type[np.signedinteger]:
    """The narrowest integer type that holds `lo` and `hi`: less memory to move."""
    for dtype in (np.int8, np.int16, np.int32):
        if lo >= np.iinfo(dtype).min and hi <= np.iinfo(dtype).max:
            return dtype
    return np.int64
