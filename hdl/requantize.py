"""Requantize: a fixed-point scale and offset for each channel, then saturation."""

from amaranth.hdl import Module, Signal
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
from hdl.stream import Signature, check_count


class Requantize(wiring.Component):
    """`clip((a * mult + bias) >> shift, lo, hi)` for each element, the shift rounding down.

    Channels are fastest. With more than one beat a pixel, `mult` and `bias` come from ROMs of that many rows. It is a
    pipeline with one enable: a register for the input and the multiplier, one for the product, one for the result, laid
    out for a DSP block. If every multiplier is 1, there is neither multiplier nor product register.

    One beat a cycle. Latency is 3 cycles, 2 without a multiplier.

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

    def __init__(self, *, i_shape, mult, bias, shift, lo, hi, par, pixels=1):
        self._i_shape = check_shape("Input shape", i_shape)
        self._mult = check_integers("Multipliers", mult)
        self._bias = check_integers("Biases", bias, len(self._mult))
        self._shift = check_count("Shift", shift, 0)
        for name, value in (("lo", lo), ("hi", hi)):
            if not is_integer(value):
                raise TypeError(f"Output {name} must be an integer, not {value!r}")
        if lo >= hi:
            raise ValueError(f"Output lo {lo} must be below hi {hi}")
        self._lo, self._hi = int(lo), int(hi)
        self._channels, self._par = check_channels(len(self._mult), par)
        self._folds, self._pixels = self._channels // self._par, check_count("Pixels", pixels)
        super().__init__({"i": In(Signature(self._i_shape, par)), "o": Out(Signature(self.o_shape, par))})

    @property
    def channels(self):
        return self._channels

    @property
    def o_shape(self):
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
        return 3 if self.multiplies else 2

    def _ranges(self):
        """Bounds of the products, and of the products with bias."""
        ends = [sorted(end * mult for end in shape_range(self._i_shape)) for mult in self._mult]
        sums = [(low + bias, high + bias) for (low, high), bias in zip(ends, self._bias, strict=True)]
        return [(min(low for low, _ in pairs), max(high for _, high in pairs)) for pairs in (ends, sums)]

    def elaborate(self, platform):
        m = Module()
        enable = Signal()
        product_range, sum_range = self._ranges()
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            self.i.ready.eq(enable),
        ]

        def rows(name, values, valid):
            """The constants of the beat that a stage took over, counted where it takes them."""
            index = Signal(range(self._folds), name=f"{name}_index")
            step = Signal(name=f"{name}_step")
            m.d.comb += step.eq(enable & valid)
            if self._folds > 1:
                with m.If(step):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == self._folds - 1):
                        m.d.sync += index.eq(0)
            return [row[0] for row in channel_rows(m, name, [[v] for v in values], self._par, index, step)]

        valid = Signal(name="a_valid")
        values = [Signal(self._i_shape, name=f"a_{lane}") for lane in range(self._par)]
        with m.If(enable):
            m.d.sync += valid.eq(self.i.valid)
            m.d.sync += [a.eq(self.i.payload[lane]) for lane, a in enumerate(values)]
        values, taken = [value_of(a) for a in values], self.i.valid

        if self.multiplies:
            mults = rows("mult", self._mult, taken)
            taken = valid
            valid = Signal(name="product_valid")
            products = [Signal(range_shape(*product_range), name=f"product_{lane}") for lane in range(self._par)]
            with m.If(enable):
                m.d.sync += valid.eq(taken)
                m.d.sync += [p.eq(a * mult) for p, a, mult in zip(products, values, mults, strict=True)]
            values = products

        biases = rows("bias", self._bias, taken) if any(self._bias) else [0] * self._par
        with m.If(enable):
            m.d.sync += self.o.valid.eq(valid)
            for lane, (value, bias) in enumerate(zip(values, biases, strict=True)):
                total = Signal(range_shape(*sum_range), name=f"sum_{lane}")
                m.d.comb += total.eq(value + bias)
                m.d.sync += self.o.payload[lane].eq(clip(total >> self._shift, self._lo, self._hi))
        return m
