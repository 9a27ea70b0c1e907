"""Max pool."""

from amaranth.hdl import Mux

from hdl.element import check_shape
from hdl.pool import Pool
from hdl.stream import BINARY


class MaxPool(Pool):
    """The largest element of each kernel x kernel window, channel by channel.

    There is no padding: the output has `(size - kernel) // stride + 1` lines and columns. Input that no window covers
    is discarded. Windows may overlap. Then `ceil(kernel / stride)` windows are open at once in each dimension, and each
    has its own column of partial maxima. The larger of two binary elements is the AND of their bits.

    The input takes one beat a cycle: a frame takes `height * width * channels / par` cycles. Latency is
    `(kernel - 1) * (width + 1) * channels / par + 2` cycles, and one more for each `hdl.pool.WindowReduction` that is
    `late`.

    Parameters
    ----------
    shape : shape-like
        Shape of an element, in and out.
    height, width, channels : int
        Shape of an input frame.
    kernel, stride : int
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

    def __init__(self, *, shape, height, width, channels, kernel, stride, par):
        shape = check_shape("Element shape", shape)
        super().__init__(
            i_shape=shape, line_shape=shape, window_shape=shape, o_shape=shape,
            combine=(lambda a, b: a & b) if shape == BINARY else (lambda a, b: Mux(a > b, a, b)),
            height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par)
