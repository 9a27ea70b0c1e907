"""What a network is made of: the meaning of a tensor, and one node of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

TensorKind = Literal["binary", "ternary", "int"]
Attr = int | str


class NetworkError(ValueError):
    """A network that cannot be used: the message is one sentence naming the node and what was expected."""


@dataclass(frozen=True)
class TensorType:
    """Shape (h, w, c) of one picture's tensor, the kind of its elements and their inclusive range."""

    shape: tuple[int, int, int]
    kind: TensorKind
    lo: int
    hi: int

    @property
    def height(self) -> int:
        return self.shape[0]

    @property
    def width(self) -> int:
        return self.shape[1]

    @property
    def channels(self) -> int:
        return self.shape[2]

    @property
    def size(self) -> int:
        """Elements of one picture."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def element_bits(self) -> int:
        """Bits of one element in a stream: 1 for binary, 2 for ternary, two's complement for integers."""
        if self.kind == "binary":
            return 1
        if self.kind == "ternary":
            return 2
        return signed_width(self.lo, self.hi)


@dataclass(frozen=True)
class Node:
    """One operation: its kind, its name (the path in the model file), its input tensors, numbers and arrays."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def integer(self, key: str, default: int | None = None) -> int:
        """The integer attribute `key`; raises NetworkError when it is missing or not an integer."""
        value = self.attrs.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise NetworkError(f"{self.name}: {key} must be an integer, not {value!r}")
        return value

    def at_least(self, key: str, least: int, default: int | None = None) -> int:
        value = self.integer(key, default)
        if value < least:
            raise NetworkError(f"{self.name}: {key} must be at least {least}, not {value}")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """The text attribute `key`, one of `allowed`; raises NetworkError otherwise."""
        value = self.attrs.get(key)
        if value not in allowed:
            raise NetworkError(f"{self.name}: {key} must be one of {', '.join(allowed)}, not {value!r}")
        return str(value)

    def array(self, key: str, shape: tuple[int, ...], bits: int) -> np.ndarray:
        """The integer array `key`, of this shape and within signed(bits); raises NetworkError otherwise."""
        if key not in self.arrays:
            raise NetworkError(f"{self.name}: array {key!r} is missing")
        value = self.arrays[key]
        if value.dtype.kind != "i":
            raise NetworkError(f"{self.name}: array {key!r} must hold signed integers, not {value.dtype}")
        if value.shape != shape:
            raise NetworkError(f"{self.name}: array {key!r} must have shape {shape}, not {value.shape}")
        if value.size and (value.min() < -(1 << (bits - 1)) or value.max() >= 1 << (bits - 1)):
            raise NetworkError(f"{self.name}: array {key!r} must fit {bits} bits, its range is "
                               f"{value.min()} to {value.max()}")
        return value

    def only(self, attrs: Sequence[str], arrays: Sequence[str] = ()) -> None:
        """Refuse attributes and arrays that this kind does not have."""
        for what, found, known in (("attribute", self.attrs, attrs), ("array", self.arrays, arrays)):
            extra = sorted(set(found) - set(known))
            if extra:
                raise NetworkError(f"{self.name}: a {self.kind} node has no {what} {extra[0]!r}")


def signed_width(lo: int, hi: int) -> int:
    """Bits of the smallest two's complement number that holds both `lo` and `hi`."""
    return 1 + max(hi.bit_length() if hi >= 0 else 1, (-lo - 1).bit_length() if lo < 0 else 0, 0)
