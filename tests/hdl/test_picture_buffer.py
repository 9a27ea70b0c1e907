# amaranth: UnusedElaboratable=no

import random

import pytest
from amaranth.sim import Simulator

from hdl.picture_buffer import PictureBuffer


@pytest.mark.parametrize(("pixels", "pixel_bytes"), [(1, 1), (1, 3), (2, 1), (9, 3), (64, 1)])
@pytest.mark.parametrize("stalls", [0, 0.5])
def test_pictures(pixels, pixel_bytes, stalls):
    """Whole pictures come out in order; one that was broken off or not committed leaves no trace."""
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

    async def source(ctx):
        for picture in pictures:
            await load(ctx, rng.randbytes(size // 2))
            await load(ctx, rng.randbytes(size))
            await load(ctx, picture)
            assert not ctx.get(dut.full)
            ctx.set(dut.commit, 1)
            await ctx.tick()
            ctx.set(dut.commit, 0)
            await ctx.tick().repeat(5)
            assert ctx.get(dut.full) and not ctx.get(dut.o.valid)
            ctx.set(dut.go, 1)
            await ctx.tick()
            ctx.set(dut.go, 0)
            for _ in range(20 * pixels + 20):
                if not (await ctx.tick().sample(dut.full))[-1]:
                    break

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
