"""The classes with the largest logits."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.element import check_channels, check_shape, range_shape, value_of
from hdl.stream import Signature, check_count


class TopK(wiring.Component):
    """Indices of the `k` largest of `channels` elements, largest first, ties to the lowest index.

    Elements enter a sorted list one by one at any parallelism, so a frame takes `channels` cycles. With more than one
    element a beat, a beat shifts out of a register. Latency is `channels` cycles, and one more with that register.

    Parameters
    ----------
    shape : shape-like
        Shape of an element.
    channels : int
    k : int
        At most `channels`.
    par : int
        Elements a beat, a divisor of `channels`.

    Members
    -------
    i : stream of `par` elements
    o : stream of `k` indices, of the smallest signed shape that holds `channels - 1`

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers, k above the number of channels, or a parallelism that does not
        divide.
    """

    def __init__(self, *, shape, channels, k, par):
        self._shape, self._k = check_shape("Element shape", shape), check_count("K", k)
        self._channels, self._par = check_channels(channels, par)
        if self._k > self._channels:
            raise ValueError(f"K {k} must be at most the number of channels {channels}")
        super().__init__({"i": In(Signature(self._shape, par)), "o": Out(Signature(self.o_shape, k))})

    @property
    def shape(self):
        """Shape of an element."""
        return self._shape

    @property
    def channels(self):
        """Elements of a frame."""
        return self._channels

    @property
    def k(self):
        """Indices of a result."""
        return self._k

    @property
    def par(self):
        """Elements a beat."""
        return self._par

    @property
    def o_shape(self):
        """Shape of an index."""
        return range_shape(0, self._channels - 1)

    @property
    def interval(self):
        """Cycles a frame."""
        return self._channels

    @property
    def latency(self):
        """Cycles from the first beat of a frame to its indices."""
        return self._channels + (self._par > 1)

    def elaborate(self, platform):
        m = Module()
        step = Signal()
        free = Signal()
        element, valid = self._element(m, step)
        index = Signal(range(self._channels))
        last = index == self._channels - 1
        m.d.comb += [
            free.eq(~last | ~self.o.valid | self.o.ready),
            step.eq(valid & free),
        ]

        # The list: entry j moves down or stays, or is the new element. An equal element stays behind an older one.
        entry = data.StructLayout({"used": 1, "value": value_of(element).shape(), "index": index.shape()})
        entries = [Signal(entry, name=f"entry_{j}") for j in range(self._k)]
        new = Signal(entry)
        updated = [Signal(entry, name=f"updated_{j}") for j in range(self._k)]
        larger = [~old.used | (new.value > old.value) for old in entries]
        m.d.comb += [new.used.eq(1), new.value.eq(value_of(element)), new.index.eq(index)]
        for j, (old, update) in enumerate(zip(entries, updated, strict=True)):
            entered = new if j == 0 else Mux(larger[j - 1], entries[j - 1].as_value(), new.as_value())
            m.d.comb += update.as_value().eq(Mux(larger[j], entered, old.as_value()))

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(step):
            m.d.sync += index.eq(index + 1)
            m.d.sync += [old.eq(update) for old, update in zip(entries, updated, strict=True)]
            with m.If(last):
                m.d.sync += [index.eq(0), self.o.valid.eq(1)]
                m.d.sync += [old.used.eq(0) for old in entries]
                m.d.sync += [self.o.payload[j].eq(update.index) for j, update in enumerate(updated)]
        return m

    def _element(self, m, step):
        """The next element and whether there is one; it moves on with `step`."""
        if self._par == 1:
            m.d.comb += self.i.ready.eq(step)
            return self.i.payload[0], self.i.valid
        x = Signal.like(self.i.payload, name="x")
        left = Signal(range(self._par + 1))
        m.d.comb += self.i.ready.eq((left == 0) | ((left == 1) & step))
        with m.If(step):
            m.d.sync += [left.eq(left - 1), Cat(x[lane] for lane in range(self._par - 1)).eq(
                Cat(x[lane] for lane in range(1, self._par)))]
        with m.If(self.i.ready):
            m.d.sync += [left.eq(Mux(self.i.valid, self._par, 0)), x.eq(self.i.payload)]
        return x[0], left != 0
