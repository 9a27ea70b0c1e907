"""Pairs of integers: terms with any signs, for every value of narrow elements."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from hdl.signed_pairs import late_negatives, pair_layout, pair_terms, pairs


@pytest.mark.parametrize("shape", (signed(2), unsigned(2), signed(3)))
@pytest.mark.parametrize("lanes", (1, 2, 3))
def test_terms(shape, lanes):
    m = Module()
    elements = [Signal(shape, name=f"x{k}") for k in range(lanes)]
    signs, view = Signal(lanes), Signal(pair_layout(shape, lanes))
    m.d.comb += view.eq(Cat(pairs(elements)))
    terms = pair_terms(view, list(signs))
    total = Signal(signed(8))
    m.d.comb += total.eq(sum(terms))
    least = -(1 << shape.width - 1) if shape.signed else 0
    values = range(least, least + (1 << shape.width))

    async def bench(ctx):
        for x in itertools.product(values, repeat=lanes):
            for element, value in zip(elements, x, strict=True):
                ctx.set(element, value)
            for code in range(1 << lanes):
                ctx.set(signs, code)
                weights = np.array([[1 - 2 * (code >> k & 1) for k in range(lanes)]])
                assert ctx.get(total) + late_negatives(weights, lanes)[0] == weights[0] @ x

    assert len(terms) == -(-lanes // 2)
    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def test_late_negatives():
    weights = np.array([[-1, -1, -1, 1, 1, -1], [1, -1, 1, 1, -1, 1]])
    assert late_negatives(weights, 3).tolist() == [3, 2]  # lanes 1 and 2 of each three
    assert late_negatives(weights, 2).tolist() == [2, 1]
    assert late_negatives(weights, 1).tolist() == [4, 2]
