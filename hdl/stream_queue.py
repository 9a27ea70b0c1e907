"""A first in, first out queue between two streams."""

from amaranth.hdl import Cat, Module, Shape, Signal, Value
from amaranth.lib import fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import check_count


class Queue(wiring.Component):
    """A queue that holds exactly `depth` beats, with registered output and full throughput.

    No combinational path leads through it, in either direction. A depth of 2 is a pair of registers; deeper queues hold
    their beats in a memory with a registered read, which a tool turns into distributed or block RAM by its size.

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
        return self._depth

    @property
    def latency(self):
        """Cycles from the transfer of a beat into the empty queue to the same beat at the output."""
        return 1 if self._depth == 2 else 2

    def elaborate(self, platform):
        m = Module()
        return self._pair(m) if self._depth == 2 else self._memory(m)

    def _pair(self, m):
        spare, payload = (Signal(self._shape, name=name, reset_less=True) for name in ("spare", "payload"))
        spare_free = Signal(init=1)  # the ready itself, with no inverter behind it: it starts a design's long paths
        m.d.comb += [self.i.ready.eq(spare_free), self.o.payload.eq(payload)]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(self.i.valid | ~spare_free)
            with m.If(spare_free):
                m.d.sync += payload.eq(self.i.payload)
            with m.Else():
                m.d.sync += payload.eq(spare)
            m.d.sync += spare_free.eq(1)
        with m.Elif(spare_free):
            m.d.sync += [spare.eq(self.i.payload), spare_free.eq(~self.i.valid)]
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
