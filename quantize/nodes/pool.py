"""Shared by both pooling kinds: square windows without padding. A window that does not fit whole is left out."""

from __future__ import annotations

from quantize.nodes.conv import output_size
from quantize.tensor import NetworkError, Node, TensorType


def pooled_shape(node: Node, x: TensorType) -> tuple[int, int, int]:
    """The shape (h, w, c) after pooling `x`. Raises NetworkError when no window fits."""
    kernel, stride = node.at_least("kernel", 1), node.at_least("stride", 1)
    height, width = output_size(x.height, kernel, stride), output_size(x.width, kernel, stride)
    if height < 1 or width < 1:
        raise NetworkError(f"{node.name}: kernel {kernel} does not fit an input of {x.height}x{x.width}")
    return height, width, x.channels
