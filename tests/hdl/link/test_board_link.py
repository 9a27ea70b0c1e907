# amaranth: UnusedElaboratable=no

import random
import zlib

import pytest
from amaranth.sim import Simulator

from hdl.link.board_link import BoardLink
from hdl.link.request_receiver import Status
from hdl.link.uart import phase_step, phase_width

BIT = 4
PIXELS, PIXEL_BYTES, RESULT_BYTES = 5, 3, 6
IDENTITY = bytes(range(50, 70))
CLOCK_HZ, BAUD = 4_000_000, 1_000_000
SAID = IDENTITY[:7] + CLOCK_HZ.to_bytes(4, "little") + IDENTITY[11:]
"""The identity with the clock in its place."""
NUMBERS = {"baud": BAUD, "width": phase_width(CLOCK_HZ, BAUD), "gap": 50, "pixels": PIXELS, "pixel_bytes": PIXEL_BYTES,
           "result_bytes": RESULT_BYTES, "identity": IDENTITY, "clock_at": 7}


def request(kind, sequence, payload=b""):
    content = bytes([kind, sequence]) + len(payload).to_bytes(4, "little") + payload
    return b"\xa5\x51" + content + zlib.crc32(content).to_bytes(4, "little")


def answer(kind, sequence, status=Status.OK, body=b""):
    content = bytes([kind, sequence, status.value]) + len(body).to_bytes(4, "little") + body
    return b"\xa5\x52" + content + zlib.crc32(content).to_bytes(4, "little")


def result(picture):
    """The result of the accelerator below for a picture: the first bytes of a checksum."""
    return (zlib.crc32(picture) * 0x10001).to_bytes(8, "little")[:RESULT_BYTES]


class Bench:
    """A link, an accelerator with `delay` cycles behind a picture's last pixel, and a line of `BIT` cycles a bit."""

    def __init__(self, *, delay, stalls=0.0, flags=()):
        self.dut = BoardLink(**NUMBERS)
        self.delay, self.stalls, self.flags = delay, stalls, list(flags)
        self.received, self.frames, self.cycles = bytearray(), [], []

    def run(self, data, expected):
        """Send `data` without pauses; returns the bytes that come until there are `expected`, and shortly after."""

        async def send(ctx):
            ctx.set(self.dut.step, phase_step(CLOCK_HZ, BAUD, len(self.dut.step)))
            ctx.set(self.dut.clock_hz, CLOCK_HZ)
            for byte in data:
                for level in (0, *((byte >> n) & 1 for n in range(8)), 1):
                    ctx.set(self.dut.rx, level)
                    await ctx.tick().repeat(BIT)
            for _ in range(20_000):
                await ctx.tick()
                if len(self.received) >= expected:
                    break
            await ctx.tick().repeat(600)

        simulator = Simulator(self.dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(send)
        simulator.add_testbench(self._listen, background=True)
        simulator.add_testbench(self._accelerate, background=True)
        simulator.run()
        return bytes(self.received)

    async def _listen(self, ctx):
        while True:
            (_, _, tx) = await ctx.tick().sample(self.dut.tx)
            if tx:
                continue
            bits = []
            for _ in range(9):
                for _ in range(BIT):
                    (_, _, tx) = await ctx.tick().sample(self.dut.tx)
                bits.append(tx)
            assert bits[8] == 1
            self.received.append(sum(bit << n for n, bit in enumerate(bits[:8])))

    async def _accelerate(self, ctx):
        dut, rng, frame, cycle, first = self.dut, random.Random(3), bytearray(), 0, None
        while True:
            ctx.set(dut.m_axis_tready, rng.random() >= self.stalls)
            _, _, valid, ready, last, pixel = await ctx.tick().sample(
                dut.m_axis_tvalid, dut.m_axis_tready, dut.m_axis_tlast, dut.m_axis_tdata)
            cycle += 1
            if not (valid and ready):
                continue
            first = first or cycle
            frame += pixel.to_bytes(PIXEL_BYTES, "little")
            if not last:
                continue
            ctx.set(dut.m_axis_tready, 0)
            for _ in range(self.delay):
                await ctx.tick()
            ctx.set(dut.s_axis_tdata, int.from_bytes(result(bytes(frame)), "little"))
            ctx.set(dut.s_axis_tuser, self.flags.pop(0) if self.flags else 0)
            ctx.set(dut.s_axis_tvalid, 1)
            self.cycles.append(cycle + self.delay + 1 - first)
            self.frames.append(bytes(frame))
            taken = 0
            while not taken:
                (_, _, taken) = await ctx.tick().sample(dut.s_axis_tready)
                cycle += 1
            ctx.set(dut.s_axis_tvalid, 0)
            frame, first, cycle = bytearray(), None, cycle + self.delay


def pictures(count):
    return [random.Random(n).randbytes(PIXELS * PIXEL_BYTES) for n in range(count)]


def body(cycles, picture):
    return cycles.to_bytes(4, "little") + result(picture)


@pytest.mark.parametrize("stalls", [0, 0.6])
def test_pictures(stalls):
    """Three pictures, one behind the other: each pixel is whole and in order, and the cycles count up to the result."""
    bench, sent = Bench(delay=40, stalls=stalls), pictures(3)
    data = b"".join(request(2, 20 + n, picture) for n, picture in enumerate(sent))
    found = bench.run(data, 3 * 23)
    assert bench.frames == sent
    assert found == b"".join(answer(2, 20 + n, body=body(cycles, picture))
                             for n, (cycles, picture) in enumerate(zip(bench.cycles, sent, strict=True)))
    assert bench.cycles[0] == PIXELS + 40 if not stalls else bench.cycles[0] > PIXELS + 40


def test_busy():
    """One picture is worked on, one waits, and the third is refused at once. Requests of other kinds are answered."""
    bench, sent = Bench(delay=4000), pictures(4)
    data = b"".join(request(2, 1 + n, picture) for n, picture in enumerate(sent[:3])) + request(1, 9)
    found = bench.run(data, 13 + 13 + 20 + 2 * 23)
    assert bench.frames == sent[:2]
    assert found == answer(2, 3, Status.BUSY) + answer(1, 9, body=SAID) + b"".join(
        answer(2, 1 + n, body=body(cycles, picture))
        for n, (cycles, picture) in enumerate(zip(bench.cycles, sent[:2], strict=True)))


def test_fault():
    """The accelerator's flag decides the status of the answer to its own frame, and of no other."""
    bench, sent = Bench(delay=3, flags=[1, 0]), pictures(2)
    found = bench.run(request(2, 1, sent[0]) + request(2, 2, sent[1]), 2 * 23)
    assert found == answer(2, 1, Status.FAULT, body(bench.cycles[0], sent[0])) + answer(
        2, 2, body=body(bench.cycles[1], sent[1]))


def test_board_link_wrong():
    with pytest.raises(ValueError, match="^Gap must be above the 10 bit times of a byte, not 10$"):
        BoardLink(**NUMBERS | {"gap": 10})
    with pytest.raises(TypeError, match="^Baud rate must be a positive integer, not 9600.0$"):
        BoardLink(**NUMBERS | {"baud": 9600.0})
    with pytest.raises(ValueError, match="^Pixels must be a positive integer, not 0$"):
        BoardLink(**NUMBERS | {"pixels": 0})
