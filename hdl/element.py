"""Elements as numbers: their values and ranges, saturation, and per-channel constants for a stream of beats."""

import numpy as np
from amaranth.hdl import Cat, Const, Mux, Shape, Value, signed
from amaranth.lib import data, memory

from hdl.stream import BINARY, check_count

__all__ = ["channel_rows", "check_channels", "check_integers", "check_shape", "clip", "folds_of", "is_integer",
           "range_shape", "shape_range", "value_of"]


def is_integer(value):
    """Whether a value is an integer, which a bool is not."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def check_shape(name, shape):
    """Refuse an element shape that is neither binary nor signed; returns it as a Shape."""
    try:
        cast = Shape.cast(shape)
    except TypeError:
        raise TypeError(f"{name} must be an element shape, not {shape!r}") from None
    if cast != BINARY and not (cast.signed and cast.width):
        raise ValueError(f"{name} must be unsigned(1) for binary or signed, not {cast!r}")
    return cast


def check_integers(name, values, channels=None):
    """A non-empty vector of integers, of length `channels` if given, as plain ints; refuses all else."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"{name} must have shape (channels,), not {array.shape}")
    if channels is not None and len(array) != channels:
        raise ValueError(f"{name} must have one value for each of {channels} channels, not {len(array)}")
    return [int(value) for value in array]


def check_channels(channels, par):
    """Refuse a parallelism that does not divide the channels; returns both as plain ints."""
    channels, par = check_count("Channels", channels), check_count("Parallelism", par)
    folds_of("channels", channels, par)
    return channels, par


def folds_of(noun, count, par):
    """Beats that `count` elements take at `par` a beat; refuses a remainder."""
    if count % par:
        raise ValueError(f"Parallelism {par} must evenly divide {noun} {count}")
    return count // par


def range_shape(lo, hi):
    """The smallest signed shape that holds the numbers from `lo` to `hi`."""
    return signed(1 + max(hi.bit_length() if hi >= 0 else 1, (-lo - 1).bit_length() if lo < 0 else 0))


def shape_range(shape):
    """The least and the greatest value of an element: -1 and 1 for binary, else those of two's complement."""
    if shape == BINARY:
        return -1, 1
    return -(1 << (shape.width - 1)), (1 << (shape.width - 1)) - 1


def value_of(element):
    """The number that an element stands for, as a signed Value."""
    element = Value.cast(element)
    if element.shape().signed:
        return element
    return Cat(Const(1, 1), element).as_signed()


def clip(value, lo, hi):
    """A Value saturated to lo..hi, of the smallest shape for that range.

    A range of two's complement costs one look at the upper bits. Any other range costs two comparisons.
    """
    shape, known = range_shape(lo, hi), shape_range(value.shape())
    if lo <= known[0] and known[1] <= hi:
        return value
    if (lo, hi) == shape_range(shape):
        upper = value[shape.width - 1:]
        fits = (upper == 0) | upper.all()
        limit = Mux(value[-1], Const(lo, shape), Const(hi, shape))
        return Mux(fits, value[:shape.width].as_signed(), limit)
    below = value < lo if known[0] < lo else Const(0, 1)
    above = value > hi if known[1] > hi else Const(0, 1)
    return Mux(below, Const(lo, shape), Mux(above, Const(hi, shape), value[:shape.width].as_signed()))


def channel_rows(m, name, table, par, index, enable, attrs=None):
    """Constants of the channels of a beat: a list of `par` lists of Values, one Value a column of `table`.

    `table` is a list of channels, each a list of ints. With one beat a pixel the Values are Consts. Otherwise they come
    from a ROM, the submodule `name`, and belong to the beat `index` of the last cycle with `enable` high.
    """
    flat = [value for row in table for value in row]
    shape = range_shape(min(flat), max(flat))
    if len(table) == par:
        return [[Const(value, shape) for value in row] for row in table]
    layout = data.ArrayLayout(data.ArrayLayout(shape, len(table[0])), par)
    rows = [table[start:start + par] for start in range(0, len(table), par)]
    m.submodules[name] = rom = memory.Memory(shape=layout, depth=len(rows), init=rows, attrs=attrs or {})
    port = rom.read_port()
    m.d.comb += [port.addr.eq(index), port.en.eq(enable)]
    return [[port.data[lane][column] for column in range(len(table[0]))] for lane in range(par)]
