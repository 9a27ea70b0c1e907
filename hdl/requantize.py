"""Requantize: a fixed-point scale and offset for each channel, then saturation."""

import functools

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.element import (
    channel_rows,
    check_channels,
    check_integers,
    check_shape,
    clip,
    is_integer,
    range_shape,
    shape_range,
    value_of,
)
from hdl.families import check_family, has_multipliers
from hdl.stream import Signature, check_count


class Requantize(wiring.Component):
    """`clip((a * mult + bias) >> shift, lo, hi)` for each element, the shift rounding down.

    The channel is the fastest index. With more than one beat a pixel, `mult` and `bias` come from ROMs with a row for
    each beat. The unit is a pipeline with one enable: a register for the input and the multiplier, one for the product,
    one for the result. A DSP block may lie far away on the die, so it has one more register on either side. If every
    multiplier is 1, there is neither multiplier nor product register.

    Throughput is one beat a cycle. Latency is 5 cycles with DSP blocks, 3 with multipliers in logic, and 2 without a
    multiplier.

    Parameters
    ----------
    i_shape : shape-like
        Shape of an input element.
    mult, bias : arrays of int, (channels,)
    shift : int
    lo, hi : int
        Range of the output, lo below hi.
    par : int
        Elements a beat, a divisor of the number of channels.
    pixels : int
        Pixels of a frame; only `interval` depends on it.
    family : one of `hdl.families.CELL_FAMILIES`
        Family of the multipliers.

    Members
    -------
    i : stream of `par` elements of `i_shape`
    o : stream of `par` elements of the smallest signed shape that holds `lo` to `hi`

    Raises
    ------
    TypeError, ValueError
        For arrays that are not integer vectors of one length, a negative shift, lo not below hi, or a parallelism that
        does not divide.
    """

    def __init__(self, *, i_shape, mult, bias, shift, lo, hi, par, pixels=1,
                 family="portable"):
        self._i_shape = check_shape("Input shape", i_shape)
        self._mult = check_integers("Multipliers", mult)
        self._bias = check_integers("Biases", bias, len(self._mult))
        self._shift = check_count("Shift", shift, 0)
        for name, value in (("lo", lo), ("hi", hi)):
            if not is_integer(value):
                raise TypeError(f"Output {name} must be an integer, not {value!r}")
        if lo >= hi:
            raise ValueError(f"Output lo {lo} must be below hi {hi}")
        self._far = has_multipliers(check_family(family))
        self._lo, self._hi = int(lo), int(hi)
        self._channels, self._par = check_channels(len(self._mult), par)
        self._folds, self._pixels = self._channels // self._par, check_count("Pixels", pixels)
        super().__init__({"i": In(Signature(self._i_shape, par)), "o": Out(Signature(self.o_shape, par))})

    @property
    def channels(self):
        """Channels of a pixel."""
        return self._channels

    @property
    def par(self):
        """Elements a beat."""
        return self._par

    @property
    def folds(self):
        """Beats of a pixel, and rows of the ROMs."""
        return self._folds

    @property
    def i_shape(self):
        """Shape of an input element."""
        return self._i_shape

    @property
    def mult(self):
        """Multiplier of each channel."""
        return self._mult

    @property
    def bias(self):
        """Bias of each channel."""
        return self._bias

    @property
    def shift(self):
        """Right shift of the sums."""
        return self._shift

    @property
    def product_shape(self):
        """Shape that holds every product."""
        return self._shapes[0]

    @property
    def sum_shape(self):
        """Shape that holds every product with its bias."""
        return self._shapes[1]

    @property
    def o_shape(self):
        """Shape of an output element."""
        return range_shape(self._lo, self._hi)

    @property
    def multiplies(self):
        """Whether there is a multiplier."""
        return any(mult != 1 for mult in self._mult)

    @property
    def interval(self):
        """Cycles a frame."""
        return self._pixels * self._folds

    @property
    def latency(self):
        """Cycles from a beat to its results."""
        return 2 + self.multiplies * (1 + 2 * self._far)

    @functools.cached_property
    def _shapes(self):
        """Shapes of the products, and of the products with bias."""
        ends = [sorted(end * mult for end in shape_range(self._i_shape)) for mult in self._mult]
        sums = [(low + bias, high + bias) for (low, high), bias in zip(ends, self._bias, strict=True)]
        return [range_shape(min(low for low, _ in pairs), max(high for _, high in pairs)) for pairs in (ends, sums)]

    def elaborate(self, platform):
        m = Module()
        enable = Signal()
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(enable),
        ]

        def rows(name, values, valid):
            """The constants for the beat that a stage took, from a counter of that stage's beats."""
            index = Signal(range(self._folds), name=f"{name}_index")
            step = Signal(name=f"{name}_step")
            m.d.comb += step.eq(enable & valid)
            if self._folds > 1:
                with m.If(step):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == self._folds - 1):
                        m.d.sync += index.eq(0)
            return [row[0] for row in channel_rows(m, name, [[v] for v in values], self._par, index, step)]

        def stage(name, values, taken, shape=None):
            """(values in registers, their valid bit); constants need no register."""
            valid = Signal(name=f"{name}_valid")
            kept = [value if isinstance(value, Const) else Signal(shape or value.shape(), name=f"{name}_{k}",
                                                                      reset_less=True)
                    for k, value in enumerate(values)]
            with m.If(enable):
                m.d.sync += valid.eq(taken)
                m.d.sync += [register.eq(value) for register, value in zip(kept, values, strict=True)
                             if register is not value]
            return kept, valid

        taken = self.i.valid
        values, valid = stage("a", list(self.i.payload), taken, self._i_shape)
        values = [value_of(a) for a in values]
        if self.multiplies:
            mults = rows("mult", self._mult, taken)
            if self._far:
                factors, valid = stage("factor", [*values, *mults], valid)
                values, mults = factors[:self._par], factors[self._par:]
            taken, products = valid, [a * mult for a, mult in zip(values, mults, strict=True)]
            values, valid = stage("product", products, taken, self.product_shape)
            if self._far:
                taken = valid
                values, valid = stage("near_product", values, taken)

        biases = rows("bias", self._bias, taken) if any(self._bias) else [0] * self._par
        payload = Signal.like(self.o.payload, name="payload", reset_less=True)
        m.d.comb += self.o.payload.eq(payload)
        with m.If(enable):
            m.d.sync += self.o.valid.eq(valid)
            for lane, (value, bias) in enumerate(zip(values, biases, strict=True)):
                total = Signal(self.sum_shape, name=f"sum_{lane}")
                m.d.comb += total.eq(value + bias)
                m.d.sync += payload[lane].eq(clip(total >> self._shift, self._lo, self._hi))
        return m
