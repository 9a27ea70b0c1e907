"""Pad channels: `before` channels of zeros in front of the input's and `after` behind them (option-A shortcuts)."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("before", "after"))
    (x,) = inputs
    if x.kind == "binary":
        raise NetworkError(f"{node.name}: a binary tensor has no zero to pad with")
    channels = node.at_least("before", 0) + x.channels + node.at_least("after", 0)
    return TensorType((x.height, x.width, channels), x.kind, min(x.lo, 0), max(x.hi, 0))
