"""Top k: the channels of the `k` largest elements, the largest first. Of equal elements the lowest channel is first."""

from __future__ import annotations

from collections.abc import Sequence

from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("k",))
    (x,) = inputs
    if x.shape[:2] != (1, 1):
        raise NetworkError(f"{node.name}: input must be flat (1, 1, n), not {x.shape}")
    k = node.at_least("k", 1)
    if k > x.channels:
        raise NetworkError(f"{node.name}: k {k} must be at most the number of channels {x.channels}")
    return TensorType((1, 1, k), "int", 0, x.channels - 1)
