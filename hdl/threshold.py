"""Thresholds of a channel: from accumulators to trits or binary values."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.element import channel_rows, check_channels, check_integers, check_shape, range_shape, shape_range, value_of
from hdl.stream import BINARY, TRIT, Signature, check_count


class Threshold(wiring.Component):
    """`[a >= hi] - [a <= lo]` for each element, or without `lo` +1 where `a >= hi` and -1 elsewhere.

    Channels are fastest, so a pixel takes `channels / par` beats; with more than one, the thresholds come from a ROM of
    that many rows. Thresholds outside the range of the input are allowed and make a channel constant; the ROM is only
    as wide as the thresholds that still matter.

    One beat a cycle, and one register: latency is 1 cycle. After a reset it takes nothing for one cycle.

    Parameters
    ----------
    i_shape : shape-like
        Shape of an input element.
    hi : array of int, (channels,)
    lo : array of int, (channels,), or None
        Below `hi` for every channel; None for a binary output.
    par : int
        Elements a beat, a divisor of the number of channels.
    pixels : int
        Pixels of a frame; only `interval` depends on it.

    Members
    -------
    i : stream of `par` elements of `i_shape`
    o : stream of `par` trits, or of `par` binary elements without `lo`

    Raises
    ------
    TypeError, ValueError
        For arrays that are not integer vectors of one length, lo not below hi, or a parallelism that does not divide.
    """

    def __init__(self, *, i_shape, hi, lo=None, par, pixels=1):
        self._i_shape = check_shape("Input shape", i_shape)
        levels = [check_integers("Thresholds hi", hi)]
        if lo is not None:
            levels.append(check_integers("Thresholds lo", lo, len(levels[0])))
            for channel, (upper, lower) in enumerate(zip(*levels, strict=True)):
                if lower >= upper:
                    raise ValueError(f"Threshold lo {lower} must be below hi {upper} in channel {channel}")
        self._channels, self._par = check_channels(len(levels[0]), par)
        self._folds, self._pixels = self._channels // self._par, check_count("Pixels", pixels)
        self._o_shape = BINARY if lo is None else TRIT
        self._table, self._above = self._cuts(levels)
        super().__init__({"i": In(Signature(self._i_shape, par)), "o": Out(Signature(self._o_shape, par))})

    def _cuts(self, levels):
        """Rows (channel) of cuts that `a >= cut` asks for, or `a > cut` if those are narrower; and which."""
        least, most = shape_range(self._i_shape)
        rows = [[hi, *(value + 1 for value in lo)] for hi, *lo in zip(*levels, strict=True)]
        rows = [[min(max(cut, least), most + 1) for cut in row] for row in rows]
        above = [[cut - 1 for cut in row] for row in rows]
        return (above, True) if self._width(above) < self._width(rows) else (rows, False)

    @staticmethod
    def _width(rows):
        return range_shape(min(map(min, rows)), max(map(max, rows))).width

    @property
    def channels(self):
        return self._channels

    @property
    def o_shape(self):
        return self._o_shape

    @property
    def threshold_width(self):
        """Bits of a threshold as it is compared and stored."""
        return self._width(self._table)

    @property
    def interval(self):
        """Cycles a frame."""
        return self._pixels * self._folds

    @property
    def latency(self):
        return 1

    def elaborate(self, platform):
        m = Module()
        transfer = Signal()
        load = Signal()
        following = Signal(range(self._folds))
        primed = Signal(init=self._folds == 1)
        table = channel_rows(m, "rom", self._table, self._par, following, load)

        m.d.comb += [
            self.i.ready.eq(primed & (~self.o.valid | self.o.ready)),
            transfer.eq(self.i.valid & self.i.ready),
            load.eq(transfer | ~primed),  # the ROM holds the row of the beat that comes next
        ]
        if self._folds > 1:
            with m.If(load):
                m.d.sync += [
                    primed.eq(1),
                    following.eq(following + 1),
                ]
                with m.If(following == self._folds - 1):
                    m.d.sync += following.eq(0)

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(transfer):
            m.d.sync += self.o.valid.eq(1)
            for lane, cuts in enumerate(table):
                a = value_of(self.i.payload[lane])
                reached = [a > cut if self._above else a >= cut for cut in cuts]
                if self._o_shape == BINARY:
                    m.d.sync += self.o.payload[lane].eq(~reached[0])
                else:
                    m.d.sync += self.o.payload[lane].eq(Cat(reached[0] | ~reached[1], ~reached[1]).as_signed())
        return m
