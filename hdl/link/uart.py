"""A serial line of one start bit, eight data bits and one stop bit: its receiver and its transmitter."""

import math

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import cdc, data, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import check_count

LEAST_CYCLES = 4
"""Fewest clock cycles a bit. With these the receiver still reads a sender with a rate that is 2 % off."""

RECEIVED = data.StructLayout({"data": 8, "broken": 1})
"""A byte from the receiver; `broken` is 1 if the stop bit was missing."""


def phase_width(clock_hz, baud):
    """Bits of a phase that overflows once a bit time: right to 0.1 % at a clock of `clock_hz`, and at slower ones.

    Raises TypeError or ValueError as `phase_step` does.
    """
    _check_rate(clock_hz, baud)
    return math.ceil(math.log2(clock_hz / baud)) + 10


def phase_step(clock_hz, baud, width):
    """The advance in one cycle of a phase of `width` bits.

    Raises ValueError for a clock of fewer than `LEAST_CYCLES` cycles a bit, and TypeError or ValueError for numbers
    that are not positive integers.
    """
    _check_rate(clock_hz, baud)
    return round((baud << width) / clock_hz)


def _check_rate(clock_hz, baud):
    check_count("Clock frequency", clock_hz)
    check_count("Baud rate", baud)
    if clock_hz < LEAST_CYCLES * baud:
        raise ValueError(f"Clock frequency {clock_hz} must be at least {LEAST_CYCLES} times the baud rate {baud}")


class UartReceiver(wiring.Component):
    """Bytes from a serial line, which may be asynchronous to the clock.

    The line passes two registers and a majority of three samples, which suppresses a pulse of one cycle. The time of a
    byte counts from the middle of the cycle with its first edge. Each bit is read in its middle, to within one cycle. A
    start bit that ends before its middle is ignored. After a missing stop bit, a byte may begin once the line has been
    high. A byte leaves in the middle of its stop bit, so that the next byte of a faster sender is not missed.

    Parameters
    ----------
    width : int
        Bits of the phase, see `phase_width`.

    Members
    -------
    step : in, constant: the advance of the phase in one cycle, see `phase_step`
    rx : in, the line, high when idle
    o : stream of `RECEIVED`, always ready

    Raises
    ------
    TypeError, ValueError
        For a width that is no integer of at least 3.
    """

    def __init__(self, *, width):
        self._width = check_count("Phase width", width, 3)
        super().__init__({
            "step": In(width),
            "rx": In(1, init=1),
            "o": Out(stream.Signature(RECEIVED, always_ready=True)),
        })

    def elaborate(self, platform):
        m = Module()
        synchronous = Signal(init=1)
        m.submodules.synchroniser = cdc.FFSynchronizer(self.rx, synchronous, init=1)
        seen = Signal(3, init=0b111)
        line = Signal()
        phase = Signal(self._width)
        after = Signal(self._width + 1)
        sample = Signal()
        count = Signal(range(10))
        byte = Signal(8)
        m.d.sync += seen.eq(Cat(synchronous, seen[:2]))
        m.d.comb += [
            line.eq((seen[0] & seen[1]) | (seen[1] & seen[2]) | (seen[0] & seen[2])),
            after.eq(phase + self.step),
            sample.eq(after[-1]),
            self.o.payload.data.eq(byte),
            self.o.payload.broken.eq(~line),
        ]
        m.d.sync += phase.eq(after[:-1])
        with m.FSM():
            with m.State("idle"):
                # The edge is taken to be half a cycle ago, and the sample half a bit behind it is up to a cycle late.
                m.d.sync += [phase.eq((1 << self._width - 1) | self.step), count.eq(0)]
                with m.If(~line):
                    m.next = "byte"
            with m.State("byte"):
                with m.If(sample):
                    m.d.sync += [byte.eq(Cat(byte[1:], line)), count.eq(count + 1)]
                    with m.If((count == 0) & line):
                        m.next = "idle"
                    with m.If(count == 8):
                        m.next = "stop"
            with m.State("stop"):
                m.d.comb += self.o.valid.eq(sample)
                with m.If(sample & line):
                    m.next = "idle"
                with m.Elif(sample):
                    m.next = "high"
            with m.State("high"):
                with m.If(line):
                    m.next = "idle"
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a serial line. A byte takes ten bit times and one cycle.

    Parameters
    ----------
    width : int
        Bits of the phase, see `phase_width`.

    Members
    -------
    step : in, constant: the advance of the phase in one cycle, see `phase_step`
    i : stream of bytes
    tx : out, the line, high when idle, from a register

    Raises
    ------
    TypeError, ValueError
        For a width that is no integer of at least 3.
    """

    def __init__(self, *, width):
        self._width = check_count("Phase width", width, 3)
        super().__init__({"step": In(width), "i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        rest = Signal(9, init=0x1FF)
        left = Signal(range(11))
        phase = Signal(self._width)
        after = Signal(self._width + 1)
        m.d.comb += [after.eq(phase + self.step), self.i.ready.eq(left == 0)]
        m.d.sync += phase.eq(after[:-1])
        with m.If(left == 0):
            m.d.sync += phase.eq(0)
            with m.If(self.i.valid):
                m.d.sync += [Cat(self.tx, rest).eq(Cat(0, self.i.payload, 1)), left.eq(10)]
        with m.Elif(after[-1]):
            m.d.sync += [Cat(self.tx, rest).eq(Cat(rest, 1)), left.eq(left - 1)]
        return m
