"""The chain of float operations between a dot product and a quantiser, and its integer forms.

`first_true` finds the integer where a chain crosses a threshold. `multiplier` finds an integer multiply and shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Predicate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Chain:
    """A sequence of operations on float64 values, each a multiply, an add or a ReLU. The channel is the last axis.

    Every operation is monotone, so the chain is. A chain can be called on NumPy arrays. To call it on torch tensors,
    `map` its arrays to torch first.
    """

    operations: tuple[tuple[Literal["multiply", "add", "relu"], Any], ...] = ()

    def multiply(self, by: np.ndarray | float) -> Chain:
        return Chain((*self.operations, ("multiply", np.asarray(by, np.float64))))

    def add(self, value: np.ndarray | float) -> Chain:
        return Chain((*self.operations, ("add", np.asarray(value, np.float64))))

    def relu(self) -> Chain:
        return Chain((*self.operations, ("relu", None)))

    def map(self, convert: Callable[[np.ndarray], Any]) -> Chain:
        """Return the chain with every array converted by ``convert``."""
        return Chain(tuple((name, None if value is None else convert(value)) for name, value in self.operations))

    def __call__(self, x: Any) -> Any:
        for name, value in self.operations:
            if name == "multiply":
                x = x * value
            elif name == "add":
                x = x + value
            else:
                x = x.clip(0)
        return x

    def affine(self, channels: int) -> tuple[np.ndarray, np.ndarray, bool]:
        """Return (a, b, relu): the chain equals ``a * x + b``, followed by a ReLU if ``relu``.

        Raises
        ------
        ValueError
            If an operation follows a ReLU.
        """
        a, b, relu = np.ones(channels), np.zeros(channels), False
        for name, value in self.operations:
            if relu:
                raise ValueError("nothing but the quantiser may follow a relu here")
            if name == "multiply":
                a, b = a * value, b * value
            elif name == "add":
                b = b + value
            else:
                relu = True
        return a, b, relu


def first_true(predicate: Predicate, lo: int, hi: int, channels: int) -> np.ndarray:
    """Return int64 (channels): the smallest integer in ``lo..hi`` where ``predicate`` holds, or ``hi + 1`` if none.

    ``predicate`` maps float64 (channels) to bool (channels). It must not become false again as its argument grows.
    """
    low = np.full(channels, lo, np.int64)
    high = np.full(channels, hi + 1, np.int64)
    while (low < high).any():
        middle = (low + high) // 2  # at most hi where low < high
        holds = predicate(middle.astype(np.float64))
        open_ = low < high
        high = np.where(open_ & holds, middle, high)
        low = np.where(open_ & ~holds, middle + 1, low)
    return low


@dataclass(frozen=True)
class Multiplier:
    """The operation ``(x * mult + bias) >> shift``, with int16 ``mult`` and int32 ``bias`` for each channel.

    ``bias`` includes the half that makes the shift round to the nearest integer. ``shift`` is one for all channels.
    """

    mult: np.ndarray
    bias: np.ndarray
    shift: int


def multiplier(a: np.ndarray, b: np.ndarray) -> Multiplier:
    """Return the integer form of rounding ``a * x + b`` to the nearest integer.

    The shift is the largest one up to 40 at which all factors fit 16 bits and all offsets fit 32.

    Raises
    ------
    ValueError
        If a factor is too large for 16 bits or an offset for 32.
    """
    for shift in range(40, -1, -1):
        half = 1 << (shift - 1) if shift else 0
        mult, bias = np.rint(a * 2.0**shift), np.rint(b * 2.0**shift) + half
        if np.abs(mult).max() <= 32767 and np.abs(bias).max() <= 2**31 - 1:
            return Multiplier(mult.astype(np.int16), bias.astype(np.int32), shift)
    raise ValueError(f"factors up to {np.abs(a).max():.3g} and offsets up to {np.abs(b).max():.3g} "
                     "must fit 16 and 32 bits")
