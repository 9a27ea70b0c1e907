# amaranth: UnusedElaboratable=no

import re

import numpy as np
import pytest
from amaranth.hdl import Shape, signed, unsigned
from support.bench import run, signs_to_bits

from hdl.add import Add
from hdl.stream import BINARY, TRIT


def elements(rng, shape, size):
    shape = Shape.cast(shape)
    if shape == BINARY:
        return rng.choice([-1, 1], size)
    return rng.integers(-(1 << (shape.width - 1)), 1 << (shape.width - 1), size)


def encode(values, shape):
    return signs_to_bits(values) if Shape.cast(shape) == BINARY else values


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("a_shape", "b_shape", "width"), (
    (signed(8), signed(8), 8), (signed(6), signed(9), 7), (signed(16), signed(16), 16), (signed(4), signed(4), 12),
    (TRIT, signed(5), 5), (BINARY, BINARY, 2), (BINARY, signed(3), 4),
))
def test_add(a_shape, b_shape, width, seed):
    rng, par = np.random.default_rng(seed), (1, 3, 4, 5)[seed]
    a, b = elements(rng, a_shape, (60, par)), elements(rng, b_shape, (60, par))
    dut = Add(a_shape=a_shape, b_shape=b_shape, width=width, par=par)
    result = run(dut, {"a": encode(a, a_shape), "b": encode(b, b_shape)}, {"o": 60}, seed=seed,
                 input_stalls=(0, 0.5, 0.2, 0.8)[seed], output_stalls=(0.6, 0, 0.5, 0.3)[seed], reset_at=20)
    assert (result.values["o"] == np.clip(a + b, -(1 << (width - 1)), (1 << (width - 1)) - 1)).all()


def test_add_timing():
    dut = Add(a_shape=signed(8), b_shape=signed(8), width=8, par=2)
    result = run(dut, {"a": np.zeros((60, 2)), "b": np.zeros((60, 2))}, {"o": 60})
    assert result.latency(source="a") == result.latency(source="b") == dut.latency
    assert result.interval(30) == 30 * dut.interval


@pytest.mark.parametrize(("change", "error", "sentence"), (
    ({"a_shape": unsigned(8)}, ValueError, "Shape of a must be unsigned(1) for binary or signed, not unsigned(8)"),
    ({"width": 1}, ValueError, "Width must be an integer of at least 2, not 1"),
    ({"width": 8.0}, TypeError, "Width must be an integer of at least 2, not 8.0"),
    ({"par": 0}, ValueError, "Parallelism must be a positive integer, not 0"),
))
def test_add_wrong(change, error, sentence):
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        Add(**{"a_shape": signed(8), "b_shape": signed(8), "width": 8, "par": 1} | change)
