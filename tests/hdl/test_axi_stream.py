# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module, Shape, signed, unsigned
from amaranth.sim import Simulator
from support.axi_bench import InputBench, Loop, OutputBench, range_of, reference, to_bytes, traffic, with_last
from support.bench import run, signs_to_bits

from hdl.axi_stream import AxiInput, AxiOutput
from hdl.stream import BINARY, TRIT


@pytest.mark.parametrize("kinds", (
    (0, 0, 0), (-1, 0, -3, -2, 0, 0), (1, 0, 5, 1, 0), (0, 9, -3, 1, -1, 0), (-3,) * 6 + (0,), (4,) * 6 + (0,),
), ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_axi_input(kinds, seed):
    rng, channels = np.random.default_rng(seed), (1, 3, 2)[seed]
    pixels, last = traffic(rng, 4, channels, kinds)
    out, flags = reference(pixels, last, 4)
    assert len(flags) == len(kinds) and (flags == (np.array(kinds) != 0)).all()
    dut = InputBench(height=2, width=2, channels=channels, frames=2)
    result = run(dut, {"i": with_last(pixels, last)}, {"o": len(out), "flag": len(flags)}, seed=seed,
                 input_stalls=(0, 0.6, 0.3)[seed], output_stalls=(0.6, 0, 0.3)[seed], reset_at=7)
    assert (result.values["o"] == out).all() and (result.values["flag"][:, 0] == flags).all()


@pytest.mark.parametrize("width", (5, 12, 16))
def test_axi_input_element(width):
    rng = np.random.default_rng(width)
    pixels = rng.integers(-(1 << (width - 1)), 1 << (width - 1), (20, 3))
    dut = InputBench(height=1, width=1, channels=3, element=signed(width))
    result = run(dut, {"i": with_last(pixels, np.ones(20, int), width)}, {"o": 20, "flag": 20}, stalls=0.3)
    assert (result.values["o"] == pixels).all() and not result.values["flag"].any()


def test_axi_input_timing():
    pixels, last = traffic(np.random.default_rng(0), 12, 1, (0, 0, 0))
    dut = InputBench(height=3, width=4, channels=1)
    result = run(dut, {"i": with_last(pixels, last)}, {"o": 36, "flag": 3})
    assert result.latency() == dut.core.latency
    assert result.interval(12) == dut.core.interval


def test_axi_input_error():
    """The error stays until the reset. tready depends on no input of the same cycle."""
    m = Module()
    m.domains.sync = domain = ClockDomain()
    m.submodules.dut = dut = AxiInput(height=1, width=2, channels=1)
    seen = []

    async def bench(ctx):
        ctx.set(dut.s_axis_tvalid, 1)
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.flag.ready, 1)
        for last in (0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 0, 1):
            ctx.set(dut.s_axis_tlast, last)
            await ctx.tick().until(dut.s_axis_tready)
            seen.append(ctx.get(dut.error))
        ctx.set(dut.s_axis_tvalid, 0)
        await ctx.tick().repeat(5)
        assert ctx.get(dut.error)
        ctx.set(domain.rst, 1)
        await ctx.tick()
        ctx.set(domain.rst, 0)
        assert not ctx.get(dut.error)
        for o_ready in (0, 1, 0):
            before = ctx.get(dut.s_axis_tready)
            ctx.set(dut.o.ready, o_ready)
            ctx.set(dut.s_axis_tvalid, 1)
            assert ctx.get(dut.s_axis_tready) == before
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen[:5] == [0] * 5 and all(seen[6:])


@pytest.mark.parametrize("shape", (signed(32), signed(12), TRIT, BINARY), ids=("32", "12", "trit", "binary"))
@pytest.mark.parametrize(("channels", "par", "k"), (
    (10, 1, 1), (10, 5, 0), (10, 10, 5), (5, 1, 0), (3, 3, 3), (200, 8, 2)))
def test_axi_output(shape, channels, par, k):
    rng, shape, n = np.random.default_rng(channels + par), Shape.cast(shape), 8
    logits = rng.integers(-(1 << (shape.width - 1)), 1 << (shape.width - 1), (n, channels))
    if shape == BINARY:
        logits = rng.choice([-1, 1], (n, channels))
    classes, flags = rng.integers(0, channels, (n, k)), rng.integers(0, 2, (n, 1))
    inputs = {"i": (signs_to_bits(logits) if shape == BINARY else logits).reshape(-1, par), "flag": flags}
    dut = OutputBench(shape=shape, channels=channels, par=par, k=k)
    class_bytes = to_bytes(classes, range_of(channels).width).reshape(n, -1)
    expected = np.column_stack([to_bytes(logits, shape.width), class_bytes, flags + 2])
    for stalls in (0.4, 0):
        result = run(dut, inputs | ({"classes": classes} if k else {}), {"o": n}, stalls=stalls, seed=k, reset_at=11)
        assert (result.values["o"] == expected).all()
    assert result.latency() == dut.core.latency
    assert result.interval(1) == dut.core.interval


def test_axi_output_double_buffer():
    """While its reader takes nothing, the output still takes in two whole results."""
    dut, taken = AxiOutput(shape=signed(8), channels=6, par=2), 0

    async def bench(ctx):
        nonlocal taken
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.flag.valid, 1)
        for _ in range(30):
            taken += (await ctx.tick().sample(dut.i.ready))[-1]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert taken == 6


@pytest.mark.parametrize("seed", range(12))
def test_axi_loop(seed):
    """Good and malformed frames in any order, from end to end: every result has its own flag."""
    rng = np.random.default_rng(seed)
    frame, channels, k = int(rng.integers(1, 7)), int(rng.integers(1, 4)), 1
    kinds = [int(rng.choice([0, 0, rng.integers(1, 9), -rng.integers(0, frame)])) for _ in range(15)]
    pixels, last = traffic(rng, frame, channels, kinds)
    out, flags = reference(pixels, last, frame)
    logits = out.reshape(-1, frame * channels)
    dut = Loop(pixels=frame, channels=channels, k=k, frames=int(rng.integers(2, 5)))
    result = run(dut, {"i": with_last(pixels, last)}, {"o": len(flags)}, seed=seed, reset_at=int(rng.integers(5, 60)),
                 input_stalls=rng.choice([0, 0.3, 0.7]), output_stalls=rng.choice([0, 0.3, 0.7]))
    classes = np.argmax(logits, axis=1)[:, None]
    expected = np.column_stack([to_bytes(logits, 8), to_bytes(classes, range_of(frame * channels).width), flags + 2])
    assert (result.values["o"] == expected).all()


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"height": 0}, ValueError, "Height must be a positive integer, not 0"),
    ({"frames": 1}, ValueError, "Frames in flight must be an integer of at least 2, not 1"),
    ({"element": unsigned(8)}, ValueError, "Element shape must be unsigned(1) for binary or signed, not unsigned(8)"),
    ({"element": BINARY}, ValueError, "Element shape must be signed, not unsigned(1)"),
    ({"channels": 2.0}, TypeError, "Channels must be a positive integer, not 2.0"),
))
def test_axi_input_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        AxiInput(**{"height": 2, "width": 2, "channels": 1} | change)


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"par": 3}, ValueError, "Parallelism 3 must evenly divide channels 10"),
    ({"k": 11}, ValueError, "K 11 must be at most the number of channels 10"),
    ({"k": -1}, ValueError, "K must be a non-negative integer, not -1"),
))
def test_axi_output_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        AxiOutput(**{"shape": signed(8), "channels": 10, "par": 1} | change)
