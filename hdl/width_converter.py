"""More or fewer elements in each beat of a stream."""

import math

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import Signature, check_count, connect


class WidthConverter(wiring.Component):
    """Packs a stream of `i_par` elements a beat into one of `o_par` elements, in the same order.

    A group is the least common multiple of both numbers of elements, and the stream must consist of whole groups. If
    neither number divides the other, the converter widens to a group and then narrows. The narrower side moves a beat
    in every cycle.

    Interval is the larger of a group's numbers of beats on both sides. Latency is the number of input beats in a group
    if it widens, 1 cycle if it narrows, the sum of both if it does both, and 0 if nothing changes.

    Parameters
    ----------
    shape : shape-like
        Shape of an element.
    i_par, o_par : int
        Elements of an input and of an output beat.

    Members
    -------
    i : stream of i_par elements
    o : stream of o_par elements

    Raises
    ------
    TypeError, ValueError
        When a number of elements is not a positive integer.
    """

    def __init__(self, *, shape, i_par, o_par):
        self._i_par, self._o_par = check_count("Input parallelism", i_par), check_count("Output parallelism", o_par)
        self._shape = Shape.cast(shape)
        super().__init__({"i": In(Signature(shape, i_par)), "o": Out(Signature(shape, o_par))})

    @property
    def shape(self):
        """Shape of an element."""
        return self._shape

    @property
    def i_par(self):
        """Elements of an input beat."""
        return self._i_par

    @property
    def o_par(self):
        """Elements of an output beat."""
        return self._o_par

    @property
    def group(self):
        """Elements of a group: the beats of both sides end together behind it."""
        return math.lcm(self._i_par, self._o_par)

    @property
    def interval(self):
        """Cycles a group."""
        return self.group // min(self._i_par, self._o_par)

    @property
    def latency(self):
        """Cycles from the first input transfer to the first output."""
        widens, narrows = self.group // self._i_par, self.group // self._o_par
        return (widens if widens > 1 else 0) + (narrows > 1)

    def elaborate(self, platform):
        m = Module()
        widens, narrows = self.group // self._i_par, self.group // self._o_par
        if widens > 1 and narrows > 1:
            m.submodules.widen = widen = WidthConverter(shape=self._shape, i_par=self._i_par, o_par=self.group)
            m.submodules.narrow = narrow = WidthConverter(shape=self._shape, i_par=self.group, o_par=self._o_par)
            connect(m, wiring.flipped(self.i), widen.i)
            connect(m, widen.o, narrow.i)
            connect(m, narrow.o, wiring.flipped(self.o))
        elif widens > 1:
            self._widen(m, widens)
        elif narrows > 1:
            self._narrow(m, narrows)
        else:
            connect(m, wiring.flipped(self.i), wiring.flipped(self.o))
        return m

    def _widen(self, m, count):
        """Fills a register from the top; the first beat has moved to the low end when the last one comes."""
        width = self._i_par * self._shape.width
        place = Signal(range(count))
        last = place == count - 1
        beats = Signal(count * width, reset_less=True)
        m.d.comb += [self.i.ready.eq(~self.o.valid | self.o.ready), Value.cast(self.o.payload).eq(beats)]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [beats.eq(Cat(beats[width:], Value.cast(self.i.payload))),
                         place.eq(Mux(last, 0, place + 1)), self.o.valid.eq(last)]

    def _narrow(self, m, count):
        """Shifts a register out at the low end."""
        width = self._o_par * self._shape.width
        left = Signal(range(count + 1))
        beats = Signal(count * width, reset_less=True)
        m.d.comb += [
            self.i.ready.eq((left == 0) | (left == 1) & self.o.ready),
            self.o.valid.eq(left != 0),
            Value.cast(self.o.payload).eq(beats[:width]),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [beats.eq(Value.cast(self.i.payload)), left.eq(count)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += [beats.eq(beats[width:]), left.eq(left - 1)]
