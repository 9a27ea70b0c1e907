# amaranth: UnusedElaboratable=no

import random

import pytest
from amaranth.sim import Simulator

from hdl.link.uart import UartReceiver, UartTransmitter, phase_step, phase_width

CLOCKS = [(12_000_000, 3_000_000), (25_000_000, 3_000_000), (2_000_000, 115_200), (13_700_000, 3_000_000)]
STEP = 1 / 64
"""Resolution of the line, in cycles."""


def waveform(values, bit, *, idle=3.0, stop=1):
    """Edges (time in cycles, level) of bytes sent back to back with `bit` cycles a bit, and the time they end."""
    edges, at = [], idle * bit
    for value in values:
        for level in (0, *((value >> n) & 1 for n in range(8)), stop):
            edges.append((at, level))
            at += bit
    return edges, at


def receive(clock_hz, baud, edges, cycles, phase=0.0, spare=1):
    """The bytes of a receiver, for a line that changes at `edges` and a clock that is `phase` cycles later.

    Its phase is wide enough for a clock of `spare` times that frequency.
    """
    dut, found = UartReceiver(width=phase_width(spare * clock_hz, baud)), []

    async def clocked(ctx):
        ctx.set(dut.step, phase_step(clock_hz, baud, len(dut.step)))
        for _ in range(cycles):
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                found.append((payload.data, payload.broken))

    async def line(ctx):
        now = 0.0
        for time, level in edges:
            await ctx.delay(max(0, time + phase - now) * 1e-6)
            now = max(now, time + phase)
            ctx.set(dut.rx, level)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(clocked)
    simulator.add_testbench(line)
    simulator.run()
    return found


@pytest.mark.parametrize(("clock_hz", "baud"), CLOCKS)
@pytest.mark.parametrize("error", [-0.02, 0, 0.02])
def test_receiver_rates(clock_hz, baud, error):
    """Bytes back to back, from a sender that is too slow or too fast, at any phase of the clock."""
    values = [0x00, 0xFF, 0x55, 0xAA, 0x80, 0x01, *random.Random(1).randbytes(6)]
    bit = clock_hz / baud * (1 + error)
    for phase in ((0.1, 0.35, 0.6, 0.85) if bit < 10 else (0.35,)):
        edges, end = waveform(values, bit)
        for spare in (1, 10):
            found = receive(clock_hz, baud, [*edges, (end, 1)], int(end + 2 * bit), phase, spare)
            assert found == [(value, 0) for value in values]


def test_receiver_ignores_short_pulses():
    """A pulse of one cycle is ignored. So is a low level that ends before the middle of a start bit."""
    edges = [(20.3, 0), (21.2, 1), (60.3, 0), (62.9, 1)]
    byte, end = waveform([0x3C], 8, idle=20)
    found = receive(8_000_000, 1_000_000, edges + byte + [(end, 1)], int(end) + 20)
    assert found == [(0x3C, 0)]


def test_receiver_broken_byte():
    """A line held low gives one broken byte; the next byte is whole."""
    byte, end = waveform([0xA5], 8, idle=60)
    found = receive(8_000_000, 1_000_000, [(20, 0), (440, 1), *byte, (end, 1)], 700)
    assert found == [(0, 1), (0xA5, 0)]


@pytest.mark.parametrize(("clock_hz", "baud"), CLOCKS)
def test_transmitter(clock_hz, baud):
    """Every bit at its time to 1.5 cycles, in frames of ten bits and one cycle."""
    values, dut = [0x00, 0xFF, 0x96], UartTransmitter(width=phase_width(clock_hz, baud))
    bit = clock_hz / baud
    levels, taken = [], []

    async def source(ctx):
        ctx.set(dut.step, phase_step(clock_hz, baud, len(dut.step)))
        for value in values:
            ctx.set(dut.i.payload, value)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def watch(ctx):
        for cycle in range(int(35 * bit)):
            _, _, tx, transfer = await ctx.tick().sample(dut.tx, dut.i.valid & dut.i.ready)
            levels.append(tx)
            if transfer:
                taken.append(cycle)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(watch)
    simulator.run()
    assert len(taken) == 3 and 10 * bit <= taken[1] - taken[0] <= 10 * bit * 1.002 + 2
    for start, value in zip(taken, values, strict=True):
        expected = [0, *((value >> n) & 1 for n in range(8)), 1]
        assert [levels[start + 1 + int((n + 0.5) * bit)] for n in range(10)] == expected
        assert levels[start] == 1


def test_phase():
    """A step is right to 0.1 % at the clock for which the width was made, and at slower clocks."""
    for clock_hz, baud in CLOCKS:
        width = phase_width(clock_hz, baud)
        for slower in (clock_hz, 4 * baud):
            step = phase_step(slower, baud, width)
            assert step * slower / (baud << width) == pytest.approx(1, abs=1e-3) and step < 1 << width - 1


@pytest.mark.parametrize("component", [UartReceiver, UartTransmitter])
def test_uart_wrong(component):
    with pytest.raises(ValueError, match="^Phase width must be an integer of at least 3, not 2$"):
        component(width=2)
    with pytest.raises(ValueError, match="^Clock frequency 3000000 must be at least 4 times the baud rate 1000000$"):
        phase_step(3_000_000, 1_000_000, 12)
    with pytest.raises(TypeError, match="^Baud rate must be a positive integer, not 9600.0$"):
        phase_width(3_000_000, 9600.0)
