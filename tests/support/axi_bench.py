"""Benches for the AXI-Stream ends, which have streams of bytes in place of AXI ports, and frames with a wrong tlast."""
# amaranth: UnusedElaboratable=no

import numpy as np
from amaranth.hdl import Module, Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.axi_stream import AxiInput, AxiOutput
from hdl.fork import Fork
from hdl.stream import Elements, Signature, connect
from hdl.stream_queue import Queue
from hdl.top_k import TopK


class InputBench(wiring.Component):
    """AxiInput behind a stream of bytes. A beat has a pixel's bytes, then tlast."""

    def __init__(self, **numbers):
        self.core = AxiInput(**numbers)
        channels, element = numbers["channels"], Shape.cast(numbers.get("element", signed(8)))
        super().__init__({"i": In(Signature(unsigned(8), len(self.core.s_axis_tdata) // 8 + 1)),
                          "o": Out(Signature(element, channels)), "flag": Out(Signature(unsigned(1), 1))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        axi_in(m, self.i, core)
        connect(m, core.o, wiring.flipped(self.o))
        flag_out(m, core, self.flag)
        return m


class OutputBench(wiring.Component):
    """AxiOutput in front of a stream of bytes. A beat has a result's bytes, then tuser + 2 * tlast."""

    def __init__(self, **numbers):
        self.core, k = AxiOutput(**numbers), numbers.get("k", 0)
        ports = {"classes": In(Signature(range_of(numbers["channels"]), k))} if k else {}
        super().__init__({"i": In(Signature(numbers["shape"], numbers["par"])), "flag": In(Signature(unsigned(1), 1)),
                          "o": Out(Signature(unsigned(8), len(self.core.m_axis_tdata) // 8 + 1)), **ports})

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = self.core
        connect(m, wiring.flipped(self.i), core.i)
        if hasattr(self, "classes"):
            connect(m, wiring.flipped(self.classes), core.classes)
        m.d.comb += [core.flag.payload.eq(self.flag.payload[0]), core.flag.valid.eq(self.flag.valid),
                     self.flag.ready.eq(core.flag.ready)]
        axi_out(m, core, self.o)
        return m


class Loop(wiring.Component):
    """Both ends with nothing but top k between them: the logits are the pixels of the frame."""

    def __init__(self, *, pixels, channels, k, frames):
        self.source = AxiInput(height=1, width=pixels, channels=channels, frames=frames)
        self.sink = AxiOutput(shape=signed(8), channels=pixels * channels, par=channels, k=k)
        self.top_k = TopK(shape=signed(8), channels=pixels * channels, par=channels, k=k)
        self.channels = channels
        super().__init__({"i": In(Signature(unsigned(8), channels + 1)),
                          "o": Out(Signature(unsigned(8), len(self.sink.m_axis_tdata) // 8 + 1))})

    def elaborate(self, platform):
        m = Module()
        payload = Elements(signed(8), self.channels)
        m.submodules.source, m.submodules.sink, m.submodules.top_k = self.source, self.sink, self.top_k
        m.submodules.fork = fork = Fork(shape=payload, n=2)
        m.submodules.queue = queue = Queue(shape=payload, depth=2)
        axi_in(m, self.i, self.source)
        connect(m, self.source.o, fork.i)
        connect(m, fork.o0, queue.i)
        connect(m, queue.o, self.sink.i)
        connect(m, fork.o1, self.top_k.i)
        connect(m, self.top_k.o, self.sink.classes)
        connect(m, self.source.flag, self.sink.flag)
        axi_out(m, self.sink, self.o)
        return m


def range_of(channels):
    return signed((channels - 1).bit_length() + 1)


def axi_in(m, i, core):
    m.d.comb += [core.s_axis_tdata.eq(i.payload.as_value()), core.s_axis_tlast.eq(i.payload.as_value()[-8]),
                 core.s_axis_tvalid.eq(i.valid), i.ready.eq(core.s_axis_tready)]


def axi_out(m, core, o):
    m.d.comb += [o.payload.as_value().eq(core.m_axis_tdata), o.payload.as_value()[-8:].eq(
                     core.m_axis_tuser | core.m_axis_tlast << 1),
                 o.valid.eq(core.m_axis_tvalid), core.m_axis_tready.eq(o.ready)]


def flag_out(m, core, flag):
    m.d.comb += [flag.payload[0].eq(core.flag.payload), flag.valid.eq(core.flag.valid), core.flag.ready.eq(flag.ready)]


def to_bytes(values, width):
    """Elements (n, elements) of `width` bits, each sign-extended to whole bytes: (n, bytes)."""
    size = -(-width // 8)
    return np.array([[b for v in row for b in int(v).to_bytes(size, "little", signed=True)] for row in values])


def with_last(pixels, last, width=8):
    """Beats for `axi_in`, from pixels (n, c) and their tlasts (n): the bytes of each pixel, then its tlast."""
    return np.column_stack([to_bytes(pixels, width), last])


def reference(pixels, last, frame):
    """(pixels, flags) that AxiInput gives for pixels (n, c) with the tlasts `last` (n), in frames of `frame` pixels."""
    out, flags, discard = [], [], False
    for pixel, ends in zip(pixels, last, strict=True):
        if discard:
            discard = not ends
            continue
        out.append(pixel)
        final = len(out) % frame == 0
        if ends and not final:
            out += [pixel * 0] * (-len(out) % frame)
        elif final and not ends:
            discard = True
        if ends or final:
            flags.append(int(ends != final))
    return np.array(out), np.array(flags)


def traffic(rng, frame, channels, kinds):
    """(pixels, tlasts) of frames. A kind says by how many pixels a frame is too long, or too short if negative."""
    last = np.concatenate([np.arange(frame + kind)[::-1] == 0 for kind in kinds]).astype(int)
    return rng.integers(-128, 128, (len(last), channels)), last
