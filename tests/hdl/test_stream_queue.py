# amaranth: UnusedElaboratable=no

import numpy as np
import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from support.bench import beats, run

from hdl.stream import TRIT, Elements, Signature, connect
from hdl.stream_queue import Pair, Queue

DEPTHS = (2, 3, 4, 5, 16)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("seed", range(4))
def test_queue_stalls(depth, seed):
    x = np.random.default_rng(seed).integers(-1, 2, (200, 3))
    dut = Queue(shape=Elements(TRIT, 3), depth=depth)
    result = run(dut, {"i": x}, {"o": 200}, input_stalls=(0.5, 0, 0.8, 0.3)[seed], output_stalls=0.5, seed=seed)
    assert (result.values["o"] == x).all()


@pytest.mark.parametrize("depth", DEPTHS)
def test_queue_throughput_latency(depth):
    x = np.arange(100) % 3 - 1
    dut = Queue(shape=Elements(TRIT, 1), depth=depth)
    result = run(dut, {"i": beats(x, 1)}, {"o": 100}, reset_at=31)
    assert (result.values["o"][:, 0] == x).all()
    assert result.latency() == dut.latency
    assert result.interval(50) == 50


@pytest.mark.parametrize("depth", DEPTHS)
def test_queue_capacity(depth):
    dut, taken = Queue(shape=Elements(TRIT, 1), depth=depth), 0

    async def bench(ctx):
        nonlocal taken
        ctx.set(dut.i.valid, 1)
        for _ in range(depth + 10):
            taken += (await ctx.tick().sample(dut.i.ready))[-1]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert taken == depth


def test_queue_struct():
    """The payload may be any shape, and queues chain."""

    class Chain(wiring.Component):
        i: In(Signature(TRIT, 2))
        o: Out(Signature(TRIT, 2))

        def elaborate(self, platform):
            m = Module()
            m.submodules.a = a = Queue(shape=data.ArrayLayout(TRIT, 2), depth=2)
            m.submodules.b = b = Queue(shape=data.ArrayLayout(TRIT, 2), depth=7)
            connect(m, wiring.flipped(self.i), a.i)
            connect(m, a.o, b.i)
            connect(m, b.o, wiring.flipped(self.o))
            return m

    x = np.random.default_rng(1).integers(-1, 2, (50, 2))
    assert (run(Chain(), {"i": x}, {"o": 50}, stalls=0.4, seed=1).values["o"] == x).all()


def test_queue_wrong():
    for depth, error in ((1, ValueError), (0, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=f"^Queue depth must be an integer of at least 2, not {depth!r}$"):
            Queue(shape=TRIT, depth=depth)


def test_pair_tells_a_cycle_ahead():
    """`room` equals `i.ready` of the next cycle, for any inputs."""
    dut, random, seen = Pair(unsigned(4)), np.random.default_rng(0), []

    async def bench(ctx):
        for valid, ready in random.integers(0, 2, (500, 2)).tolist():
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.o.ready, ready)
            seen.append((ctx.get(dut.i.ready), ctx.get(dut.room)))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    ready, room = zip(*seen, strict=True)
    assert ready[1:] == room[:-1]
    assert 100 < sum(ready) < 500
