"""Average pool: the exact sum of each window, shifted right by `shift` (floor).

Attributes: those of a window, and `shift`. Padding is zeros. The shift divides by a power of two; the next layer's
scale takes up the rest of the divisor.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.nodes.pool import pooled_shape
from quantize.nodes.window import WINDOW, Window
from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only((*WINDOW, "shift"))
    (x,) = inputs
    shape, window = pooled_shape(node, x), Window.of(node)
    shift, count = node.at_least("shift", 0, default=0), window.area
    if shift > 31:
        raise NetworkError(f"{node.name}: shift must be at most 31, not {shift}")
    most = max(-x.lo, x.hi) * count
    if most >= 1 << 31:
        raise NetworkError(f"{node.name}: the sums must fit 32 bits, those of {count} elements reach {most}")
    if any(window.padding) and x.kind == "binary":
        raise NetworkError(f"{node.name}: a binary tensor has no zero to pad with")
    lo, hi = (min(x.lo, 0), max(x.hi, 0)) if any(window.padding) else (x.lo, x.hi)
    return TensorType(shape, "int", (lo * count) >> shift, (hi * count) >> shift)
