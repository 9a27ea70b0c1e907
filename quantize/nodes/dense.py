"""Fully connected layer: one dot product for each output.

Attribute `weights` ("binary" or "int8"); arrays `weights` (c_out, n), optional `bias` (c_out).
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.nodes.bounds import accumulator_range
from quantize.nodes.conv import checked_weights
from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only(("weights",), ("weights", "bias"))
    (x,) = inputs
    if x.shape[:2] != (1, 1):
        raise NetworkError(f"{node.name}: input must be flat (1, 1, n), not {x.shape}; put flatten before it")
    if "weights" not in node.arrays or node.arrays["weights"].ndim != 2:
        raise NetworkError(f"{node.name}: array 'weights' must have two dimensions (c_out, n)")
    channels = node.arrays["weights"].shape[0]
    weights = checked_weights(node, (channels, x.channels))
    return TensorType((1, 1, channels), "int", *accumulator_range(weights, x, node.arrays.get("bias")))
