"""The shared part of both pools: reduction of windows, one dimension after the other."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hdl.border import Border
from hdl.element import check_channels, value_of
from hdl.stream import BINARY, Elements, Signature, connect

BLOCK_ROWS = 32
"""From this many rows on, partial results come out of block RAM, late in their cycle. A register then follows."""


def overlap_of(axis):
    """Windows along an axis that are open at once."""
    return -(-axis.extent // axis.stride)


class WindowReduction(wiring.Component):
    """Reduction of the windows along an axis, which has no padding.

    A position is `inner` beats wide, and each of these beats has its own windows. A line yields a position for each
    window. Input that no window covers is discarded, and so is input between the elements of a dilated window.

    If windows overlap, `overlap = ceil(extent / stride)` of them are open at once. Each has its own column of partial
    results in a memory of `inner` rows. A beat enters the input register while its row is read. In the next cycle the
    row is written back and a finished window leaves. So with more than one row, no beat reads the row that the beat
    before it writes; a single row is a register. With `BLOCK_ROWS` rows and more, the row is written a cycle later.

    The input takes one beat a cycle. Latency is 1 cycle from the last beat of a window, or `(extent - 1) * inner + 1`
    cycles from its first beat, and one more if the rows are `late`.

    Parameters
    ----------
    i_shape, o_shape : shape-like
        Shapes of an element before and after.
    combine : function (partial result, element) -> Value
        Both are numbers, or bits if the result is binary.
    par, inner : int
    axis : hdl.window_axis.Axis

    Members
    -------
    i : stream of `par` elements of `i_shape`
    o : stream of `par` elements of `o_shape`
    """

    def __init__(self, *, i_shape, o_shape, combine, par, axis, inner):
        self._o_shape, self._combine, self._par = Shape.cast(o_shape), combine, par
        self._axis, self._inner = axis, inner
        self._overlap = overlap_of(axis)
        super().__init__({"i": In(Signature(i_shape, par)), "o": Out(Signature(o_shape, par))})

    @property
    def interval(self):
        """Cycles a line."""
        return self._axis.size * self._inner

    @property
    def latency(self):
        """Cycles from a window's first beat to its result."""
        return (self._axis.extent - 1) * self._inner + 1 + self.late

    @property
    def late(self):
        """Whether a row that was read goes through a register."""
        return self._axis.kernel > 1 and self._inner >= BLOCK_ROWS

    def elaborate(self, platform):
        m = Module()
        take = Signal()
        leave = Signal()
        taken = Signal()
        x = Signal.like(self.i.payload, name="x", reset_less=True)
        with m.If(self.i.ready):
            m.d.sync += taken.eq(self.i.valid)
        with m.If(take):
            m.d.sync += x.eq(self.i.payload)

        row, *position = self._position(m, take)
        held = self._beside(m, taken, reset_less=False)
        x, opens, closes, *skips = (self._beside(m, value) for value in (x, *position))
        m.d.comb += [
            self.i.ready.eq(~held | ~self.o.valid | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
            leave.eq(held & self.i.ready),
        ]
        results = Signal(data.ArrayLayout(Elements(self._o_shape, self._par), self._overlap))
        partials = self._partials(m, row, take, leave, results) if self._axis.kernel > 1 else None
        for k in range(self._overlap):
            for lane in range(self._par):
                element = x[lane] if self._o_shape == BINARY else value_of(x[lane])
                if partials is None:
                    m.d.comb += results[k][lane].eq(element)
                else:
                    combined = self._combine(partials[k][lane], element)
                    if skips:
                        combined = Mux(skips[0][k], partials[k][lane], combined)
                    m.d.comb += results[k][lane].eq(Mux(opens[k], element, combined))

        m.d.comb += [
            self.o.valid.eq(held & closes.any()),
            self.o.payload.eq(results[0]),
        ]
        for k in range(1, self._overlap):
            with m.If(closes[k]):
                m.d.comb += self.o.payload.eq(results[k])
        return m

    def _beside(self, m, value, reset_less=True):
        """A value of the beat taken last, at the time at which its row of partial results is there."""
        if not self.late:
            return value
        moved = Signal.like(value, name="moved", reset_less=reset_less)
        with m.If(self.i.ready):
            m.d.sync += moved.eq(value)
        return moved

    def _position(self, m, take):
        """(row of the beat that is taken; columns that the beat before it opens, closes and, if dilated, skips)."""
        row = Signal(range(self._inner))
        axis = self._axis
        position = Signal(range(axis.size))
        period = self._overlap * axis.stride
        starts = [-k * axis.stride % period for k in range(self._overlap)]
        phases = [Signal(range(period), init=start, name=f"phase_{k}") for k, start in enumerate(starts)]
        with m.If(take):
            m.d.sync += row.eq(row + 1)
            with m.If(row == self._inner - 1):
                m.d.sync += [row.eq(0), position.eq(position + 1)]
                m.d.sync += [phase.eq(Mux(phase == period - 1, 0, phase + 1)) for phase in phases]
                with m.If(position == axis.size - 1):
                    m.d.sync += position.eq(0)
                    m.d.sync += [phase.eq(start) for phase, start in zip(phases, starts, strict=True)]

        opens = Signal(self._overlap)
        closes = Signal(self._overlap)
        # Windows that would have opened before the start of the line close before position extent - 1.
        inside = Const(1, 1) if self._overlap == 1 else position >= axis.extent - 1
        with m.If(take):
            m.d.sync += [
                opens.eq(Cat(phase == 0 for phase in phases)),
                closes.eq(Cat((phase == axis.extent - 1) & inside for phase in phases)),
            ]
        if axis.kernel == 1 or axis.dilation == 1:
            return row, opens, closes
        skips, places = Signal(self._overlap), range(axis.dilation, axis.extent, axis.dilation)
        with m.If(take):
            m.d.sync += skips.eq(Cat(~phase.matches(*places) for phase in phases))
        return row, opens, closes, skips

    def _partials(self, m, row, take, leave, results):
        """What the open windows hold for the beat held; `results` replace it when that beat leaves."""
        if self._inner == 1:
            partials = Signal.like(results, name="partials")
            with m.If(leave):
                m.d.sync += partials.eq(results)
            return partials
        m.submodules.partials = rows = memory.Memory(shape=results.shape(), depth=self._inner, init=[])
        write = rows.write_port()
        read = rows.read_port()
        held_row = Signal.like(row, name="held_row")
        with m.If(take):
            m.d.sync += held_row.eq(row)
        m.d.comb += [
            read.addr.eq(row),
            read.en.eq(take),
            write.addr.eq(self._beside(m, held_row)),
            write.data.eq(results),
            write.en.eq(leave),
        ]
        return self._beside(m, read.data)


class Pool(wiring.Component):
    """Reduction of the windows of a frame: along each line, then across the lines.

    The contract is that of `MaxPool` and `AvgPool`. If there is padding, a border is put around the frame. The lines
    are reduced first, with `channels / par` rows of partial results. Then the columns are, with as many rows for each
    window in a row; see `WindowReduction`. Of a pool of one dimension, the other is passed over.

    Parameters
    ----------
    i_shape, line_shape, window_shape : shape-like
        Shapes of an element, of a reduced line of a window, and of a reduced window.
    combine : function
        As for `WindowReduction`.
    channels, par : int
    down, across : hdl.window_axis.Axis
    border : int
        Value of an element of the padding; of a binary one, its bit.
    o_shape : shape-like
    shift : int
        Right shift of the reduced window on its way out.
    """

    def __init__(self, *, i_shape, line_shape, window_shape, combine, channels, par, down, across, border,
                 o_shape, shift=0):
        self._channels, self._par = check_channels(channels, par)
        self._down, self._across, self._border = down, across, border
        self._shapes, self._combine = (i_shape, line_shape, window_shape), combine
        self._o_shape, self._shift = o_shape, shift
        super().__init__({"i": In(Signature(i_shape, par)), "o": Out(Signature(o_shape, par))})

    @property
    def down(self):
        """The axis of the lines of a frame."""
        return self._down

    @property
    def across(self):
        """The axis of the columns of a frame."""
        return self._across

    @property
    def padded(self):
        """Whether there is a border."""
        return (self._down.bare, self._across.bare) != (self._down, self._across)

    @property
    def par(self):
        """Elements a beat."""
        return self._par

    @property
    def folds(self):
        """Beats of a pixel."""
        return self._channels // self._par

    @property
    def o_shape(self):
        """Shape of an output element."""
        return self._o_shape

    @property
    def interval(self):
        """Cycles a frame."""
        return self._down.padded * self._across.padded * self.folds

    @property
    def latency(self):
        """Cycles from the first beat to the first output: to the last beat of its window, and through the registers."""
        registers = sum(1 + stage.late for stage in self._reductions.values())
        down, across = self._down, self._across
        lines, columns = down.extent - 1 - down.before, across.extent - 1 - across.before
        return (lines * across.padded + columns) * self.folds + registers

    @property
    def steps(self):
        """(name, axis, beats of a position, shapes of an element before and after) of each reduction, in their order.
        """
        i_shape, line_shape, window_shape = self._shapes
        down, across = self._down.bare, self._across.bare
        idle = [(axis.kernel, axis.stride) == (1, 1) for axis in (down, across)]
        lines = [] if idle == [False, True] else [("lines", across, self.folds, i_shape, line_shape)]
        if idle == [True, False]:
            return lines
        return [*lines, ("columns", down, across.count * self.folds, line_shape if lines else i_shape, window_shape)]

    @property
    def _reductions(self):
        """The reductions by name, in their order."""
        return {name: WindowReduction(i_shape=before, o_shape=after, axis=axis, inner=inner, combine=self._combine,
                                      par=self._par) for name, axis, inner, before, after in self.steps}

    def elaborate(self, platform):
        m = Module()
        stages = self._reductions
        for name, stage in stages.items():
            m.submodules[name] = stage
        source = wiring.flipped(self.i)
        if self.padded:
            m.submodules.border = border = Border(shape=self._shapes[0], down=self._down, across=self._across,
                                                  par=self._par, folds=self.folds, value=self._border)
            connect(m, source, border.i)
            source = border.o
        for stage in stages.values():
            connect(m, source, stage.i)
            source = stage.o
        m.d.comb += [
            self.o.valid.eq(source.valid),
            source.ready.eq(self.o.ready),
        ]
        for lane in range(self._par):
            m.d.comb += self.o.payload[lane].eq(source.payload[lane] >> self._shift)
        return m
