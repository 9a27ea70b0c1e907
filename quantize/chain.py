"""The chain of float operations between a dot product and a quantiser, and its integer forms.

A chain computes as the float network does: the same operations in the same order, each rounded to the same precision.

`first_true` finds the integer where a chain crosses a threshold. `multiplier` finds an integer multiply and shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Predicate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Chain:
    """A sequence of operations on an array of float64 integers. The channel is the last axis.

    An operation is its name and its arrays. It computes in the precision of its argument: float64 up to the first
    `cast`, then that of the last one. Every operation is monotone, and so is its rounding, so the chain is.
    """

    operations: tuple[tuple[str, tuple[np.ndarray, ...]], ...] = ()

    def multiply(self, by: np.ndarray | float) -> Chain:
        return self._with("multiply", by)

    def divide(self, by: np.ndarray | float) -> Chain:
        return self._with("divide", by)

    def add(self, value: np.ndarray | float) -> Chain:
        return self._with("add", value)

    def normalise(self, *values: np.ndarray | float, fused: bool) -> Chain:
        """The chain with a batch norm of gamma, beta, mean, variance and epsilon, computed as a factor and an offset.

        ONNX Runtime rounds every product and every sum. torch fuses a product and the sum behind it into one rounding.
        """
        return self._with("fused_normalise" if fused else "normalise", *values)

    def clip(self, lo: float, hi: float) -> Chain:
        return self._with("clip", lo, hi)

    def relu(self) -> Chain:
        return self.clip(0.0, np.inf)

    def count(self, *thresholds: np.ndarray | float) -> Chain:
        """The chain with each value replaced by the number of thresholds that it reaches."""
        return self._with("count", *thresholds)

    def cast(self, dtype: Any) -> Chain:
        """The chain with its values rounded to ``dtype``, float32 or float64, which the next operations compute in."""
        return self._with(np.dtype(dtype).name)

    def _with(self, name: str, *values: np.ndarray | float) -> Chain:
        return Chain((*self.operations, (name, tuple(np.asarray(value, np.float64) for value in values))))

    def map(self, convert: Callable[[np.ndarray], np.ndarray]) -> Chain:
        """Return the chain with every array converted by ``convert``."""
        return Chain(tuple((name, tuple(map(convert, arrays))) for name, arrays in self.operations))

    def before_cast(self) -> Chain:
        """The operations before the first cast, which give the real value that an integer stands for."""
        names = [name for name, _ in self.operations]
        return Chain(self.operations[: min((names.index(name) for name in CASTS if name in names), default=len(names))])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of the chain's values."""
        casts = [name for name, _ in self.operations if name in CASTS]
        return np.dtype(casts[-1] if casts else np.float64)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the chain's values, as float64."""
        with np.errstate(over="ignore", invalid="ignore"):
            for name, arrays in self.operations:
                x = _COMPUTE[name](x, *(array.astype(x.dtype) for array in arrays))
        return np.asarray(x, np.float64)

    def affine(self, channels: int) -> tuple[np.ndarray, np.ndarray, tuple[float, float] | None]:
        """Return (a, b, limits): in real numbers the chain is ``a * x + b``, clipped to ``limits`` unless None.

        Raises
        ------
        ValueError
            If an operation other than a clip follows a ReLU or a clip, or if the chain counts thresholds.
        """
        a, b, limits = np.ones(channels), np.zeros(channels), None
        for name, arrays in self.operations:
            if name in CASTS:
                continue
            if name == "clip":
                lo, hi = (float(end) for end in arrays)
                limits = (lo, hi) if limits is None else (min(max(limits[0], lo), hi), min(max(limits[1], lo), hi))
                continue
            if name == "count":
                raise ValueError("a number of thresholds is no multiple of what is compared with them")
            if limits is not None:
                raise ValueError("nothing but the quantiser may follow a relu here")
            if name == "add":
                b = b + arrays[0]
            elif name.endswith("normalise"):
                factor, offset = _factor_and_offset(*arrays)
                a, b = a * factor, b * factor + offset
            else:
                a, b = (a * arrays[0], b * arrays[0]) if name == "multiply" else (a / arrays[0], b / arrays[0])
        return a, b, limits


CASTS = ("float32", "float64")


def _normalise(x: np.ndarray, *arrays: np.ndarray) -> np.ndarray:
    factor, offset = _factor_and_offset(*arrays)
    return np.asarray(x * factor + offset)


def _fused_normalise(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """float64 holds a product of float32 exactly, so one rounding at the end is a fused one."""
    factor, _ = _factor_and_offset(gamma, beta, *rest)
    wide, mean = factor.astype(np.float64), rest[0].astype(np.float64)
    offset = (beta - mean * wide).astype(x.dtype)
    return np.asarray(x * wide + offset).astype(x.dtype)


def _factor_and_offset(gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, variance: np.ndarray,
                       epsilon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = gamma * (1 / np.sqrt(variance + epsilon))
    return factor, beta - mean * factor


_COMPUTE: dict[str, Callable[..., np.ndarray]] = {
    "multiply": np.multiply, "divide": np.divide, "add": np.add, "clip": np.clip, "normalise": _normalise,
    "fused_normalise": _fused_normalise,
    "count": lambda x, *thresholds: sum((x >= threshold).astype(x.dtype) for threshold in thresholds),
    "float32": lambda x: x.astype(np.float32), "float64": lambda x: x.astype(np.float64),
}


def first_true(predicate: Predicate, lo: int, hi: int, shape: int | tuple[int, ...]) -> np.ndarray:
    """Return int64 of ``shape``: the smallest integer in ``lo..hi`` where ``predicate`` holds, or ``hi + 1`` if none.

    ``predicate`` maps float64 to bool, both of ``shape``. It must not become false again as its argument grows.
    """
    low = np.full(shape, lo, np.int64)
    high = np.full(shape, hi + 1, np.int64)
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
