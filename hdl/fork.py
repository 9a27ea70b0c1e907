"""A stream copied to several readers."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import check_count


class Fork(wiring.Component):
    """Copies of a stream: each output takes every beat once, in its own time.

    An output may take a beat before the others do; a flag remembers it. The input moves on when the last output has
    taken the beat. No valid depends on any ready. The fork stores no beat: latency is 0 cycles, at one beat a cycle.

    Parameters
    ----------
    shape : shape-like
        Payload of a beat.
    n : int
        Outputs, at least 2.

    Members
    -------
    i : stream of `shape`
    o0, o1, ... : streams of `shape`, `n` of them; also as `outputs[k]`

    Raises
    ------
    TypeError, ValueError
        For a number of outputs that is not an integer of at least 2.
    """

    def __init__(self, *, shape, n):
        self._n = check_count("Number of outputs", n, 2)
        ports = {f"o{k}": Out(stream.Signature(shape)) for k in range(self._n)}
        super().__init__({"i": In(stream.Signature(shape)), **ports})

    @property
    def outputs(self):
        """The output ports, in order."""
        return [getattr(self, f"o{k}") for k in range(self._n)]

    @property
    def interval(self):
        """Cycles a beat."""
        return 1

    @property
    def latency(self):
        """Cycles from the input to the outputs."""
        return 0

    def elaborate(self, platform):
        m = Module()
        done = Signal(self._n)
        took = Signal(self._n)
        m.d.comb += self.i.ready.eq(took.all())
        for k, o in enumerate(self.outputs):
            m.d.comb += [
                o.payload.eq(self.i.payload),
                o.valid.eq(self.i.valid & ~done[k]),
                took[k].eq(done[k] | o.ready),
            ]
        with m.If(self.i.valid):
            m.d.sync += done.eq(took)
            with m.If(self.i.ready):
                m.d.sync += done.eq(0)
        return m
