"""Weight ROM images. This file alone decides how weights lie in a memory.

Row `neuron_fold * synapse_folds + synapse_fold` holds PE x SIMD weights. Weight (pe_index, simd_index) is element
`pe_index * simd + simd_index`, and element 0 lies in the low bits. A binary weight is one bit, where 1 means -1. An
int8 weight is in two's complement, in the least width of 2 to 8 bits that holds all weights of its node. The columns of
the matrix are in the order (ky, kx, c).
"""

from __future__ import annotations

import numpy as np

from quantize.tensor import Node, signed_width


def matrix(node: Node) -> np.ndarray:
    """The weights of a conv or dense node as a matrix (mh, mw)."""
    weights = node.arrays["weights"]
    return weights.reshape(len(weights), -1)


def weight_bits(node: Node) -> int:
    """Bits of one weight of a conv or dense node in its memory."""
    weights = node.arrays["weights"]
    return 1 if node.attrs["weights"] == "binary" else max(2, signed_width(int(weights.min()), int(weights.max())))


def pack(weights: np.ndarray, pe: int, simd: int, bits: int = 1) -> list[int]:
    """The ROM rows of a matrix (mh, mw), as unsigned integers of `pe * simd * bits` bits.

    Raises ValueError when PE does not divide mh, SIMD does not divide mw, or a weight does not fit.
    """
    mh, mw = weights.shape
    if mh % pe:
        raise ValueError(f"PE {pe} must evenly divide matrix height {mh}")
    if mw % simd:
        raise ValueError(f"SIMD {simd} must evenly divide matrix width {mw}")
    if bits == 1:
        if not np.isin(weights, (-1, 1)).all():
            raise ValueError("binary weights must be -1 or +1")
        codes = (weights < 0).astype(np.uint8)[..., None]
    else:
        if weights.min() < -(1 << (bits - 1)) or weights.max() >= 1 << (bits - 1):
            raise ValueError(f"weights must fit {bits} bits, their range is {weights.min()} to {weights.max()}")
        codes = ((weights.astype(np.int64)[..., None] >> np.arange(bits)) & 1).astype(np.uint8)
    # (mh, mw, bit) -> (neuron fold, PE, synapse fold, SIMD, bit) -> rows of PE x SIMD x bit
    folded = codes.reshape(mh // pe, pe, mw // simd, simd, bits).transpose(0, 2, 1, 3, 4)
    rows = folded.reshape((mh // pe) * (mw // simd), pe * simd * bits)
    return [int.from_bytes(np.packbits(row, bitorder="little").tobytes(), "little") for row in rows]


def mem_text(rows: list[int], width: int) -> str:
    """The text of a `.mem` file for `$readmemh`: a line for each row of `width` bits, in hexadecimal."""
    digits = (width + 3) // 4
    return "".join(f"{row:0{digits}x}\n" for row in rows)
