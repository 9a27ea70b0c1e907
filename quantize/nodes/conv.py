"""Convolution: a dot product of every window with the weights of each output channel.

Attributes: those of a window (`quantize.nodes.window`), and `weights` ("binary" or "int8").
Arrays: `weights` (c_out, ky, kx, c_in), which are -1 or +1 if binary; optional `bias` (c_out); optional `pad` (c_in).
`pad` has each channel's padding value for a binary input; without it the value is +1. Ternary and integer inputs are
padded with 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantize.nodes.bounds import accumulator_range
from quantize.nodes.window import WINDOW, Window, window_shape
from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    node.only((*WINDOW, "weights"), ("weights", "bias", "pad"))
    (x,) = inputs
    height, width = window_shape(node, x, pads=True)
    window = Window.of(node)
    if "weights" not in node.arrays or node.arrays["weights"].ndim != 4:
        raise NetworkError(f"{node.name}: array 'weights' must have four dimensions (c_out, ky, kx, c_in)")
    channels = node.arrays["weights"].shape[0]
    weights = checked_weights(node, (channels, *window.kernel, x.channels))
    if "pad" in node.arrays:
        pad = node.array("pad", (x.channels,), 8)
        if x.kind != "binary" or not np.isin(pad, (-1, 1)).all():
            raise NetworkError(f"{node.name}: array 'pad' must hold -1 and +1, for a binary input only")
    lo, hi = accumulator_range(weights.reshape(channels, -1), x, node.arrays.get("bias"))
    if any(window.padding) and x.kind == "int":  # the zeros of the border may lie outside the range of the elements
        zero = TensorType(x.shape, "int", min(x.lo, 0), max(x.hi, 0))
        lo, hi = accumulator_range(weights.reshape(channels, -1), zero, node.arrays.get("bias"))
    return TensorType((height, width, channels), "int", lo, hi)


def checked_weights(node: Node, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of a conv or dense node. Raises NetworkError when they or the bias break the node's declaration."""
    weights = node.array("weights", shape, 8)
    if not weights.size:
        raise NetworkError(f"{node.name}: array 'weights' must not be empty, its shape is {shape}")
    if node.choice("weights", ("binary", "int8")) == "binary" and not np.isin(weights, (-1, 1)).all():
        raise NetworkError(f"{node.name}: binary weights must be -1 or +1")
    if "bias" in node.arrays:
        node.array("bias", shape[:1], 32)
    return weights
