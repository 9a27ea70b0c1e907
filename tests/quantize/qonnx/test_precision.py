"""An import computes in the graph's own precision and order, so that values on a tie fall where the graph's fall."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from support.qonnx_graphs import Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402

BYTES = np.arange(256, dtype=np.uint8)


def both(file, images, pixels="byte"):
    """(logits of the imported network as real numbers, logits of the `qonnx` package, the check)."""
    check = read_network(file, pixels)
    assert not check.refused, check.refused
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=check.network.outputs[:1])
    integers = found[check.network.outputs[0]].reshape(len(images), -1)
    x = images.transpose(0, 3, 1, 2).astype(np.float32)
    real = execute(file, x if pixels == "byte" else x / np.float32(255))
    return integers * check.logits.unit + check.logits.offset, real, check


def column(channels):
    """A graph that copies its one input to `channels` channels, and a way to end it: every channel is a logit."""
    g = Graph(1, 1, 1, seed=channels)
    g.arrays["ones"] = np.ones((channels, 1, 1, 1), np.float32)
    return g


def copied(g, scale=1.0):
    here, g.x = g.x, "ones"
    weights = g.binary(scale).x
    g.x, g.channels = here, len(g.arrays["ones"])
    return g.op("Conv", weights, kernel_shape=[1, 1])


def ended(g):
    """The graph with one logit a channel: the identity in 8-bit weights."""
    count = g.channels
    return g.op("Flatten").op("MatMul", g.array(np.eye(count)))


def test_the_smallest_tie(tmp_path):
    """0.1 in float32 is above 0.1, and 5 * 0.1 in float32 is 0.5, which rounds to 0."""
    file = ended(copied(column(4), 0.1).ternary()).save(tmp_path / "net.onnx")
    found, real, check = both(file, BYTES.reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(found, real)
    assert not real[5].any() and real[6].all()
    assert not any("tie" in note for note in check.notes), "a sum of one product is the graph's own"


@pytest.mark.parametrize("convolutions", [1, 2, 3])
def test_a_constant_scale_without_batch_norm(convolutions, tmp_path):
    """Every sum of 5 or -5 is a tie. 500 of 500 frames differed when thresholds were found in float64."""
    g = Graph(1, 8, 8, seed=convolutions)
    g.op("Sub", g.array(0.5)).ternary(0.3).op("Mul", g.array(1 / 0.3))
    for _ in range(convolutions):
        g.conv(16, padding=1, scale=0.1).ternary()
    file = g.op("Flatten").matmul(16 * 64, 10, scale=0.1).save(tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (500, 8, 8, 1), np.uint8)
    found, real, check = both(file, images, "unit")
    assert np.ptp(real) > 1
    np.testing.assert_allclose(found, real, rtol=0, atol=1e-4)
    notes = [note for note in check.notes if "tie" in note]
    assert len(notes) == convolutions and all(": 32 sums in 16 channels lie on a tie" in note for note in notes)


def near(g, x, channels):
    """A batch norm whose values at the integers `x` are a rounding or two away from 0.5."""
    gamma, mean = g.random.uniform(0.3, 1.5, channels), g.random.normal(0, 90, channels)
    variance = g.random.uniform(4, 60, channels)
    beta = 0.5 - (x - mean) * gamma / np.sqrt(variance + 1e-5)
    return g.op("BatchNormalization", *(g.array(value) for value in (gamma, beta, mean, variance)), epsilon=1e-5)


def test_batch_norm_in_its_own_order(tmp_path):
    g = copied(column(1000))
    file = ended(near(g, np.arange(1000) % 256, 1000).ternary()).save(tmp_path / "net.onnx")
    found, real, _ = both(file, BYTES.reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(found, real)
    edge = real[np.arange(1000) % 256, np.arange(1000)]
    assert 100 < edge.sum() < 900, "the ties should fall on both sides"


ROUNDINGS = ("ROUND", "HALF_UP", "HALF_DOWN", "DOWN", "UP")


@pytest.mark.parametrize("mode", ROUNDINGS)
@pytest.mark.parametrize("double", [False, True])
def test_rounding_modes(mode, double, tmp_path):
    """A divisor for each channel puts the quantiser's steps within a rounding of an integer."""
    steps = {"DOWN": 1.0, "UP": 1e-30}.get(mode, 0.5)
    edges = np.arange(1, 256, dtype=np.float32)
    exact = edges / np.float32(steps)
    divisors = np.concatenate([np.nextafter(exact, np.float32(0)), exact, np.nextafter(exact, np.float32(1e38))])
    g = copied(column(len(divisors)))
    if double:
        g.op("Cast", to=onnx.TensorProto.DOUBLE)
    g.op("Div", g.array(divisors.reshape(1, -1, 1, 1), np.float64 if double else np.float32))
    file = ended(g.ternary(mode=mode)).save(tmp_path / "net.onnx")
    found, real, _ = both(file, BYTES.reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(found, real)


def test_arithmetic_before_a_quantiser(tmp_path):
    """Division and multiplication round differently, and so do two steps and one."""
    channels = 500
    g = copied(column(channels), 0.1)
    random = np.random.default_rng(1)
    divisor, factor = (random.uniform(0.5, 3, channels).astype(np.float32) for _ in range(2))
    shape, x = (1, channels, 1, 1), np.arange(channels, dtype=np.float32) % 256
    g.op("Div", g.array(divisor.reshape(shape))).op("Mul", g.array(factor.reshape(shape)))
    offset = np.float32(0.5) - x * np.float32(0.1) / divisor * factor
    file = ended(g.op("Add", g.array(offset.reshape(shape))).ternary()).save(tmp_path / "net.onnx")
    found, real, _ = both(file, BYTES.reshape(-1, 1, 1, 1))
    np.testing.assert_array_equal(found, real)


def test_constants_and_weights_are_computed_in_float32(tmp_path):
    """A weight of 0.05 at scale 0.1 is half a step in float32 and less than half in float64."""
    weights = (np.arange(-40, 41) * np.float32(0.05)).astype(np.float32)
    scale = np.float32(0.1)
    assert (np.round(weights / scale) != np.round(weights.astype(float) / float(scale))).any()
    g = Graph(1, 1, 1)
    g.arrays["w"] = weights.reshape(-1, 1, 1, 1)
    g.x = "w"
    made = g.quant(8, scale, narrow=1).x
    g.x, g.channels = "in", len(weights)
    g.op("Conv", made, kernel_shape=[1, 1])
    file = ended(g.quant(9, 0.5)).save(tmp_path / "net.onnx")
    found, real, _ = both(file, BYTES.reshape(-1, 1, 1, 1))
    np.testing.assert_allclose(found, real, rtol=1e-6)
