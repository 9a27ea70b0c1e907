"""Integer matrix products by floating-point BLAS, in a float type that is exact for them."""

from __future__ import annotations

import numpy as np


def float_for(matrix: np.ndarray, x: np.ndarray, pad: np.ndarray | int = 0) -> type[np.floating]:
    """The float type in which every dot product of a row of `matrix` (m, k) with elements of `x` or `pad` is exact.

    All partial sums are integers of at most sum |w| * max |x|. Below 2**24 they are exact in float32, and below 2**53
    in float64, in any order of summation. A network's 32-bit accumulators stay below 2**53.
    Raises ValueError when the bound is 2**53 or more.
    """
    largest = max(-int(x.min(initial=0)), int(x.max(initial=0)), int(np.abs(pad).max(initial=0)))
    bound = largest * int(np.abs(matrix.astype(np.int64)).sum(axis=1).max(initial=0))
    if bound >= 1 << 53:
        raise ValueError(f"a dot product must stay below 2**53 to be exact, its bound is {bound}")
    return np.float32 if bound < 1 << 24 else np.float64


def exact_matmul(rows: np.ndarray, matrix: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """`rows @ matrix.T + bias` (r, m) as int32. `rows` (r, k) has the float type that `float_for` gave."""
    product = rows @ matrix.T.astype(rows.dtype)
    if bias is None:
        return product.astype(np.int32)
    return (product.astype(np.int64) + bias).astype(np.int32)


def smallest(lo: int, hi: int) -> type[np.signedinteger]:
    """The narrowest signed integer type that holds `lo` and `hi`, so that less memory is moved."""
    for dtype in (np.int8, np.int16, np.int32):
        if lo >= np.iinfo(dtype).min and hi <= np.iinfo(dtype).max:
            return dtype
    return np.int64
