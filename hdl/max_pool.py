"""Max pool."""

from amaranth.hdl import Mux

from hdl.element import check_shape, shape_range
from hdl.pool import Pool
from hdl.stream import BINARY
from hdl.window_axis import axes


class MaxPool(Pool):
    """The largest element of each window, channel by channel.

    The output has a line for each row of windows. Input that no window covers is discarded. Windows may overlap. Then
    `ceil(extent / stride)` windows are open at once in each dimension, and each has its own column of partial maxima.
    The larger of two binary elements is the AND of their bits. Padding holds the least value of the shape.

    The input takes one beat a cycle: a frame takes `height * width * channels / par` cycles, with the padding in height
    and width. Latency is that of the beats from the first one to the last of its window, plus 2 cycles, and one more
    for each `hdl.pool.WindowReduction` that is `late`.

    Parameters
    ----------
    shape : shape-like
        Shape of an element, in and out.
    height, width, channels : int
        Shape of an input frame.
    kernel, stride, padding, dilation : int or tuple of int
        The windows, as `hdl.window_axis.axes` takes them.
    par : int
        Elements a beat, a divisor of `channels`.

    Members
    -------
    i, o : streams of `par` elements

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers, a kernel larger than the frame, or a parallelism that does not
        divide.
    """

    def __init__(self, *, shape, height, width, channels, par, **windows):
        shape = check_shape("Element shape", shape)
        down, across = axes(height=height, width=width, **windows)
        super().__init__(
            i_shape=shape, line_shape=shape, window_shape=shape, o_shape=shape,
            combine=(lambda a, b: a & b) if shape == BINARY else (lambda a, b: Mux(a > b, a, b)),
            channels=channels, par=par, down=down, across=across,
            border=1 if shape == BINARY else shape_range(shape)[0])
