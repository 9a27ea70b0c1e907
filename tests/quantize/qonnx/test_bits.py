"""Weights and activations of two to eight bits: what a file says, to the last integer."""

import numpy as np
import pytest

pytest.importorskip("qonnx")
from support.onnx_runtime import imported  # noqa: E402
from support.paths import DATA  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.data import load_dataset  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden.accuracy import accuracy  # noqa: E402

SIXTEENTH = 30 / 16
"""The scale of weights that are multiples of 1/16. Sums of them are exact in float32."""


def network(seed, widest):
    """A graph of weights of 2 to 8 bits and activations of 2 to `widest` bits. Its sums are exact in float32."""
    random = np.random.default_rng(seed)
    g = Graph(3, 6, 6, seed=seed, annotation="UINT8")

    def activation(spread):
        bits, signed, narrow = (int(random.integers(*ends)) for ends in ((2, widest + 1), (0, 2), (0, 2)))
        mode = random.choice(["ROUND", "FLOOR"]) if bits > 2 else "ROUND"
        g.batch_norm(spread)
        if random.random() < 0.3:
            g.op("Relu")
        g.quant(bits, float(random.uniform(0.5, 3)) / 2**bits, signed=signed, narrow=narrow, mode=mode)

    g.conv(int(random.integers(2, 6)), bits=int(random.integers(2, 9)), scale=SIXTEENTH)
    activation(100)
    g.conv(int(random.integers(2, 6)), bits=int(random.integers(2, 9)), scale=SIXTEENTH)
    activation(2)
    return g.op("Flatten").matmul(4 * g.channels, 5, bits=int(random.integers(2, 9)), scale=SIXTEENTH)


def differing(seed, widest, path):
    """The frames of 30 whose logits are not those of the package, and whether the import says that some may differ."""
    file = network(seed, widest).save(path / "net.onnx")
    images = np.random.default_rng(seed).integers(0, 256, (30, 6, 6, 3), np.uint8)
    found, check = imported(file, images)
    real = execute(file, images.transpose(0, 3, 1, 2))
    assert np.ptp(real) > 0
    differs = ~np.isclose(found, real, rtol=1e-5, atol=1e-5 * np.abs(real).max()).all(axis=1)
    return differs.sum(), any("its multiplier of 16 bits differs" in note for note in check.notes)


@pytest.mark.parametrize("seed", range(12))
def test_narrow_activations_are_exact(seed, tmp_path):
    frames, _ = differing(seed, 4, tmp_path)
    assert frames == 0


@pytest.mark.parametrize("seed", [0, 1, 4, 6, 9, 11, 13, 17])
def test_wide_activations_are_exact_or_it_is_said(seed, tmp_path):
    frames, said = differing(seed, 8, tmp_path)
    assert frames <= 2 * said


@pytest.mark.parametrize("bits, signed, narrow, ends", [
    (2, 1, 0, (-2, 1)), (2, 0, 0, (0, 3)), (3, 1, 1, (-3, 3)), (4, 0, 1, (0, 14)), (7, 1, 0, (-64, 63))])
def test_a_stream_has_the_range_of_its_quantiser(bits, signed, narrow, ends, tmp_path):
    g = Graph(3, 4, 4).conv(4, bits=4).batch_norm().quant(bits, 0.1, signed=signed, narrow=narrow)
    check = read_network(g.op("Flatten").matmul(16, 5).save(tmp_path / "net.onnx"))
    node = next(node for node in check.network.nodes if node.kind == "requantize")
    assert (node.attrs["lo"], node.attrs["hi"]) == ends


@pytest.mark.data
def test_tfc_2w2a():
    """Ternary weights and activations, from the QONNX model zoo. The figure is the published one."""
    network = read_network(DATA / "qonnx" / "TFC_2W2A.onnx").network
    data = load_dataset("mnist", DATA / "mnist", (28, 28, 1))
    images = (data.test_images ^ np.uint8(0x80)).view(np.int8)
    assert accuracy(network, images, data.test_labels).correct == 9660
