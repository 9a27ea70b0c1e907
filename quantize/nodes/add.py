"""Add: the sum of two tensors with the same shape, saturated to signed(`width`)."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("width",))
    a, b = inputs
    if a.shape != b.shape:
        raise NetworkError(f"{node.name}: both inputs must have one shape, not {a.shape} and {b.shape}")
    width = node.at_least("width", 2)
    if width > 32:
        raise NetworkError(f"{node.name}: width must be at most 32, not {width}")
    least, most = -(1 << (width - 1)), (1 << (width - 1)) - 1
    lo, hi = (min(max(value, least), most) for value in (a.lo + b.lo, a.hi + b.hi))
    return TensorType(a.shape, "int", lo, hi)
