# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import signed
from amaranth.sim import Simulator
from support.bench import run

from hdl.fork import Fork
from hdl.stream import Elements


@pytest.mark.parametrize("n", (2, 3, 5))
@pytest.mark.parametrize("seed", range(4))
def test_fork(n, seed):
    x = np.random.default_rng(seed).integers(-8, 8, (80, 3))
    dut = Fork(shape=Elements(signed(4), 3), n=n)
    result = run(dut, {"i": x}, {f"o{k}": 80 for k in range(n)}, seed=seed, reset_at=20,
                 input_stalls=(0, 0.5, 0.2, 0.8)[seed], output_stalls=(0.6, 0, 0.5, 0.3)[seed])
    for k in range(n):
        assert (result.values[f"o{k}"] == x).all()


def test_fork_timing():
    dut = Fork(shape=Elements(signed(4), 1), n=2)
    result = run(dut, {"i": np.zeros((40, 1))}, {"o0": 40, "o1": 40})
    assert result.latency("o0") == result.latency("o1") == dut.latency
    assert result.interval(20, "o1") == 20 * dut.interval


def test_fork_eager():
    """A reader gets its beat, once, while another one waits. valid does not wait for ready."""
    dut, seen = Fork(shape=Elements(signed(4), 1), n=2), []

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o0.ready, 1)
        for _ in range(3):
            seen.append((await ctx.tick().sample(dut.o0.valid, dut.o1.valid, dut.i.ready))[-3:])
        ctx.set(dut.o1.ready, 1)
        seen.append((await ctx.tick().sample(dut.o0.valid, dut.o1.valid, dut.i.ready))[-3:])

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen == [(1, 1, 0), (0, 1, 0), (0, 1, 0), (0, 1, 1)]


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"n": 1}, ValueError, "Number of outputs must be an integer of at least 2, not 1"),
    ({"n": "2"}, TypeError, "Number of outputs must be an integer of at least 2, not '2'"),
))
def test_fork_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        Fork(**{"shape": signed(4), "n": 2} | change)
