# amaranth: UnusedElaboratable=no

import zlib

import pytest
from amaranth.sim import Simulator

from hdl.link.request_receiver import RequestReceiver, Status
from hdl.link.words import REQUEST_SYNC, Kind

PICTURE = bytes(range(5))
GAP = 60
SILENCE = object()
"""In place of a byte: a pause that is long enough to be a silence."""


def request(kind=Kind.CLASSIFY, sequence=7, payload=PICTURE, crc=0, length=None):
    content = bytes([kind.value if isinstance(kind, Kind) else kind, sequence])
    content += (len(payload) if length is None else length).to_bytes(4, "little") + payload
    return list(bytes(REQUEST_SYNC) + content + (zlib.crc32(content) ^ crc).to_bytes(4, "little"))


def send(items, *, full=False, pause=3, taken=True, every=1):
    """The events of some bytes, in order: ("reply", kind, sequence, status) or ("commit", sequence, bytes stored).

    `every` is the number of cycles between ticks.
    """
    dut, events, stored = RequestReceiver(picture_bytes=len(PICTURE), gap=GAP), [], bytearray()

    async def source(ctx):
        ctx.set(dut.full, full)
        for item in items:
            if item is SILENCE:
                await ctx.tick().repeat(every * GAP + 5)
                continue
            value, broken = item if isinstance(item, tuple) else (item, 0)
            ctx.set(dut.i.payload, {"data": value, "broken": broken})
            ctx.set(dut.i.valid, 1)
            await ctx.tick()
            ctx.set(dut.i.valid, 0)
            await ctx.tick().repeat(pause)
        await ctx.tick().repeat(2 * every * GAP)

    async def measure(ctx):
        while True:
            for cycle in range(every):
                ctx.set(dut.tick, cycle == 0)
                await ctx.tick()

    async def watch(ctx):
        ctx.set(dut.reply.ready, taken)
        async for _, _, start, store, byte, commit, sequence, valid, reply in ctx.tick().sample(
                dut.start, dut.store, dut.byte, dut.commit, dut.sequence, dut.reply.valid, dut.reply.payload):
            if start:
                stored.clear()
            if store:
                stored.append(byte)
            if commit:
                events.append(("commit", sequence, bytes(stored)))
            if valid and taken:
                events.append(("reply", reply.kind, reply.sequence, Status(reply.status)))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(watch, background=True)
    simulator.add_testbench(measure, background=True)
    simulator.run()
    return events


GOOD = ("commit", 7, PICTURE)


@pytest.mark.parametrize("pause", [1, 3, GAP - 2])
def test_requests(pause):
    """Bytes at the smallest distance, and with pauses that are just too short for a silence."""
    items = [*request(), *request(Kind.IDENTIFY, 8, b""), *request(sequence=9)]
    assert send(items, pause=pause) == [GOOD, ("reply", 1, 8, Status.OK), ("commit", 9, PICTURE)]


def test_ticks():
    """Silence is measured in ticks: with a tick every three cycles, a pause of almost three gaps is no silence."""
    items = [*request()[:9], SILENCE, *request()]
    assert send(items, every=3) == [("reply", 2, 7, Status.SHORT), GOOD]
    assert send(request(), every=3, pause=3 * GAP - 8) == [GOOD]


def test_busy():
    """No byte is stored. A wrong CRC is reported rather than BUSY."""
    assert send([*request(), *request(crc=1)], full=True) == [
        ("reply", 2, 7, Status.BUSY), ("reply", 2, 7, Status.BAD_CRC)]


@pytest.mark.parametrize("bit", [0, 7, 8, 31])
def test_wrong_crc(bit):
    assert send([*request(crc=1 << bit), *request()]) == [("reply", 2, 7, Status.BAD_CRC), GOOD]


@pytest.mark.parametrize("length", [0, 4, 6, 5 + (1 << 8), 5 + (1 << 31)])
def test_wrong_length(length):
    """All that follows is ignored, even a request, until the line is silent."""
    items = [*request(length=length), *request(), SILENCE, *request()]
    assert send(items) == [("reply", 2, 7, Status.BAD_LENGTH), GOOD]
    assert send([*request(Kind.IDENTIFY, payload=b"", length=5), SILENCE, *request()]) == [
        ("reply", 1, 7, Status.BAD_LENGTH), GOOD]


def test_unknown_kind():
    assert send([*request(kind=200), SILENCE, *request()]) == [("reply", 200, 7, Status.UNKNOWN_KIND), GOOD]


@pytest.mark.parametrize("length", range(1, len(request())))
def test_short(length):
    kind, sequence = (2 if length > 2 else 0), (7 if length > 3 else 0)
    status = Status.SHORT if length >= 2 else Status.NOISE
    assert send([*request()[:length], SILENCE, *request()]) == [("reply", kind, sequence, status), GOOD]


@pytest.mark.parametrize("at", range(len(request())))
def test_broken_byte(at):
    items = list(request())
    items[at] = (items[at], 1)
    found = send([*items, SILENCE, *request()])
    status = Status.FRAMING if at >= 2 else Status.NOISE
    assert [event[3] for event in found[:-1]] == [status] and found[-1] == GOOD


def test_noise():
    """Noise is answered once the line is silent. If a request is right behind it, only that is answered."""
    noise = [0x00, 0xA5, 0x00, 0xFF, 0xA5, 0xA5]
    assert send([*noise, SILENCE, *request()]) == [("reply", 0, 0, Status.NOISE), GOOD]
    assert send([*noise, *request()]) == [GOOD]
    assert send([0xA5, SILENCE, 0x51, SILENCE, *request()]) == [("reply", 0, 0, Status.NOISE)] * 2 + [GOOD]


def test_reply_waits_and_others_are_dropped():
    """The receiver goes on even if no reply is taken."""
    items = [*request(Kind.IDENTIFY, 1, b""), *request(Kind.IDENTIFY, 2, b""), *request()]
    assert send(items, taken=False) == [GOOD]


def test_request_receiver_wrong():
    with pytest.raises(ValueError, match=r"^Picture bytes must be below 2\*\*32, not 4294967296$"):
        RequestReceiver(picture_bytes=1 << 32, gap=100)
    with pytest.raises(ValueError, match="^Gap must be an integer of at least 2, not 1$"):
        RequestReceiver(picture_bytes=5, gap=1)
