# amaranth: UnusedElaboratable=no

import zlib

import pytest
from amaranth.sim import Simulator

from hdl.link.answer_transmitter import AnswerTransmitter
from hdl.link.request_receiver import Status
from hdl.link.words import ANSWER_SYNC, Kind

IDENTITY, RESULT = bytes(range(100, 117)), bytes(range(200, 209))


def answer(kind, sequence, status, body):
    content = bytes([kind, sequence, status.value]) + len(body).to_bytes(4, "little") + body
    return bytes(ANSWER_SYNC) + content + zlib.crc32(content).to_bytes(4, "little")


def transmit(heads, *, pause):
    """The bytes that leave for each of `heads` (kind, sequence, status). Each byte is taken after `pause` cycles."""
    dut = AnswerTransmitter(identity_bytes=len(IDENTITY), result_bytes=len(RESULT))
    found = bytearray()

    async def source(ctx):
        for kind, sequence, status in heads:
            ctx.set(dut.i.payload, {"kind": kind, "sequence": sequence, "status": status})
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)
        await ctx.tick().repeat(20)

    async def body(ctx):
        """A memory whose read takes a cycle, and a register behind it."""
        first = 0
        async for _, _, index, kind in ctx.tick().sample(dut.index, dut.i.payload.kind):
            ctx.set(dut.byte, first)
            data = IDENTITY if kind == Kind.IDENTIFY.value else RESULT
            first = data[index] if index < len(data) else 0

    async def sink(ctx):
        while True:
            ctx.set(dut.o.ready, 0)
            for _ in range(pause):
                await ctx.tick()
            ctx.set(dut.o.ready, 1)
            _, _, valid, payload = await ctx.tick().sample(dut.o.valid, dut.o.payload)
            if valid:
                found.append(payload)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(body, background=True)
    simulator.add_testbench(sink, background=True)
    simulator.run()
    return bytes(found)


@pytest.mark.parametrize("pause", [0, 1, 7])
def test_answers(pause):
    """Answers with and without a body, one behind the other, at any rate."""
    heads = [(1, 5, Status.OK), (2, 6, Status.OK), (2, 7, Status.BUSY), (0, 0, Status.NOISE), (2, 8, Status.FAULT),
             (200, 9, Status.UNKNOWN_KIND), (1, 10, Status.BAD_CRC), (1, 11, Status.OK)]
    bodies = [IDENTITY, RESULT, b"", b"", RESULT, b"", b"", IDENTITY]
    assert transmit(heads, pause=pause) == b"".join(
        answer(*head, body) for head, body in zip(heads, bodies, strict=True))


def test_answer_transmitter_wrong():
    with pytest.raises(ValueError, match="^Result bytes must be a positive integer, not 0$"):
        AnswerTransmitter(identity_bytes=1, result_bytes=0)
