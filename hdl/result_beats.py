"""The output of a matrix-vector unit: its results, a few at a time."""

from amaranth.hdl import Module, Mux, Shape, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import Elements, Signature, check_count, check_divisor, connect
from hdl.stream_queue import Pair


class ResultBeats(wiring.Component):
    """Adds a correction to `pe` sums, and sends the results, `par` a beat.

    It takes the sums in a cycle with `load` high. `load` must be low if `full` was high in the cycle before. The sums
    stand in a shift register, so there are only `par` adders, and wide beats need no queue. The output is a `Pair`. The
    first beat follows the load by two cycles.

    Parameters
    ----------
    width : int
        Bits of a result.
    correction_shape : shape-like
        Shape of the correction.
    pe, par : int
        Results, and how many of them in a beat; `par` must divide `pe`.

    Members
    -------
    sums : in
        All sums, the first in the low bits.
    correction : in
    load : in
    full : out
        Whether there is no room for sums in the next cycle.
    o : stream of par elements of signed(width)

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers, or do not divide.
    """

    def __init__(self, *, width, correction_shape, pe, par):
        self._width, self._pe = check_count("Result width", width), check_count("PE", pe)
        self._par = check_count("Results a beat", par)
        check_divisor("Results a beat", par, "PE", pe)
        super().__init__({
            "sums": In(width * pe), "correction": In(Shape.cast(correction_shape)), "load": In(1), "full": Out(1),
            "o": Out(Signature(signed(width), par)),
        })

    def elaborate(self, platform):
        m = Module()
        beats, beat_width = self._pe // self._par, self._par * self._width
        left, remaining = Signal(range(beats + 1)), Signal(range(beats + 1))
        results, correction = (Signal.like(value, reset_less=True) for value in (self.sums, self.correction))
        m.submodules.pair = pair = Pair(Elements(signed(self._width), self._par))
        sent = pair.i.valid & pair.i.ready
        m.d.comb += [
            pair.i.valid.eq(left != 0),
            remaining.eq(Mux(self.load, beats, left - sent)),
            self.full.eq((remaining != 0) & ~((remaining == 1) & pair.room)),
            *(out.eq(results.word_select(k, self._width).as_signed() + correction)
              for k, out in enumerate(pair.i.payload)),
        ]
        m.d.sync += left.eq(remaining)
        with m.If(self.load):
            m.d.sync += [results.eq(self.sums), correction.eq(self.correction)]
        with m.Elif(sent):
            m.d.sync += results[:-beat_width].eq(results[beat_width:])
        connect(m, pair.o, wiring.flipped(self.o))
        return m
