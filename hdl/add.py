"""Addition of two streams: the join of a shortcut."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.element import check_shape, clip, shape_range, value_of
from hdl.stream import Signature, check_count


class Add(wiring.Component):
    """The element-wise sum of two streams, saturated to signed(width).

    It takes one beat of `a` and one of `b` in the same cycle. It stores one output beat and no input: beats of the side
    that is ahead wait in the queue in front.

    Throughput is one beat a cycle. Latency is 1 cycle from the later of the two inputs.

    Parameters
    ----------
    a_shape, b_shape : shape-like
        Shapes of the elements of the two inputs.
    width : int
        Bits of an output element, at least 2.
    par : int
        Elements a beat.

    Members
    -------
    a, b : streams of `par` elements of `a_shape`, `b_shape`
    o : stream of `par` elements of signed(width)

    Raises
    ------
    TypeError, ValueError
        For an element shape that is neither binary nor signed, or a width or parallelism that is no integer or too
        small.
    """

    def __init__(self, *, a_shape, b_shape, width, par):
        a_shape, b_shape = check_shape("Shape of a", a_shape), check_shape("Shape of b", b_shape)
        self._width, self._par = check_count("Width", width, 2), check_count("Parallelism", par)
        super().__init__({
            "a": In(Signature(a_shape, par)),
            "b": In(Signature(b_shape, par)),
            "o": Out(Signature(self.o_shape, par)),
        })

    @property
    def par(self):
        """Elements a beat."""
        return self._par

    @property
    def o_shape(self):
        """Shape of an output element."""
        return signed(self._width)

    @property
    def interval(self):
        """Cycles a beat."""
        return 1

    @property
    def latency(self):
        """Cycles from the later of the two inputs to the sum."""
        return 1

    def elaborate(self, platform):
        m = Module()
        free = Signal()
        transfer = Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            transfer.eq(self.a.valid & self.b.valid & free),
            self.a.ready.eq(self.b.valid & free),
            self.b.ready.eq(self.a.valid & free),
        ]
        payload = Signal.like(self.o.payload, name="payload", reset_less=True)
        m.d.comb += self.o.payload.eq(payload)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(transfer):
            m.d.sync += self.o.valid.eq(1)
            for lane in range(self._par):
                total = value_of(self.a.payload[lane]) + value_of(self.b.payload[lane])
                m.d.sync += payload[lane].eq(clip(total, *shape_range(self.o_shape)))
        return m
