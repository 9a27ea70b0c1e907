"""Requantize: `clip((a * mult[c] + bias[c]) >> shift, lo, hi)`. The shift rounds down.

Attributes `shift`, `lo`, `hi`; arrays `mult` (c) of 16 bits and `bias` (c) of 32 bits. `bias` includes the half that
makes the whole round to nearest.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("shift", "lo", "hi"), ("mult", "bias"))
    (x,) = inputs
    shift, lo, hi = node.at_least("shift", 0), node.integer("lo"), node.integer("hi")
    if shift > 47:
        raise NetworkError(f"{node.name}: shift must be at most 47, not {shift}")
    if lo >= hi:
        raise NetworkError(f"{node.name}: lo {lo} must be below hi {hi}")
    node.array("mult", (x.channels,), 16)
    node.array("bias", (x.channels,), 32)
    return TensorType(x.shape, "int", lo, hi)
