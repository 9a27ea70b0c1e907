"""A border around the pictures of a stream."""

from amaranth.hdl import Const, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import Signature


class Border(wiring.Component):
    """Puts the padding of its axes around each frame: pixels of one value.

    The beats of the border go out while the input waits, so a frame takes as many cycles as it has beats with its
    border. There are no registers on the way. The border on top of a frame goes out before the frame has begun.

    Parameters
    ----------
    shape : shape-like
        Shape of an element.
    down, across : hdl.window_axis.Axis
        The picture and its padding.
    par, folds : int
        Elements a beat, and beats a pixel.
    value : int
        Value of the border's elements; of binary ones, their bit.

    Members
    -------
    i, o : streams of `par` elements
    """

    def __init__(self, *, shape, down, across, par, folds, value):
        self._down, self._across, self._folds = down, across, folds
        width = Shape.cast(shape).width
        self._beat = sum((value & ((1 << width) - 1)) << (k * width) for k in range(par))
        super().__init__({"i": In(Signature(shape, par)), "o": Out(Signature(shape, par))})

    @property
    def interval(self):
        """Cycles a frame."""
        return self._down.padded * self._across.padded * self._folds

    def elaborate(self, platform):
        m = Module()
        fold, inside, step = Signal(range(self._folds)), Signal(), Signal()
        row, column = Signal(range(self._down.padded)), Signal(range(self._across.padded))
        m.d.comb += [
            inside.eq(self._inside(row, self._down) & self._inside(column, self._across)),
            self.o.valid.eq(self.i.valid | ~inside),
            self.i.ready.eq(self.o.ready & inside),
            step.eq(self.o.valid & self.o.ready),
        ]
        with m.If(inside):
            m.d.comb += self.o.payload.eq(self.i.payload)
        with m.Else():
            m.d.comb += self.o.payload.as_value().eq(self._beat)
        for counter, modulus in ((fold, self._folds), (column, self._across.padded), (row, self._down.padded)):
            last = counter == modulus - 1
            with m.If(step):
                m.d.sync += counter.eq(counter + 1)
                with m.If(last):
                    m.d.sync += counter.eq(0)
            step = step & last
        return m

    @staticmethod
    def _inside(position, axis):
        """Whether a position of the line with padding is one of the picture."""
        inside = position >= axis.before if axis.before else Const(1, 1)
        return inside & (position < axis.before + axis.size) if axis.after else inside
