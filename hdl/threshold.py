"""Thresholds of a channel: from accumulators to trits or binary values."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.element import channel_rows, check_channels, check_integers, check_shape, range_shape, shape_range, value_of
from hdl.stream import BINARY, TRIT, Signature, check_count

BLOCK_ROWS, BLOCK_BITS = 32, 1024
"""A ROM of at least this many rows and bits goes to block RAM."""


class Threshold(wiring.Component):
    """`[a >= hi] - [a <= lo]` for each element, or without `lo` +1 where `a >= hi` and -1 elsewhere.

    The channel is the fastest index, so a pixel takes `channels / par` beats. With more than one beat, the thresholds
    come from a ROM with a row for each. A threshold outside the range of the input is allowed, and makes its comparison
    constant. It is stored as the nearest threshold that compares alike, so the ROM is no wider than needed. From
    `BLOCK_ROWS` rows and `BLOCK_BITS` bits on, the ROM is block RAM with a register behind it. As logic it would take
    several times the LUTs of the comparisons.

    Throughput is one beat a cycle, and latency is 1 cycle. After a reset the input is not ready for 0 to 2 cycles,
    until the first row is there.

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
        """(table, above): for each channel its cuts, for `a >= cut`, or for `a > cut` where `above`, if those are
        narrower."""
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
        """Channels of a pixel."""
        return self._channels

    @property
    def par(self):
        """Elements a beat."""
        return self._par

    @property
    def folds(self):
        """Beats of a pixel, and rows of the ROM."""
        return self._folds

    @property
    def i_shape(self):
        """Shape of an input element."""
        return self._i_shape

    @property
    def table(self):
        """What elements are compared with: for each channel one threshold, or two for trits."""
        return self._table

    @property
    def o_shape(self):
        """Shape of an output element."""
        return self._o_shape

    @property
    def threshold_width(self):
        """Bits of a threshold as it is compared and stored."""
        return self._width(self._table)

    @property
    def in_block_ram(self):
        """Whether the thresholds come out of block RAM."""
        bits = len(self._table[0]) * self._channels * self.threshold_width
        return self._folds >= BLOCK_ROWS and bits >= BLOCK_BITS

    @property
    def interval(self):
        """Cycles a frame."""
        return self._pixels * self._folds

    @property
    def latency(self):
        """Cycles from a beat to its results."""
        return 1

    def elaborate(self, platform):
        m = Module()
        transfer = Signal()
        load = Signal()
        following = Signal(range(self._folds))
        loads = 0 if self._folds == 1 else 1 + self.in_block_ram
        loaded = Signal(loads)
        primed = loaded[-1] if loads else Const(1)
        style = "block" if self.in_block_ram else "logic"
        table = channel_rows(m, "rom", self._table, self._par, following, load,
                             attrs={"rom_style": style, "ram_style": style})
        if self.in_block_ram:
            table, early = [[Signal.like(cut, name="cut", reset_less=True) for cut in cuts] for cuts in table], table
            with m.If(load):
                m.d.sync += [cut.eq(ahead) for cuts, rows in zip(table, early, strict=True)
                             for cut, ahead in zip(cuts, rows, strict=True)]

        m.d.comb += [
            self.i.ready.eq(primed & (~self.o.valid | self.o.ready)),
            transfer.eq(self.i.valid & self.i.ready),
            load.eq(transfer | ~primed),  # the ROM holds the row of the beat that comes next
        ]
        if self._folds > 1:
            with m.If(load):
                m.d.sync += [
                    loaded.eq(Cat(1, loaded)),
                    following.eq(Mux(following == self._folds - 1, 0, following + 1)),
                ]

        payload = Signal.like(self.o.payload, name="payload", reset_less=True)
        m.d.comb += self.o.payload.eq(payload)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(transfer):
            m.d.sync += self.o.valid.eq(1)
            for lane, cuts in enumerate(table):
                a = value_of(self.i.payload[lane])
                reached = [a > cut if self._above else a >= cut for cut in cuts]
                if self._o_shape == BINARY:
                    m.d.sync += payload[lane].eq(~reached[0])
                else:
                    m.d.sync += payload[lane].eq(Cat(reached[0] | ~reached[1], ~reached[1]).as_signed())
        return m
