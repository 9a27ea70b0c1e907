"""First in, first out queues between two streams."""

from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import check_count, connect

PAIR_DEPTH = 2
"""Beats of a `Pair`."""

DEEP_LATENCY = 2
"""Cycles through an empty queue that is deeper than a pair."""


class Pair(wiring.Component):
    """A queue of two beats in registers, also known as a skid buffer, with full throughput and a latency of 1 cycle.

    Neither `o` nor `i.ready` depends on an input of the same cycle. `room` tells a cycle ahead whether `i.ready` will
    be high, so that the sender can decide from a register.

    Parameters
    ----------
    shape : shape-like
        Payload of a beat.

    Members
    -------
    i, o : streams of `shape`
    room : out
        What `i.ready` is in the next cycle.
    """

    def __init__(self, shape):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape)), "room": Out(1)})

    def elaborate(self, platform):
        m = Module()
        spare, payload = (Signal(self._shape, name=name, reset_less=True) for name in ("spare", "payload"))
        spare_free = Signal(init=1)  # the ready itself, without an inverter: long paths of a design start here
        leaves = ~self.o.valid | self.o.ready
        m.d.comb += [self.i.ready.eq(spare_free), self.o.payload.eq(payload),
                     self.room.eq(leaves | (spare_free & ~self.i.valid))]
        with m.If(leaves):
            m.d.sync += self.o.valid.eq(self.i.valid | ~spare_free)
            with m.If(spare_free):
                m.d.sync += payload.eq(self.i.payload)
            with m.Else():
                m.d.sync += payload.eq(spare)
            m.d.sync += spare_free.eq(1)
        with m.Elif(spare_free):
            m.d.sync += [spare.eq(self.i.payload), spare_free.eq(~self.i.valid)]
        return m


class Queue(wiring.Component):
    """A queue that holds exactly `depth` beats, with registered output and full throughput.

    No combinational path leads through it, in either direction. A depth of 2 is a `Pair`. Deeper queues hold their
    beats in a memory with a registered read. Synthesis makes distributed or block RAM of it, by its size.

    Latency is 1 cycle for a depth of 2, else 2 cycles.

    Parameters
    ----------
    shape : shape-like
        Payload of a beat.
    depth : int
        Beats it holds, at least 2.

    Members
    -------
    i, o : streams of `shape`

    Raises
    ------
    TypeError, ValueError
        For a depth that is not an integer of at least 2.
    """

    def __init__(self, *, shape, depth):
        self._depth = check_count("Queue depth", depth, 2)
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    @property
    def depth(self):
        """Beats it holds."""
        return self._depth

    @property
    def latency(self):
        """Cycles from the transfer of a beat into the empty queue to the same beat at the output."""
        return 1 if self._depth == PAIR_DEPTH else DEEP_LATENCY

    def elaborate(self, platform):
        m = Module()
        if self._depth > PAIR_DEPTH:
            return self._memory(m)
        m.submodules.pair = pair = Pair(self._shape)
        connect(m, wiring.flipped(self.i), pair.i)
        connect(m, pair.o, wiring.flipped(self.o))
        return m

    def _memory(self, m):
        width = Shape.cast(self._shape).width
        m.submodules.buffer = buffer = fifo.SyncFIFOBuffered(width=width, depth=self._depth)
        m.d.comb += [
            buffer.w_data.eq(Value.cast(self.i.payload)),
            buffer.w_en.eq(self.i.valid),
            self.i.ready.eq(buffer.w_rdy),
            Cat(Value.cast(self.o.payload)).eq(buffer.r_data),
            self.o.valid.eq(buffer.r_rdy),
            buffer.r_en.eq(self.o.ready),
        ]
        return m
