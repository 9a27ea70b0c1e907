"""Average pool: the exact sum of each window, shifted right by `shift` (floor).

Attributes `kernel`, `stride`, `shift`. The shift divides by a power of two; the next layer's scale takes up the rest of
the divisor.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.nodes.pool import pooled_shape
from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("kernel", "stride", "shift"))
    (x,) = inputs
    shift, count = node.at_least("shift", 0, default=0), node.at_least("kernel", 1) ** 2
    if shift > 31:
        raise NetworkError(f"{node.name}: shift must be at most 31, not {shift}")
    most = max(-x.lo, x.hi) * count
    if most >= 1 << 31:
        raise NetworkError(f"{node.name}: the sums must fit 32 bits, those of {count} elements reach {most}")
    return TensorType(pooled_shape(node, x), "int", (x.lo * count) >> shift, (x.hi * count) >> shift)
