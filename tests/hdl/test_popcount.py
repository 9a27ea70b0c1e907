# amaranth: UnusedElaboratable=no

import numpy as np
import pytest
from amaranth.hdl import Module, Shape, Signal, signed, unsigned
from amaranth.sim import Simulator

from hdl.popcount import adder_tree, popcount, registers_of, shape_of, sum_shape


@pytest.mark.parametrize("shape", [unsigned(1), unsigned(3), signed(2), signed(8)])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 32])
@pytest.mark.parametrize("every", [0, 1, 2])
def test_adder_tree(shape, count, every):
    m, terms, depth = Module(), [Signal(shape) for _ in range(count)], []

    def register(value):
        stage = Signal(value.shape())
        m.d.sync += stage.eq(value)
        depth.append(stage)
        return stage

    total = adder_tree(terms, every=every, register=register)
    assert total.shape() == sum_shape(shape, count)
    out = Signal(total.shape())
    m.d.comb += out.eq(total)
    m.d.sync += Signal().eq(1)
    rng = np.random.default_rng(count)
    top = 1 << (shape.width - shape.signed)
    values = rng.integers(-top if shape.signed else 0, top, (20, count))
    values[0], values[1] = -top if shape.signed else 0, top - 1

    async def bench(ctx):
        latency = registers_of(count, every)
        for cycle in range(len(values) + latency):
            for term, value in zip(terms, values[min(cycle, len(values) - 1)], strict=True):
                ctx.set(term, int(value))
            if cycle >= latency:
                assert ctx.get(out) == values[cycle - latency].sum()
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()


def test_widths():
    """Sums have the fewest possible bits, unlike those of Python's sum()."""
    assert adder_tree([Signal(signed(2)) for _ in range(8)]).shape() == signed(5)
    assert popcount(Signal(15)).shape() == unsigned(4)
    assert popcount(Signal(16)).shape() == unsigned(5)
    assert popcount(Signal(1)).shape() == Shape(1)
    assert [shape_of(*r).width for r in ((0, 0), (0, 1), (0, 8), (-1, 0), (-4, 3), (-4, 4), (-1, 100))] == [
        1, 1, 4, 1, 3, 4, 8]


def test_adder_tree_wrong():
    with pytest.raises(ValueError, match="^Sum must have at least one term$"):
        adder_tree([])
    with pytest.raises(ValueError, match="^Levels between registers must be a non-negative integer, not -1$"):
        adder_tree([Signal()], every=-1)
