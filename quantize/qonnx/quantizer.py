"""What a Quant or BipolarQuant node computes, bit for bit as the `qonnx` package defines it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.qonnx.graph import Operation
from quantize.qonnx.values import Refused

NEAR = {  # rounding mode -> about the least value, in units of the scale, that a 2-bit narrow quantiser makes +1
    "ROUND": 0.5, "HALF_EVEN": 0.5, "HALF_DOWN": 0.5, "HALF_UP": 0.5, "DOWN": 1.0, "UP": 0.0,
}
MODES = (*NEAR, "FLOOR", "CEIL")


@dataclass(frozen=True)
class Quantizer:
    """Real values are `integer * scale`, with integers in `range`. A bipolar quantiser has -1 and +1.

    `mode` is the rounding mode of QONNX. `scale`, of float32 or float64, broadcasts to the tensor. `limits` are the
    least and the largest integer, if they are not those of the bits.
    """

    bits: int
    signed: bool
    narrow: bool
    mode: str
    scale: np.ndarray
    limits: tuple[int, int] | None = None

    @property
    def bipolar(self) -> bool:
        return self.bits == 1 and self.signed

    @property
    def ternary(self) -> bool:
        return not self.bipolar and self.range == (-1, 1)

    @property
    def range(self) -> tuple[int, int]:
        """The least and the largest integer."""
        if self.limits is not None:
            return self.limits
        if self.bipolar:
            return -1, 1
        if self.signed:
            most = 2 ** (self.bits - 1)
            return -most + int(self.narrow), most - 1
        return 0, 2**self.bits - 1 - int(self.narrow)

    def least(self, dtype: np.dtype[Any]) -> float:
        """The least value of `dtype`, in units of the scale, that a ternary quantiser makes +1."""
        value = dtype.type(NEAR[self.mode])
        while self.integers(value) > 0:
            value = np.nextafter(value, dtype.type(-np.inf))
        while not self.integers(value) > 0:
            value = np.nextafter(value, dtype.type(np.inf))
        return float(value)

    def integers(self, x: np.ndarray) -> np.ndarray:
        """The integers, as floats, of values in units of the scale. It computes in their precision."""
        if self.bipolar:
            return np.where(x >= 0, 1.0, -1.0)
        x = np.clip(x, *self.range)
        size = np.abs(x)
        match self.mode:
            case "FLOOR":
                return np.floor(x)
            case "CEIL":
                return np.ceil(x)
            case "UP":
                return np.sign(x) * np.ceil(size)
            case "DOWN":
                return np.trunc(x)
            case "HALF_UP":
                return np.sign(x) * np.floor(size + 0.5)
            case "HALF_DOWN":
                return np.sign(x) * np.ceil(size - 0.5)
        return np.round(x)


def quantizer(operation: Operation, constants: list[np.ndarray]) -> Quantizer:
    """The quantiser of a Quant or BipolarQuant node. `constants` are the node's inputs after the first.

    Raises Refused when they are no valid scale, zero point of 0 and bit width, or the rounding mode is unknown.
    """
    bipolar = operation.type == "BipolarQuant"
    wanted = 1 if bipolar else 3
    if len(constants) < wanted:
        raise Refused(f"it must have {wanted + 1} inputs, not {len(constants) + 1}")
    scale = constants[0]
    if not np.isfinite(scale).all() or (scale <= 0).any():
        raise Refused(f"its scale must be positive and finite, not {scale.min():g}")
    if bipolar:
        return Quantizer(1, True, False, "ROUND", scale)
    zero, bits = np.asarray(constants[1]), np.asarray(constants[2])
    if (zero != 0).any():
        raise Refused(f"its zero point must be 0, not {zero.ravel()[0]:g}; quantise symmetrically")
    if bits.size != 1 or float(bits.ravel()[0]) not in range(1, 33):
        raise Refused(f"its bit width must be one integer of 1 to 32, not {bits.ravel()[0]:g}")
    mode = str(operation.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in MODES:
        raise Refused(f"its rounding mode must be one of {', '.join(MODES)}, not {mode!r}")
    return Quantizer(int(bits.ravel()[0]), bool(operation.attributes.get("signed", 1)),
                     bool(operation.attributes.get("narrow", 1)), mode, scale)
