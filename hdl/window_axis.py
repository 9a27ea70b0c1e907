"""The windows over a picture along one axis, and the two axes of a convolution or pool."""

import dataclasses
import functools

import numpy as np

from hdl.stream import check_count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """`count` windows over a line of `size` pixels with `before` and `after` pixels of padding at its ends.

    A window has `kernel` elements that lie `dilation` pixels apart. The next window begins `stride` pixels further.
    """

    size: int
    kernel: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def extent(self):
        """Pixels from the first to the last element of a window, both counted."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def padded(self):
        """Pixels of the line with its padding."""
        return self.before + self.size + self.after

    @property
    def count(self):
        """Windows."""
        return (self.padded - self.extent) // self.stride + 1

    @property
    def bare(self):
        """The same windows over a line that has its padding in it."""
        return dataclasses.replace(self, size=self.padded, before=0, after=0)

    @functools.cached_property
    def starts(self):
        """First pixel of each window, negative in the padding: (count,)."""
        return np.arange(self.count) * self.stride - self.before

    def inside(self):
        """For each window: bit k, element k lies in the picture. They are Python's integers, of any size."""
        return np.array([sum((0 <= start + k * self.dilation < self.size) << k for k in range(self.kernel))
                         for start in self.starts.tolist()], dtype=object)


def axes(*, height, width, kernel=1, stride=1, padding=0, dilation=1):
    """The axes (down, across) of the windows over a picture.

    `kernel`, `stride` and `dilation` are one number for both axes, or a pair (down, across). `padding` is one number
    for all sides, or (top, left, bottom, right). Raises TypeError or ValueError for numbers that are not positive
    integers, or do not go together.
    """
    sizes = check_count("Height", height), check_count("Width", width)
    kernels, strides = _numbers("Kernel size", kernel), _numbers("Stride", stride)
    dilations, padding = _numbers("Dilation", dilation), _numbers("Padding", padding, count=4, least=0)
    down, across = (
        Axis(size=size, kernel=kernel, stride=stride, before=before, after=after, dilation=dilation)
        for size, kernel, stride, before, after, dilation in
        zip(sizes, kernels, strides, padding[:2], padding[2:], dilations, strict=True))
    for axis in (down, across):
        spans = f"kernel size {axis.kernel}" if axis.dilation == 1 else (
            f"{axis.extent} pixels that the kernel size {axis.kernel} spans")
        if max(axis.before, axis.after) >= axis.extent:
            raise ValueError(f"Padding must be below the {spans}, not {max(axis.before, axis.after)}")
        if axis.extent > axis.padded:
            raise ValueError(f"{spans[0].upper()}{spans[1:]} must fit the padded picture of {down.padded} rows and "
                             f"{across.padded} columns")
    return down, across


def _numbers(name, value, count=2, least=1):
    """`count` integers as they are given, or one for all of them."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value,) * count
    if len(values) != count:
        raise ValueError(f"{name} must be one integer or {count}, not {value!r}")
    return tuple(check_count(name, number, least) for number in values)
