"""Products in LUTs: every number of 2 to 8 bits, and an MVU of the family without multipliers."""

import numpy as np
import pytest
from amaranth.hdl import Cat, Module, Signal, signed, unsigned
from amaranth.sim import Simulator
from support.bench import run

from hdl.multiply_digits import digit_layout, digit_terms, lacking, pairs_of, sum_of_digits_shape, with_triples
from hdl.mvu import MVU


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("shape", (signed(8), unsigned(4), signed(1)))
def test_products(shape, bits):
    m, x, w, view = Module(), Signal(shape), Signal(bits), Signal(digit_layout(shape, 1))
    terms = digit_terms(view[0].single, view[0].triple, w)
    total = Signal(sum_of_digits_shape(view.shape(), bits))
    m.d.comb += [view.eq(Cat(with_triples([x]))), total.eq(sum(terms))]
    least = -(1 << shape.width - 1) if shape.signed else 0

    async def bench(ctx):
        for weight in range(-(1 << bits - 1), 1 << bits - 1):
            ctx.set(w, weight)
            late = lacking(np.array([weight]), bits)[0]
            for value in range(least, least + (1 << shape.width), 7):
                ctx.set(x, value)
                assert ctx.get(total) + late == value * weight

    assert len(terms) == pairs_of(bits) == {2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4}[bits]
    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("shape, pe, simd", [(signed(8), 1, 1), (signed(8), 2, 3), (unsigned(4), 4, 2),
                                             (signed(3), 2, 6)])
def test_mvu(shape, pe, simd):
    """Weights of all values, in ROMs of few rows, which need no family's cells."""
    rng = np.random.default_rng(pe)
    if pe * simd == 1:
        weights, x = np.array([[-128, 127, 0, -1]]), rng.integers(-128, 128, (4, 4))
    else:
        weights = rng.integers(-128, 128, (4, 6))
        least = -(1 << shape.width - 1) if shape.signed else 0
        x = rng.integers(least, least + (1 << shape.width), (8, 6))
        x[0] = least
    bias = rng.integers(-1000, 1000, len(weights))
    dut = MVU(weights=weights, weight_kind="int8", activation=shape, pe=pe, simd=simd, bias=bias, family="ice40")
    sent = np.repeat(x[:, None], len(weights) // pe, axis=1).reshape(-1, simd)
    results = (x @ weights.T + bias).reshape(-1, pe)
    result = run(dut, {"i": sent}, {"o": len(results)}, stalls=0.3, seed=1)
    np.testing.assert_array_equal(result.values["o"], results)
