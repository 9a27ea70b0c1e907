"""The AXI-Stream ends of an accelerator: pixels in, logits and classes out.

Each element is sign-extended to whole bytes. The ports have AXI-Stream's names; clock and reset are those of the
domain.
"""

from amaranth.hdl import Cat, Module, Shape, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.element import check_channels, check_shape, range_shape, shape_range, value_of
from hdl.stream import BINARY, Signature, check_count
from hdl.stream_queue import Queue

INT8 = signed(8)

RESULT_CYCLES = 3
"""Most cycles from the last class of a result until `AxiOutput` takes the first logit of the next result."""


def byte_shape(shape):
    """The shape of an element's number, sign-extended to whole bytes."""
    shape = range_shape(*shape_range(shape)) if shape == BINARY else Shape.cast(shape)
    return signed(-(-shape.width // 8) * 8)


class AxiInput(wiring.Component):
    """Pixels from AXI-Stream, one a beat, cut into frames of `height * width` pixels.

    `tlast` must mark the last pixel of a frame and no other. If it is misplaced, `error` rises and stays high, and the
    frame's flag is 1. The next frame is whole again without a reset:

    - An early `tlast` ends the frame. Zero pixels replace the missing ones.
    - If the last pixel has no `tlast`, all later pixels up to and including the next `tlast` are discarded.

    When the last pixel of a frame leaves, the frame's flag enters a queue to `AxiOutput`, which holds `frames` flags.
    While that queue is full, the last pixel of a further frame waits. This cannot deadlock: all pixels of the frames
    before it have left, so their results will come and take flags out of the queue.

    `s_axis_tready` comes from a register, and `o` is registered: no combinational path leads through. Throughput is one
    pixel a cycle, and latency is 2 cycles. The zero pixels after an early `tlast` take one cycle each.

    Parameters
    ----------
    height, width, channels : int
        Shape of a frame.
    element : shape-like
        Shape of an element, signed.
    frames : int
        Frames that may wait for their results at once, at least 2.

    Members
    -------
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast : AXI-Stream, a pixel, channel 0 in the low bytes
    o : stream of `channels` elements
    flag : stream of a bit, 1 for a frame with a misplaced `tlast`
    error : out, sticky until reset

    Raises
    ------
    TypeError, ValueError
        For numbers that are not integers in range, or a shape that is not signed.
    """

    def __init__(self, *, height, width, channels, element=INT8, frames=16):
        self._pixels = check_count("Height", height) * check_count("Width", width)
        self._channels = check_count("Channels", channels)
        self._element = check_shape("Element shape", element)
        if self._element == BINARY:
            raise ValueError("Element shape must be signed, not unsigned(1)")
        self._frames = check_count("Frames in flight", frames, 2)
        super().__init__({
            "s_axis_tdata": In(byte_shape(self._element).width * self._channels),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tlast": In(1),
            "o": Out(Signature(self._element, self._channels)),
            "flag": Out(stream.Signature(1)),
            "error": Out(1),
        })

    @property
    def pixels(self):
        """Pixels of a frame."""
        return self._pixels

    @property
    def interval(self):
        """Cycles a frame."""
        return self._pixels

    @property
    def latency(self):
        """Cycles from a pixel at the port to the same pixel at `o`."""
        return 2

    def elaborate(self, platform):
        m = Module()
        pixel = data.ArrayLayout(byte_shape(self._element), self._channels)
        m.submodules.beats = beats = Queue(shape=data.StructLayout({"pixel": pixel, "last": 1}), depth=2)
        m.submodules.flags = flags = Queue(shape=1, depth=self._frames)
        beat = beats.o.payload
        count = Signal(range(self._pixels))
        final = Signal()
        offered = Signal()
        leaves = Signal()
        bad = Signal()
        fill = Signal()
        discard = Signal()
        m.d.comb += [
            beats.i.payload.pixel.eq(self.s_axis_tdata),
            beats.i.payload.last.eq(self.s_axis_tlast),
            beats.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(beats.i.ready),
            self.flag.payload.eq(flags.o.payload),
            self.flag.valid.eq(flags.o.valid),
            flags.o.ready.eq(self.flag.ready),

            final.eq(count == self._pixels - 1),
            offered.eq((fill | (beats.o.valid & ~discard)) & (~self.o.valid | self.o.ready)),
            leaves.eq(offered & (flags.i.ready | ~final)),
            beats.o.ready.eq(discard | (leaves & ~fill)),
            bad.eq(fill | (beat.last != final)),
            flags.i.valid.eq(offered & final),
            flags.i.payload.eq(bad),
        ]
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(leaves):
            m.d.sync += [self.o.valid.eq(1), count.eq(count + 1)]
            for channel in range(self._channels):
                m.d.sync += self.o.payload[channel].eq(beat.pixel[channel] & ~fill.replicate(self._element.width))
            with m.If(bad):
                m.d.sync += [self.error.eq(1), fill.eq(~final), discard.eq(final & ~fill)]
            with m.If(final):
                m.d.sync += count.eq(0)
        with m.If(discard & beats.o.valid & beat.last):
            m.d.sync += discard.eq(0)
        return m


class AxiOutput(wiring.Component):
    """The logits of a frame, and its classes, as one beat of AXI-Stream.

    Logits gather in one register. A frame's logits move to a second register, at the port, together with its classes
    and its flag. So the engine can fill the first register while a slow reader still needs the second. Interval is
    `channels / par` cycles. Latency is one cycle more if classes and flag are there in time.

    Parameters
    ----------
    shape : shape-like
        Shape of a logit.
    channels : int
        Logits of a frame.
    par : int
        Logits a beat, a divisor of `channels`.
    k : int
        Classes, as `TopK` sends them; 0 for none.

    Members
    -------
    i : stream of `par` logits
    classes : stream of `k` indices, unless `k` is 0
    flag : stream of a bit, one a frame, from `AxiInput`
    m_axis_tdata, m_axis_tvalid, m_axis_tready : AXI-Stream, logit 0 in the low bytes, then the classes
    m_axis_tlast : out, always 1
    m_axis_tuser : out, the flag: 1 if the frame's `tlast` was misplaced

    Raises
    ------
    TypeError, ValueError
        For numbers that are not integers in range, k above the number of logits, or a parallelism that does not divide.
    """

    def __init__(self, *, shape, channels, par, k=0):
        self._shape, self._k = check_shape("Logit shape", shape), check_count("K", k, 0)
        self._channels, self._par = check_channels(channels, par)
        if self._k > self._channels:
            raise ValueError(f"K {k} must be at most the number of channels {channels}")
        self._class_shape = range_shape(0, self._channels - 1)
        bits = byte_shape(self._shape).width * self._channels + byte_shape(self._class_shape).width * self._k
        super().__init__({
            "i": In(Signature(self._shape, par)),
            **({"classes": In(Signature(self._class_shape, self._k))} if self._k else {}),
            "flag": In(stream.Signature(1)),
            "m_axis_tdata": Out(bits),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
            "m_axis_tuser": Out(1),
        })

    @property
    def shape(self):
        """Shape of a logit."""
        return self._shape

    @property
    def channels(self):
        """Logits of a frame."""
        return self._channels

    @property
    def k(self):
        """Classes of a frame."""
        return self._k

    @property
    def interval(self):
        """Cycles a frame."""
        return self._channels // self._par

    @property
    def latency(self):
        """Cycles from the first beat of logits to the result at the port."""
        return self.interval + 1

    def elaborate(self, platform):
        m = Module()
        logits = Signal(data.ArrayLayout(self._shape, self._channels))
        full = Signal()
        count = Signal(range(self.interval))
        free = Signal()
        leave = Signal()
        there = self.classes.valid if self._k else 1
        m.d.comb += [
            free.eq(~self.m_axis_tvalid | self.m_axis_tready),
            leave.eq(full & self.flag.valid & there & free),
            self.i.ready.eq(~full | leave),
            self.flag.ready.eq(full & there & free),
            self.m_axis_tlast.eq(1),
        ]
        if self._k:
            m.d.comb += self.classes.ready.eq(full & self.flag.valid & free)

        with m.If(leave):
            m.d.sync += full.eq(0)
        with m.If(self.i.valid & self.i.ready):
            beat = self.i.payload.as_value()
            m.d.sync += logits.as_value().eq(Cat(logits.as_value()[len(beat):], beat))
            m.d.sync += count.eq(count + 1)
            with m.If(count == self.interval - 1):
                m.d.sync += [count.eq(0), full.eq(1)]

        with m.If(self.m_axis_tready):
            m.d.sync += self.m_axis_tvalid.eq(0)
        with m.If(leave):
            elements = [(logits[n], self._shape) for n in range(self._channels)]
            elements += [(self.classes.payload[n], self._class_shape) for n in range(self._k)]
            words = []
            for element, shape in elements:
                words.append(word := Signal(byte_shape(shape), name="element"))
                m.d.comb += word.eq(value_of(element))
            m.d.sync += [
                self.m_axis_tdata.eq(Cat(words)),
                self.m_axis_tvalid.eq(1),
                self.m_axis_tuser.eq(self.flag.payload),
            ]
        return m
