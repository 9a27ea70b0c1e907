"""The windows of a convolution, cut out of a picture while it streams in."""

import math

import numpy as np
from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import BINARY, Signature, check_count, check_divisor
from hdl.window_axis import axes
from hdl.window_control import WindowControl, wrapped_sum
from hdl.window_schedule import WindowSchedule

SLACK_WORDS = 2
"""Words of buffer beyond the least, for short stalls of the neighbours; none if the least is a multiple of 16."""

BLOCK_WORDS, BLOCK_BITS = 32, 1024
"""A buffer of more words than this, and at least this many bits, goes to block RAM. It would take hundreds of LUTs."""


def buffer_words(least_depth, width):
    """(words, whether it asks for block RAM) of a buffer that must hold `least_depth` words of `width` bits.

    The number of words is a multiple of 16, or a power of two where the memory would be as large anyway.
    """
    least = least_depth if least_depth % 16 == 0 else least_depth + SLACK_WORDS
    block = least > BLOCK_WORDS and least * width >= BLOCK_BITS
    power = 1 << (least - 1).bit_length()
    return power if power <= 16 or block or power > 256 else -(-least // 16) * 16, block


class SlidingWindow(wiring.Component):
    """Sends every window of a convolution, `repeat` times each, while its picture streams in.

    An input beat is a word of `gcd(simd, channels)` elements. An output beat is `simd` elements of a window in
    (ky, kx, c) order, so a window takes `rows * columns * channels / simd` beats, with as many rows and columns as its
    kernel has. The whole window is sent `repeat`
    times, once for each neuron fold of the engine behind it. Then the next window in raster order follows. Elements
    outside the picture are `pad`.

    The input is written into a ring buffer of `depth` words, without a gap between rows or frames. Each word of an
    output beat has its own copy of the buffer. A window starts when its last word has been written. With its last beat
    it frees the words that no later window reads. The lines and columns between those of a dilated window stay in the
    buffer: with a stride of 1 other windows read them, with a larger one some of them are held for nothing. For a
    picture of one pixel and a kernel of 1, this is a double buffer that replays vectors, as a dense layer needs.

    Interval is the larger of the input beats and the output beats of a frame: padding takes no cycles. Latency is 2
    more than the number of words that the first window needs.

    Parameters
    ----------
    shape : shape-like
        Shape of an element.
    height, width, channels : int
        The picture.
    kernel, stride, padding, dilation : int or tuple of int
        The convolution, as `hdl.window_axis.axes` takes it. Padding must be less than a window spans.
    simd : int
        Elements of an output beat, a divisor of a window's elements.
    repeat : int
        Times each window is sent.
    pad : int, array of (channels,), or None
        Value of the elements outside the picture: -1 or +1 for binary elements. None means 0, and +1 for binary ones.

    Members
    -------
    i : stream of gcd(simd, channels) elements
    o : stream of simd elements

    Raises
    ------
    TypeError, ValueError
        For parameters that are not positive integers, or do not go together.
    """

    def __init__(self, *, shape, height, width, channels, simd, repeat=1, pad=None, **convolution):
        channels, simd = check_count("Channels", channels), check_count("SIMD", simd)
        repeat = check_count("Repeat", repeat)
        down, across = axes(height=height, width=width, **convolution)
        mw = down.kernel * across.kernel * channels
        check_divisor("SIMD", simd, "matrix width", mw)
        self._shape = Shape.cast(shape)
        self._channels, self._simd, self._repeat = channels, simd, repeat
        self._word = math.gcd(simd, channels)
        self._lanes = simd // self._word
        self._fold = mw // simd
        self._pad = self._check_pad(pad)
        self._schedule = WindowSchedule(down=down, across=across, pixel_words=channels // self._word,
                                        window_cycles=self._fold * repeat)
        super().__init__({"i": In(Signature(shape, self._word)), "o": Out(Signature(shape, simd))})

    def _check_pad(self, pad):
        """The pad as raw element values: (channels,)."""
        binary = self._shape == BINARY
        values = np.asarray((1 if binary else 0) if pad is None else pad)
        if values.dtype.kind not in "iu":
            raise TypeError(f"Pad must be an integer or an array of integers, not {pad!r}")
        if values.shape not in ((), (self._channels,)):
            raise ValueError(f"Pad must be one value or one for each of {self._channels} channels, not of shape "
                             f"{values.shape}")
        if binary and not np.isin(values, (-1, 1)).all():
            raise ValueError(f"Pad of binary elements must be -1 or +1, not {pad!r}")
        if not binary and any(Const(int(v), self._shape).value != v for v in values.ravel()):
            raise ValueError(f"Pad must fit {self._shape!r}, not {pad!r}")
        return np.broadcast_to((values < 0).astype(int) if binary else values, (self._channels,))

    @property
    def schedule(self):
        """The `WindowSchedule`: when each window reads which words."""
        return self._schedule

    @property
    def element_shape(self):
        """Shape of an element."""
        return self._shape

    @property
    def simd(self):
        """Elements of an output beat."""
        return self._simd

    @property
    def repeat(self):
        """Times each window is sent."""
        return self._repeat

    @property
    def pad(self):
        """Raw value, for each channel, of the elements outside the picture: (channels,)."""
        return self._pad

    @property
    def depth(self):
        """Words of the buffer."""
        return buffer_words(self._schedule.least_depth, self._word * self._shape.width)[0]

    @property
    def in_block_ram(self):
        """Whether the buffer asks for block RAM; if not, the tool decides."""
        return buffer_words(self._schedule.least_depth, self._word * self._shape.width)[1]

    @property
    def interval(self):
        """Cycles from one frame to the next."""
        return self._schedule.interval

    @property
    def latency(self):
        """Cycles from the first word of a frame to the first beat of its first window."""
        return int(self._schedule.need[0]) + 2

    def elaborate(self, platform):
        m = Module()
        m.submodules.control = control = WindowControl(schedule=self._schedule, depth=self.depth)
        enable, issue, pass_end, last_pass, reading = (
            Signal(name=name) for name in ("enable", "issue", "pass_end", "last_pass", "reading"))
        self._count(m, pass_end, self._fold, issue)
        self._count(m, last_pass, self._repeat, issue & pass_end)
        write_address = Signal(range(self.depth))
        m.d.comb += [
            enable.eq(~self.o.valid | self.o.ready),
            issue.eq(enable & control.available),
            control.advance.eq(issue & pass_end & last_pass),
            self.i.ready.eq(control.space),
            control.write.eq(self.i.valid & self.i.ready),
        ]
        with m.If(control.write):
            m.d.sync += write_address.eq(wrapped_sum(m, self.depth, write_address, 1))
        with m.If(enable):
            m.d.sync += [reading.eq(issue), self.o.valid.eq(reading)]
        start = Mux(last_pass, control.next_base, control.base)
        read_words, digits = [], {}
        for lane in range(self._lanes):
            address, ky, kx, cw = self._lane(m, lane, digits, issue, pass_end, start)
            words = self._buffer(m, lane, control.write, write_address, address, enable)
            outside = self._outside(m, lane, control, ky, kx, enable)
            read_words.append(Mux(outside, self._pad_word(m, lane, cw, enable), words))
        payload = Signal.like(Cat(read_words), name="payload", reset_less=True)
        m.d.comb += Value.cast(self.o.payload).eq(payload)
        with m.If(enable):
            m.d.sync += payload.eq(Cat(read_words))
        return m

    def _count(self, m, last, modulus, enable):
        """Counts enabled cycles; `last` is high in each `modulus`-th."""
        counter = Signal(range(modulus))
        m.d.comb += last.eq(counter == modulus - 1)
        with m.If(enable):
            m.d.sync += counter.eq(Mux(last, 0, counter + 1))

    def _buffer(self, m, lane, write, write_address, address, enable):
        """A copy of the buffer; returns the word that was at `address` an enabled cycle ago."""
        m.submodules[f"words{lane}"] = words = memory.Memory(
            shape=self._word * self._shape.width, depth=self.depth, init=[],
            attrs={"ram_style": "block"} if self.in_block_ram else {})
        write_port, read_port = words.write_port(), words.read_port()
        m.d.comb += [
            write_port.addr.eq(write_address), write_port.data.eq(Value.cast(self.i.payload)), write_port.en.eq(write),
            read_port.addr.eq(address), read_port.en.eq(enable),
        ]
        return read_port.data

    def _lane(self, m, lane, digits, issue, pass_end, start):
        """The address of a lane, and its place (ky, kx, word of the pixel) in the window.

        Lane j of beat b reads word `b * lanes + j` of the window. Each beat advances its digits by the same mixed-radix
        number. Lanes with equal sequences of a digit share it, and a digit that never changes is a constant.
        """
        pixel_words, down, across = self._schedule.pixel_words, self._schedule.down, self._schedule.across
        kernel = across.kernel
        d_ky, d_kx, d_cw = self._place(self._lanes)
        places = [self._place(beat * self._lanes + lane) for beat in range(self._fold)]
        kys, kxs, cws = zip(*places, strict=True)

        def digit(name, key, values, following):
            key = (name, key)
            if key not in digits:
                if len(set(values)) == 1:
                    digits[key] = Const(values[0], max(1, values[0].bit_length()))
                else:
                    digits[key] = value = Signal(range(max(values) + 1), name=f"{name}{lane}", init=values[0])
                    with m.If(issue):
                        m.d.sync += value.eq(Mux(pass_end, values[0], following(value)))
            return digits[key]

        cw = digit("cw", cws, cws, lambda v: v + d_cw - Mux(v >= pixel_words - d_cw, pixel_words, 0))
        next_x = cw >= pixel_words - d_cw
        kx = digit("kx", (kxs, cws), kxs, lambda v: v + next_x + d_kx - Mux(v + next_x >= kernel - d_kx, kernel, 0))
        next_y = kx + next_x >= kernel - d_kx
        ky = digit("ky", (kys, kxs, cws), kys, lambda v: v + next_y + d_ky) if self._schedule.padded else Const(0)
        line, apart = down.dilation * across.size, across.dilation  # pixels from one row or column to the next
        offset = (kys[0] * line + kxs[0] * apart) * pixel_words + cws[0]
        step = (d_ky * line + d_kx * apart) * pixel_words + d_cw
        new_x, new_y = (apart - 1) * pixel_words, (line - kernel * apart) * pixel_words
        steps = [(pass_end, offset), (next_y, step + new_y)]
        if new_x:
            steps[1:] = [(next_x & next_y, step + new_x + new_y), *steps[1:], (next_x, step + new_x)]
        depth, base = self.depth, int(self._schedule.base[0])
        address = Signal(range(depth), name=f"address{lane}", init=(base + offset) % depth)
        with m.If(issue):
            m.d.sync += address.eq(wrapped_sum(m, depth, Mux(pass_end, start, address), step, steps))
        return address, ky, kx, cw

    def _outside(self, m, lane, control, ky, kx, enable):
        """Whether the word read an enabled cycle ago lies outside the picture."""
        if not self._schedule.padded:
            return Const(0, 1)
        outside = Signal(name=f"outside{lane}")
        with m.If(enable):
            m.d.sync += outside.eq(~(control.rows_inside.bit_select(ky, 1) & control.columns_inside.bit_select(kx, 1)))
        return outside

    def _pad_word(self, m, lane, cw, enable):
        """The word in place of one outside the picture, in the same cycle as the word read."""
        width = self._shape.width
        raw = [int(value) & ((1 << width) - 1) for value in self._pad]
        words = [sum(value << (k * width) for k, value in enumerate(raw[start:start + self._word]))
                 for start in range(0, len(raw), self._word)]
        if len(set(words)) == 1 or not self._schedule.padded:
            return Const(words[0], self._word * width)
        pad = Signal(self._word * width, name=f"pad{lane}")
        with m.If(enable):
            m.d.sync += pad.eq(Array(words)[cw])
        return pad

    def _place(self, word):
        """The place (ky, kx, word of the pixel) of a word of the window."""
        pixel, cw = divmod(word, self._schedule.pixel_words)
        return *divmod(pixel, self._schedule.across.kernel), cw
