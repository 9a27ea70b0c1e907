"""The windows of convolutions and pools: kernel, stride, padding and dilation, by direction and side.

A node holds them as attributes `kernel`, `stride`, `padding` and `dilation`. A pair is (down, across), and padding is
(top, left, bottom, right). One number stands for both directions, or for all sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from quantize.limits import MOST_ELEMENTS
from quantize.tensor import NetworkError, Node, TensorType

Pair = tuple[int, int]
Sides = tuple[int, int, int, int]

WINDOW = ("kernel", "stride", "padding", "dilation")
"""The attributes of a window."""


class HasAttributes(Protocol):
    """A node of a network or of a plan."""

    @property
    def attrs(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Window:
    """Pairs are (down, across), and `padding` is (top, left, bottom, right). Elements lie `dilation` pixels apart."""

    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: Sides = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    @classmethod
    def of(cls, node: HasAttributes) -> Window:
        """The window of a node whose attributes have been checked; a node without a window has single pixels."""
        attrs = node.attrs
        return cls(both(attrs.get("kernel", 1)), both(attrs.get("stride", 1)), sides(attrs.get("padding", 0)),
                   both(attrs.get("dilation", 1)))

    @property
    def area(self) -> int:
        """Elements of a window in one channel."""
        return self.kernel[0] * self.kernel[1]

    @property
    def extent(self) -> Pair:
        """Pixels from the first to the last of a window, both counted."""
        down, across = ((kernel - 1) * apart + 1 for kernel, apart in zip(self.kernel, self.dilation, strict=True))
        return down, across

    @property
    def overlaps(self) -> bool:
        """Whether each window begins one pixel behind the one before it, in both directions."""
        return self.stride == (1, 1)

    def padded(self, height: int, width: int) -> Pair:
        """Height and width of a picture with its padding."""
        top, left, bottom, right = self.padding
        return height + top + bottom, width + left + right

    def count(self, height: int, width: int) -> Pair:
        """Rows of windows and windows in a row over a picture; less than 1 where none fits."""
        down, across = ((size - extent) // stride + 1 for size, extent, stride in
                        zip(self.padded(height, width), self.extent, self.stride, strict=True))
        return down, across

    def with_padding(self, padding: Sides) -> Window:
        """The window with other padding."""
        return replace(self, padding=padding)

    def trimmed(self, height: int, width: int) -> Window:
        """The same windows over a picture, with no more padding at its bottom and right than they reach."""
        reached = [(count - 1) * stride + extent for count, stride, extent in
                   zip(self.count(height, width), self.stride, self.extent, strict=True)]
        top, left, _, _ = self.padding
        return replace(self, padding=(top, left, max(reached[0] - top - height, 0), max(reached[1] - left - width, 0)))

    def attrs(self, pads: bool) -> dict[str, Any]:
        """The window as a node's attributes, in single numbers where format version 1 has them.

        `pads` says whether the node's kind had padding in that version.
        """
        found: dict[str, Any] = {"kernel": _single(self.kernel), "stride": _single(self.stride)}
        if pads:
            found["padding"] = _single(self.padding)
        elif any(self.padding):
            found["padding"] = self.padding
        return found if self.dilation == (1, 1) else {**found, "dilation": self.dilation}


def window_shape(node: Node, x: TensorType, pads: bool) -> Pair:
    """Height and width of a node's output. Raises NetworkError for windows that break a rule or do not fit `x`.

    `pads` says whether the node must state its padding. Padding must be smaller than what a window spans.
    """
    node.numbers("kernel", (1, 2), 1)
    node.numbers("stride", (1, 2), 1)
    node.numbers("padding", (1, 4), 0, None if pads else 0)
    node.numbers("dilation", (1, 2), 1, 1)
    window = Window.of(node)
    wrong = objection(window, x.shape)
    if wrong is not None:
        raise NetworkError(f"{node.name}: {wrong}")
    return window.count(x.height, x.width)


def objection(window: Window, shape: tuple[int, int, int]) -> str | None:
    """Why the windows cannot be laid over a tensor (h, w, c), as a sentence; None if they can.

    Padding must be less than what a window spans.
    """
    height, width, channels = shape
    padded = window.padded(height, width)
    for kernel, extent, size, amounts in zip(window.kernel, window.extent, padded,
                                             (window.padding[::2], window.padding[1::2]), strict=True):
        spans = f"kernel {kernel}" if extent == kernel else f"the {extent} pixels that kernel {kernel} spans"
        if max(amounts) >= extent:
            return f"padding {max(amounts)} must be less than {spans}"
        if extent > size:
            return f"{spans} must not exceed the padded input {padded[0]}x{padded[1]}"
    if padded[0] * padded[1] * channels > MOST_ELEMENTS:
        return f"its padded input {padded[0]}x{padded[1]}x{channels} must be at most {MOST_ELEMENTS} elements"
    return None


def same_padding(window: Window, size: Pair, lower: bool = False) -> Sides:
    """The padding with which a stride of 1 keeps a picture's size, and a stride of n gives an n-th of it, rounded up.

    An odd pixel goes to the bottom and right, or with `lower` to the top and left.
    """
    before, after = [], []
    for length, extent, stride in zip(size, window.extent, window.stride, strict=True):
        total = max((-(-length // stride) - 1) * stride + extent - length, 0)
        halves = total // 2, total - total // 2
        before.append(halves[lower])
        after.append(halves[not lower])
    return before[0], before[1], after[0], after[1]


def always_inside(window: Window, height: int, width: int) -> bool:
    """Whether every window has a pixel of the picture. Only a dilated one may have none: a pool makes nothing of it."""
    for axis, size in enumerate((height, width)):
        starts = np.arange(window.count(height, width)[axis]) * window.stride[axis] - window.padding[axis]
        first = np.maximum(-(starts // window.dilation[axis]), 0)  # the first element that is not in front of it
        if (first >= window.kernel[axis]).any() or (starts + first * window.dilation[axis] >= size).any():
            return False
    return True


def both(value: int | tuple[int, ...]) -> Pair:
    """A pair as it is, or one number for both directions."""
    down, across = value if isinstance(value, tuple) else (value, value)
    return down, across


def sides(value: int | tuple[int, ...]) -> Sides:
    """Four numbers as they are, or one number for all sides."""
    top, left, bottom, right = value if isinstance(value, tuple) else (value,) * 4
    return top, left, bottom, right


def _single(values: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number for equal ones."""
    return values[0] if len(set(values)) == 1 else values
