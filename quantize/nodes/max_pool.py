"""Max pool: the largest element of each window, channel by channel. Attributes `kernel`, `stride`."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.nodes.pool import pooled_shape
from quantize.tensor import Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("kernel", "stride"))
    (x,) = inputs
    return TensorType(pooled_shape(node, x), x.kind, x.lo, x.hi)
