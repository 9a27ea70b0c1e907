"""The parts of a network: the type of a tensor, and one node of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

TensorKind = Literal["binary", "ternary", "int"]
Attr = int | str | tuple[int, ...]


class NetworkError(ValueError):
    """The network cannot be used. The message is one sentence that names the node and what was expected."""


@dataclass(frozen=True)
class TensorType:
    """The shape (h, w, c) of one picture's tensor, the kind of its elements, and their range `lo` to `hi` inclusive."""

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
        """The number of elements of one picture."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def element_bits(self) -> int:
        """The bits of one element in a stream: 1 if binary, 2 if ternary, else a two's complement number's width."""
        if self.kind == "binary":
            return 1
        if self.kind == "ternary":
            return 2
        return signed_width(self.lo, self.hi)


@dataclass(frozen=True)
class Node:
    """One operation. Its `name` is its path in the model file; `attrs` are its numbers and words.

    `inputs` name the tensors that it reads. A tensor has the name of the node that makes it.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)

    def integer(self, key: str, default: int | None = None) -> int:
        """The integer attribute `key`, or `default`. Raises NetworkError when there is neither, or no integer."""
        value = self.attrs.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise NetworkError(f"{self.name}: {key} must be an integer, not {value!r}")
        return value

    def at_least(self, key: str, least: int, default: int | None = None) -> int:
        """The integer attribute `key`, or `default`. Raises NetworkError also when it is less than `least`."""
        value = self.integer(key, default)
        if value < least:
            raise NetworkError(f"{self.name}: {key} must be at least {least}, not {value}")
        return value

    def numbers(self, key: str, counts: tuple[int, ...], least: int, default: int | None = None) -> None:
        """Raise NetworkError unless the attribute `key` is an integer or a tuple of integers, none less than `least`.

        `counts` says how many a tuple may hold, besides 1 for an integer. An attribute with a `default` may be missing.
        """
        value = self.attrs.get(key, default)
        found = value if isinstance(value, tuple) else (value,)
        plain = [number for number in found if isinstance(number, int) and not isinstance(number, bool)]
        if len(found) not in counts or len(plain) < len(found):
            most = {2: "two", 4: "four"}[counts[-1]]
            raise NetworkError(f"{self.name}: {key} must be an integer or {most} integers, not {value!r}")
        for number in plain:
            if number < least:
                raise NetworkError(f"{self.name}: {key} must be at least {least}, not {number}")

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """The text attribute `key`. Raises NetworkError when it is not one of `allowed`."""
        value = self.attrs.get(key)
        if value not in allowed:
            raise NetworkError(f"{self.name}: {key} must be one of {', '.join(allowed)}, not {value!r}")
        return str(value)

    def array(self, key: str, shape: tuple[int, ...], bits: int) -> np.ndarray:
        """The integer array `key`. Raises NetworkError when it is missing, of another shape or beyond signed(bits)."""
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
        """Raise NetworkError when the node has an attribute or array beyond `attrs` and `arrays`."""
        for what, found, known in (("attribute", self.attrs, attrs), ("array", self.arrays, arrays)):
            extra = sorted(set(found) - set(known))
            if extra:
                raise NetworkError(f"{self.name}: a {self.kind} node has no {what} {extra[0]!r}")


def signed_width(lo: int, hi: int) -> int:
    """The width in bits of the smallest two's complement number that holds both `lo` and `hi`."""
    return 1 + max(hi.bit_length() if hi >= 0 else 1, (-lo - 1).bit_length() if lo < 0 else 0, 0)
