"""Average pool: exact sums of windows."""

from hdl.element import check_shape, is_integer, range_shape, shape_range
from hdl.pool import Pool
from hdl.stream import check_count


class AvgPool(Pool):
    """The sum of each kernel x kernel window, channel by channel, shifted right by `shift` (rounding down).

    Sums are exact. The rest of the divisor is left to the node that scales them next. A kernel of 1 subsamples; a
    kernel as large as the frame pools globally. There is no padding: the output has `(size - kernel) // stride + 1`
    lines and columns. Input that no window covers is discarded. Windows may overlap.

    The input takes one beat a cycle: a frame takes `height * width * channels / par` cycles. Latency is
    `(kernel - 1) * (width + 1) * channels / par + 2` cycles, and one more for each `hdl.pool.WindowReduction` that is
    `late`.

    Parameters
    ----------
    shape : shape-like
        Shape of an input element.
    height, width, channels : int
        Shape of an input frame.
    kernel, stride : int
    par : int
        Elements a beat, a divisor of `channels`.
    shift : int
    lo, hi : int or None
        Least and largest input element. None stands for the end of the shape's range, which may be wider than the true
        one: a trit is never -2.

    Members
    -------
    i : stream of `par` elements of `shape`
    o : stream of `par` elements of the smallest signed shape that holds every shifted sum

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers, a range outside that of the shape, a kernel larger than the frame,
        or a parallelism that does not divide.
    """

    def __init__(self, *, shape, height, width, channels, kernel, stride, par, shift=0, lo=None, hi=None):
        shape = check_shape("Element shape", shape)
        kernel, shift = check_count("Kernel", kernel), check_count("Shift", shift, 0)
        least, most = shape_range(shape)
        lo, hi = least if lo is None else lo, most if hi is None else hi
        if not (is_integer(lo) and is_integer(hi) and least <= lo <= hi <= most):
            raise ValueError(f"Element range must be integers within {least} to {most}, not {lo!r} to {hi!r}")
        lo, hi, lines, windows = int(lo), int(hi), kernel, kernel * kernel
        super().__init__(
            i_shape=shape, line_shape=range_shape(lo * lines, hi * lines),
            window_shape=range_shape(lo * windows, hi * windows),
            o_shape=range_shape(lo * windows >> shift, hi * windows >> shift), shift=shift,
            combine=lambda a, b: a + b,
            height=height, width=width, channels=channels, kernel=kernel, stride=stride, par=par)
