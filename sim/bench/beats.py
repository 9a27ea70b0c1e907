"""Packing of arrays into the beats of a stream, and back: element 0 in the low bits, channel fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Encoding = Literal["binary", "signed", "unsigned"]


def pack(values: np.ndarray, elements: int, width: int, encoding: Encoding = "signed") -> list[int]:
    """`values`, in memory order, as beats of `elements` elements with `width` bits each.

    "binary" codes -1 as 1 and +1 as 0. Raises ValueError when a value does not fit, or the values do not fill the last
    beat.
    """
    flat = np.asarray(values).reshape(-1).astype(np.int64)
    signed = -(2 ** (width - 1)), 2 ** (width - 1) - 1
    lo, hi = {"binary": (-1, 1), "unsigned": (0, 2**width - 1), "signed": signed}[encoding]
    if flat.size and (flat.min() < lo or flat.max() > hi):
        raise ValueError(f"{encoding} elements of {width} bits must lie in {lo} to {hi}, "
                         f"their range is {flat.min()} to {flat.max()}")
    if flat.size % elements:
        raise ValueError(f"{elements} elements a beat must evenly divide {flat.size} elements")
    codes = (flat < 0).astype(np.int64) if encoding == "binary" else flat
    bits = ((codes[:, None] >> np.arange(width)) & 1).astype(np.uint8)
    rows = np.packbits(bits.reshape(-1, elements * width), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def unpack(beats: Sequence[int], elements: int, width: int, encoding: Encoding = "signed") -> np.ndarray:
    """The inverse of `pack`: the elements of `beats` in order, shape (len(beats) * elements,), int64."""
    size = (elements * width + 7) // 8
    data = np.frombuffer(b"".join(beat.to_bytes(size, "little") for beat in beats), np.uint8).reshape(len(beats), size)
    bits = np.unpackbits(data, axis=1, bitorder="little", count=elements * width).reshape(-1, width).astype(np.int64)
    codes = (bits << np.arange(width)).sum(axis=1)
    if encoding == "binary":
        return 1 - 2 * codes
    return codes - ((codes >> (width - 1)) << width) if encoding == "signed" else codes
