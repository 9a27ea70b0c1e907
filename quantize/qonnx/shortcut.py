"""Add of two streams, which is a shortcut: in fixed point at one scale."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.requantize import emit_requantize
from quantize.qonnx.values import Refused, Stream, Value
from quantize.tensor import signed_width

WIDTH = 16
MOST = 2 ** (WIDTH - 1) - 1


def shortcut(plan: Plan, operation: Operation, first: Stream, second: Stream) -> Value:
    """The sum of two streams. It is exact if both are integers at one scale; else both get 16 bits of fixed point."""
    if first.shape != second.shape or first.axes != second.axes:
        raise Refused(f"its inputs must have one shape, not {first.shape} and {second.shape}")
    if first.padded or second.padded:
        raise Refused("a Pad must stand directly before a Conv")
    if first.axes == "nc":
        first, second = plan.flattened(first), plan.flattened(second)
        if not np.array_equal(_order(first), _order(second)):
            raise Refused("its inputs must be flattened in one order of channels and pixels")
    units = [uniform_unit(plan, stream) for stream in (first, second)]
    if units[0] is not None and units[1] is not None and math.isclose(units[0], units[1], rel_tol=1e-6):
        unit, tensors = units[0], (first.tensor, second.tensor)
    else:
        unit = _common_unit(plan, (first, second), units)
        tensors = (_fixed(plan, operation, first, unit, 0), _fixed(plan, operation, second, unit, 1))
    kinds = [plan.types[tensor] for tensor in tensors]
    width = max(2, signed_width(sum(kind.lo for kind in kinds), sum(kind.hi for kind in kinds)))
    if width > 32:
        raise Refused("its sum must fit 32 bits; quantise both inputs before it")
    name = plan.emit("add", operation.name, tensors, {"width": width})
    return replace(first, tensor=name, chain=Chain().multiply(unit).cast(first.chain.dtype), alone=True)


def uniform_unit(plan: Plan, stream: Stream) -> float | None:
    """The real value of the integer 1, if it is positive and the same in all channels and 0 stands for 0; else None."""
    a, b = plan.affine(stream)
    one = a[0] > 0 and not b.any() and np.allclose(a, a[0], rtol=1e-6, atol=0)
    return float(a[0]) if one else None


def _common_unit(plan: Plan, streams: tuple[Stream, Stream], units: list[float | None]) -> float:
    """The finest unit at which the sum fits 16 bits: the larger of the streams' own units, or 1, by a power of two.

    Own units too fine for 16 bits do not count. A stream stays exact if its own unit was taken.
    """
    peak = 0.0
    for stream in streams:
        kind, (a, b) = plan.types[stream.tensor], plan.affine(stream)
        peak += float(np.maximum(np.abs(a * kind.lo + b), np.abs(a * kind.hi + b)).max())
    least = max(peak, 1e-30) / MOST
    own = [unit for unit in units if unit is not None and unit >= least]
    base = max(own) if own else 1.0
    return base * 2.0 ** -math.floor(math.log2(base / least))


def _fixed(plan: Plan, operation: Operation, stream: Stream, unit: float, index: int) -> str:
    a, b = plan.affine(stream)
    return emit_requantize(plan, f"{operation.name}.requantize{index}", stream, a / unit, b / unit,
                           -MOST - 1, MOST).tensor


def _order(stream: Stream) -> np.ndarray:
    return np.arange(stream.shape[-1]) if stream.order is None else stream.order
