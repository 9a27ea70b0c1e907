"""Average pool: exact sums of windows."""

from hdl.element import check_shape, is_integer, range_shape, shape_range
from hdl.pool import Pool
from hdl.stream import BINARY, check_count
from hdl.window_axis import axes


class AvgPool(Pool):
    """The sum of each window, channel by channel, shifted right by `shift` (rounding down).

    Sums are exact. The rest of the divisor is left to the node that scales them next. A kernel of 1 subsamples; a
    kernel as large as the frame pools globally. The output has a line for each row of windows. Input that no window
    covers is discarded. Windows may overlap. Padding is zeros, which binary elements have not.

    Interval and latency are those of `hdl.max_pool.MaxPool`.

    Parameters
    ----------
    shape : shape-like
        Shape of an input element.
    height, width, channels : int
        Shape of an input frame.
    kernel, stride, padding, dilation : int or tuple of int
        The windows, as `hdl.window_axis.axes` takes them.
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

    def __init__(self, *, shape, height, width, channels, par, shift=0, lo=None, hi=None, **windows):
        shape = check_shape("Element shape", shape)
        down, across = axes(height=height, width=width, **windows)
        shift = check_count("Shift", shift, 0)
        least, most = shape_range(shape)
        lo, hi = least if lo is None else lo, most if hi is None else hi
        if not (is_integer(lo) and is_integer(hi) and least <= lo <= hi <= most):
            raise ValueError(f"Element range must be integers within {least} to {most}, not {lo!r} to {hi!r}")
        lo, hi, line, whole = int(lo), int(hi), across.kernel, down.kernel * across.kernel
        if (down.bare, across.bare) != (down, across):
            if shape == BINARY:
                raise ValueError("Binary elements have no zero to pad with")
            lo, hi = min(lo, 0), max(hi, 0)
        super().__init__(
            i_shape=shape, line_shape=range_shape(lo * line, hi * line),
            window_shape=range_shape(lo * whole, hi * whole),
            o_shape=range_shape(lo * whole >> shift, hi * whole >> shift), shift=shift,
            combine=lambda a, b: a + b, channels=channels, par=par, down=down, across=across, border=0)
