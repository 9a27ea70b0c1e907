"""Max pool: the largest element of each window, channel by channel. Its attributes are those of a window.

Padding has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.nodes.pool import pooled_shape
from quantize.nodes.window import WINDOW
from quantize.tensor import Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(WINDOW)
    (x,) = inputs
    return TensorType(pooled_shape(node, x), x.kind, x.lo, x.hi)
