# amaranth: UnusedElaboratable=no

import random

import pytest
from amaranth.sim import Simulator

from hdl.link.picture_buffer import PictureBuffer


@pytest.mark.parametrize(("pixels", "pixel_bytes"), [(1, 1), (1, 3), (2, 1), (9, 3), (64, 1)])
@pytest.mark.parametrize("stalls", [0, 0.5])
def test_pictures(pixels, pixel_bytes, stalls):
    """Whole pictures come out in order. A picture that was broken off or not committed leaves no trace."""
    dut = PictureBuffer(pixels=pixels, pixel_bytes=pixel_bytes)
    rng, size = random.Random(1), pixels * pixel_bytes
    pictures = [rng.randbytes(size) for _ in range(3)]
    found, lasts = [], []

    async def load(ctx, data):
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        for byte in data:
            ctx.set(dut.byte, byte)
            ctx.set(dut.store, 1)
            await ctx.tick()
            ctx.set(dut.store, 0)
            await ctx.tick()

    async def until_out(ctx, count):
        for _ in range(20 * pixels + 40):
            await ctx.tick()
            if len(found) == count:
                return

    async def source(ctx):
        for number, picture in enumerate(pictures, 1):
            await load(ctx, rng.randbytes(size // 2))
            await load(ctx, rng.randbytes(size))
            await load(ctx, picture)
            ctx.set(dut.commit, 1)
            await ctx.tick()
            ctx.set(dut.commit, 0)
            await ctx.tick().repeat(5)
            assert not ctx.get(dut.o.valid)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            await ctx.tick()
            assert ctx.get(dut.full)
            ctx.set(dut.go, 1)
            await ctx.tick()
            ctx.set(dut.go, 0)
            await until_out(ctx, number * pixels)

    async def sink(ctx):
        while True:
            ctx.set(dut.o.ready, rng.random() >= stalls)
            _, _, valid, ready, payload = await ctx.tick().sample(dut.o.valid, dut.o.ready, dut.o.payload)
            if valid and ready:
                found.append(payload.pixel.to_bytes(pixel_bytes, "little"))
                lasts.append(payload.last)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(sink, background=True)
    simulator.run()
    assert b"".join(found) == b"".join(pictures)
    assert lasts == ([0] * (pixels - 1) + [1]) * 3


def test_picture_buffer_wrong():
    with pytest.raises(ValueError, match="^Pixels must be a positive integer, not 0$"):
        PictureBuffer(pixels=0, pixel_bytes=1)


def test_next_picture_follows():
    """It comes in behind the one that goes out. `full` is high wherever it would overtake that one. Both are whole."""
    dut, pixels, found, waited = PictureBuffer(pixels=16, pixel_bytes=1), 16, [], 0

    async def source(ctx):
        nonlocal waited
        for first in (0, 100):
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for n in range(pixels):
                while ctx.get(dut.full):
                    waited += 1
                    await ctx.tick()
                ctx.set(dut.byte, first + n)
                ctx.set(dut.store, 1)
                await ctx.tick()
                ctx.set(dut.store, 0)
            ctx.set(dut.commit, 1)
            await ctx.tick()
            ctx.set(dut.commit, 0)
        await ctx.tick().repeat(120)

    async def sink(ctx):
        ctx.set(dut.go, 1)
        for cycle in range(1000):
            ctx.set(dut.o.ready, cycle % 3 == 0)
            _, _, transfer, pixel = await ctx.tick().sample(dut.o.valid & dut.o.ready, dut.o.payload.pixel)
            if transfer:
                found.append(pixel)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(source)
    simulator.add_testbench(sink, background=True)
    simulator.run()
    assert found == [*range(16), *range(100, 116)] and waited > 16
