"""The arrays of all number formats against NumPy, in simulation and as netlists."""

import numpy as np
import pytest
from amaranth.sim import Simulator

from benchmarks.formats import FORMATS, Float32
from benchmarks.formats.float32 import Add, Multiply
from benchmarks.formats.float_numbers import NAN, TINY, flushed, products, sums
from benchmarks.formats.vectors import vectors

CORNERS = np.array([0, 0x3F800000, 0x3F800001, 0x3F7FFFFF, 0x7F800000, 0x7FC00000, 0x7F800001, 0x00800000, 0x00800001,
                    0x007FFFFF, 1, 0x7F7FFFFF, 0x34000000, 0x33800000, 0x33800001, 0x20000000, 0x1FFFFFFF], np.uint32)


def simulate(dut, inputs, output, cycles, late=0):
    """Values of an output in each cycle, `late` cycles after those of the inputs."""
    seen = []

    async def bench(ctx):
        for cycle in range(cycles + late):
            for port, values in inputs:
                ctx.set(port, int(values[min(cycle, cycles - 1)]))
            if cycle >= late:
                seen.append(ctx.get(output))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


@pytest.mark.parametrize(("pe", "simd", "folds"), [(2, 8, 3), (1, 4, 1), (3, 12, 2), (2, 16, 2)])
@pytest.mark.parametrize("name", FORMATS)
def test_array(name, pe, simd, folds):
    simd = 1 if name == "float32" else simd
    array = FORMATS[name](pe=pe, simd=simd)
    made = vectors(array, folds=folds, count=8)
    inputs = [(getattr(array, port).as_value() if port != "first" else array.first, values)
              for port, values in made.inputs.items() if port != "show"]
    seen = simulate(array, inputs, array.o.as_value(), len(made.inputs["x"]))
    shown = [value if show else 0 for value, show in zip(seen, made.inputs["show"], strict=True)]
    assert any(made.outputs["o"])
    assert shown == made.outputs["o"]


def operands(seed):
    """Pairs of float32 as bits: corners with each other, random bits, and near ties, cancellation and underflow."""
    rng = np.random.default_rng(seed)

    def numbers(low, high, drop=0):
        fraction = rng.integers(0, 1 << 23, 400) >> drop << drop | rng.integers(0, 2, 400)
        return (rng.integers(0, 2, 400) << 31 | rng.integers(low, high, 400) << 23 | fraction).astype(np.uint32)

    corners = np.concatenate([CORNERS, CORNERS | np.uint32(1 << 31)])
    a, b = (grid.ravel() for grid in np.meshgrid(corners, corners))
    close = numbers(100, 150)
    pairs = [(a, b), (numbers(0, 256), numbers(0, 256)), (numbers(110, 140), numbers(110, 140)),
             (numbers(110, 140, 12), numbers(110, 140, 12)), (numbers(58, 70), numbers(58, 70)),
             (numbers(1, 4), numbers(1, 4)), (numbers(250, 255), numbers(250, 255)),
             (close, (close ^ np.uint32(1 << 31)) + rng.integers(-3, 4, 400).astype(np.uint32))]
    return tuple(np.concatenate(column) for column in zip(*pairs, strict=True))


@pytest.mark.parametrize(("operation", "reference", "plain"), [(Multiply, products, np.multiply), (Add, sums, np.add)])
def test_float32(operation, reference, plain):
    """Bit for bit the reference; and that is NumPy's own result wherever nothing is flushed."""
    a, b = operands(0)
    if operation is Add:
        a, b = (flushed(x.view(np.float32)).view(np.uint32) for x in (a, b))
    dut = operation("portable")
    got = np.array(simulate(dut, [(dut.a, a), (dut.b, b)], dut.o, len(a), dut.latency), dtype=np.uint32)
    floats = a.view(np.float32), b.view(np.float32)
    assert (got == reference(*floats).view(np.uint32)).all()
    with np.errstate(all="ignore"):
        ieee = plain(*floats)
        tiny = [(np.abs(x) < TINY) & (x != 0) for x in floats]
    kept = ~(tiny[0] | tiny[1] | (np.abs(ieee) <= TINY) & (ieee != 0))
    assert kept.sum() > 2000
    assert np.where(np.isnan(ieee), got == NAN, got == ieee.view(np.uint32))[kept].all()


def test_expected_float32():
    """The reference of the array is a loop of NumPy's own float32 operations, for numbers that are never tiny."""
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=50).astype(np.float32), rng.normal(size=(1, 50)).astype(np.float32)
    total = np.float32(0)
    for a, b in zip(x, w[0], strict=True):
        total = np.float32(total + np.float32(a * b))
    array = Float32(pe=1, simd=1)
    assert array.expected(x, w, np.zeros(1, np.float32)) == array.encode_x([total])


def test_array_wrong():
    with pytest.raises(ValueError, match="^Family must be one of portable, ecp5, xc7, not 'ice40'$"):
        FORMATS["TBN"](pe=1, simd=4, family="ice40")
    with pytest.raises(ValueError, match="^SIMD must be an integer of at least 2, not 1$"):
        FORMATS["BWN"](pe=1, simd=1)
