"""Zero channels around those of a stream."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.element import check_channels, check_shape, folds_of
from hdl.stream import BINARY, Signature, check_count


class PadChannels(wiring.Component):
    """Each pixel with `before` zero channels in front of its channels, and `after` zero channels behind them.

    An input register holds one beat while the zeros in front of it leave. So one output beat leaves in each cycle, and
    a pixel takes `(before + channels + after) / par` cycles. Latency is 1 cycle.

    Parameters
    ----------
    shape : shape-like
        Shape of an element, signed: binary has no zero.
    channels, before, after : int
    par : int
        Elements a beat, a divisor of `channels`, `before` and `after`.
    pixels : int
        Pixels of a frame; only `interval` depends on it.

    Members
    -------
    i, o : streams of `par` elements

    Raises
    ------
    TypeError, ValueError
        For a binary shape, numbers that are not integers in range, or a parallelism that does not divide.
    """

    def __init__(self, *, shape, channels, before, after, par, pixels=1):
        shape = check_shape("Element shape", shape)
        if shape == BINARY:
            raise ValueError("Element shape must be signed, not unsigned(1); binary has no zero")
        channels, self._par = check_channels(channels, par)
        self._pixels = check_count("Pixels", pixels)
        before, after = check_count("Channels before", before, 0), check_count("Channels after", after, 0)
        self._folds = [folds_of(noun, count, self._par) for noun, count in (
            ("channels before", before), ("channels", channels), ("channels after", after))]
        super().__init__({"i": In(Signature(shape, par)), "o": Out(Signature(shape, par))})

    @property
    def folds(self):
        """Output beats of a pixel."""
        return sum(self._folds)

    @property
    def interval(self):
        """Cycles a frame."""
        return self.folds * self._pixels

    @property
    def latency(self):
        """Cycles from a pixel's first beat to its first output beat."""
        return 1

    def elaborate(self, platform):
        m = Module()
        before, channels, _after = self._folds
        held = Signal()
        x = Signal.like(self.i.payload, name="x", reset_less=True)
        index = Signal(range(self.folds))
        inside = Signal()
        past = Signal()
        m.d.comb += [
            past.eq(index >= before + channels),
            inside.eq((index >= before) & ~past),
            self.o.valid.eq(held | past),
            self.i.ready.eq(~held | (inside & self.o.ready)),
        ]
        for lane in range(self._par):
            m.d.comb += self.o.payload[lane].eq(Mux(inside, x[lane], 0))
        with m.If(self.i.ready):
            m.d.sync += [held.eq(self.i.valid), x.eq(self.i.payload)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += index.eq(Mux(index == self.folds - 1, 0, index + 1))
        return m
