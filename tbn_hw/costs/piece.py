"""A piece of an engine: the numbers from which its cost follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Piece:
    """A form, the numbers of its features, and its block RAMs and multipliers."""

    form: str
    features: Mapping[str, float]
    bram: float = 0
    dsp: float = 0


def bits_of(count: int) -> int:
    """Bits of a counter of `count` values."""
    return max(0, (count - 1).bit_length())
