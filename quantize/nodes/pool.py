"""Shared by both pooling kinds: their windows. A window that does not fit the padded input whole is left out."""

from __future__ import annotations

from quantize.nodes.window import Window, always_inside, window_shape
from quantize.tensor import NetworkError, Node, TensorType

NOTHING_INSIDE = "each window must have a pixel of its input {}x{}; use less padding or dilation"


def pooled_shape(node: Node, x: TensorType) -> tuple[int, int, int]:
    """The shape (h, w, c) after pooling `x`. Raises NetworkError when no window fits, or one lies in the padding."""
    height, width = window_shape(node, x, pads=False)
    if not always_inside(Window.of(node), x.height, x.width):
        raise NetworkError(f"{node.name}: {NOTHING_INSIDE.format(x.height, x.width)}")
    return height, width, x.channels
