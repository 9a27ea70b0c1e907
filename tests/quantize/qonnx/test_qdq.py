"""Graphs of QuantizeLinear, Clip and DequantizeLinear, as Brevitas, torch and ONNX Runtime write them."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.onnx_runtime import both, imported, kinds, runtime  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402


def quantised(g, scale, *, zero=0, clip=None, dtype=np.int8, readers=1):
    """An activation through QuantizeLinear, a Clip and DequantizeLinear; with two readers the last is there twice."""
    parameters = g.array(scale), g.array(zero, dtype)
    integers = g.op("QuantizeLinear", *parameters).x
    if clip is not None:
        integers = g.op("Clip", *(g.array(end, dtype) for end in clip)).x
    made = [g.op("DequantizeLinear", *parameters, x=integers).x for _ in range(readers)]
    return made[0] if readers == 1 else made


def conv(g, channels, *, most=127, scale=0.02, axis=None, bias=False, stored=True, dtype=np.int8, zero=0):
    """A convolution whose weights are integers behind a DequantizeLinear, or real numbers that the graph quantises."""
    here, integers = g.x, g.random.integers(-most, most + 1, (channels, g.channels, 3, 3))
    scales = np.full(channels, scale) * np.linspace(1, 2, channels) if axis is not None else scale
    parameters = g.array(scales), g.array(np.full(np.shape(scales), zero), dtype)
    more = {} if axis is None else {"axis": axis}
    if stored:
        weights = g.array(integers + zero, dtype)
    else:
        weights = g.op("QuantizeLinear", *parameters, x=g.array(integers * scale), **more).x
        weights = g.op("Clip", g.array(-most, dtype), g.array(most, dtype)).x
    inputs = [g.op("DequantizeLinear", *parameters, x=weights, **more).x]
    if bias:
        values = g.array(g.random.integers(-900, 900, channels), np.int32)
        inputs.append(g.op("DequantizeLinear", g.array(scale), x=values).x)
    g.x, g.channels = here, channels
    return g.op("Conv", *inputs, kernel_shape=[3, 3])


def tail(g, features):
    """The last layer, of 8-bit weights."""
    here, integers = g.op("Flatten").x, g.array(g.random.integers(-127, 128, (features, 5)), np.int8)
    weights = g.op("DequantizeLinear", g.array(0.01), g.array(0, np.int8), x=integers).x
    g.x, g.channels = here, 5
    return g.op("MatMul", weights)


def start(**more):
    g = Graph(3, 8, 8)
    quantised(g, 1 / 127)
    return conv(g, 8, **more)


TERNARY = {"clip": (-1, 1)}


@pytest.mark.parametrize("weights", [
    {}, {"most": 7}, {"most": 1, "scale": 0.3}, {"axis": 0}, {"bias": True}, {"stored": False},
    {"dtype": np.uint8, "zero": 128}],
    ids=["8 bits", "4 bits", "2 bits", "a scale a channel", "a bias", "real", "unsigned"])
def test_weights(weights, tmp_path):
    g = start(**weights)
    quantised(g, 0.5, **TERNARY)
    found, real, check = both(tail(g, 8 * 36).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-5, atol=1e-4)
    assert kinds(check) == ["requantize", "conv", "threshold", "flatten", "dense"]


def test_binary_weights(tmp_path):
    """Weights of -1 and +1 have one bit in the accelerator, whatever holds them in the file."""
    g = Graph(3, 8, 8)
    quantised(g, 0.4, **TERNARY)
    weights = g.array(g.random.choice([-1, 1], (8, 3, 3, 3)), np.int8)
    here = g.x
    real = g.op("DequantizeLinear", g.array(0.3), g.array(0, np.int8), x=weights).x
    g.x, g.channels = here, 8
    quantised(g.op("Conv", real, kernel_shape=[3, 3]), 0.5, **TERNARY)
    found, real, check = both(tail(g, 8 * 36).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-5, atol=1e-4)
    assert check.network.nodes[1].attrs["weights"] == "binary"


@pytest.mark.parametrize("form, limits", [
    ({}, (-128, 127)), ({"clip": (-8, 7)}, (-8, 7)), ({"clip": (0, 3)}, (0, 3)), ({"dtype": np.uint8}, (0, 255)),
    ({"dtype": np.uint8, "zero": 90}, (-90, 165)), ({"dtype": np.uint8, "zero": 3, "clip": (1, 9)}, (-2, 6))])
def test_activations(form, limits, tmp_path):
    """The range is that of the Clip less the zero point. At most a rounding of 16-bit multipliers is another."""
    g = start(scale=1 / 256)
    quantised(g, 1 / 32, **form)
    quantised(conv(g, 4, scale=1 / 256), 1 / 16)
    found, real, check = both(tail(g, 4 * 16).save(tmp_path / "net.onnx"))
    assert np.abs(found - real).max() < 0.05 * np.ptp(real)
    assert (np.abs(found - real).max(axis=1) < 1e-5).mean() > 0.5
    made = next(node for node in check.network.nodes[1:] if node.kind == "requantize")
    assert (made.attrs["lo"], made.attrs["hi"]) == limits


def test_two_readers_share_an_engine(tmp_path):
    g = start(scale=1 / 256)
    one, two = quantised(g, 1 / 8, readers=2)
    g.op("Add", two, x=one)
    quantised(g, 1 / 4)
    found, real, check = both(tail(g, 8 * 36).save(tmp_path / "net.onnx"))
    assert np.abs(found - real).max() < 0.02 * np.ptp(real)
    assert kinds(check)[:4] == ["requantize", "conv", "requantize", "add"]


@pytest.mark.parametrize("type, dtype, low", [(onnx.TensorProto.INT8, np.int8, -128),
                                              (onnx.TensorProto.UINT8, np.uint8, 0)])
def test_an_input_of_integers(type, dtype, low, tmp_path):
    g = Graph(3, 8, 8, type=type)
    g.op("DequantizeLinear", g.array(1 / 64), g.array(low + 100, dtype))
    conv(g, 8)
    quantised(g, 0.5, **TERNARY)
    file = tail(g, 8 * 36).save(tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    found, _ = imported(file, images)
    real = runtime(file, (images.astype(np.int16) + low).astype(dtype).transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, real, rtol=1e-5, atol=1e-4)


def test_what_qonnx_converts(tmp_path):
    pytest.importorskip("qonnx")
    from qonnx.util.cleanup import cleanup
    from qonnx.util.convert import convert
    from support.qonnx_reference import execute

    g = Graph(3, 8, 8).conv(8, padding=1, bits=8).batch_norm(20).ternary()
    g.op("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).conv(6, bits=8).batch_norm().ternary()
    whole = g.op("Flatten").matmul(6 * 4, 5, bits=8).save(tmp_path / "whole.onnx")
    cleanup(str(whole), out_file=str(tmp_path / "clean.onnx"))
    convert(str(tmp_path / "clean.onnx"), output_style="qcdq", output_file=str(tmp_path / "qdq.onnx"))
    types = {node.op_type for node in onnx.load(tmp_path / "qdq.onnx").graph.node}
    assert {"QuantizeLinear", "Clip", "DequantizeLinear"} <= types and "Quant" not in types
    found, _, check = both(tmp_path / "qdq.onnx")
    images = np.random.default_rng(5).integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.testing.assert_allclose(found, execute(whole, (images / 255).transpose(0, 3, 1, 2)), rtol=1e-5, atol=1e-4)
    assert kinds(check) == kinds(read_network(whole)) and kinds(check).count("threshold") == 2


def between(g):
    g.op("QuantizeLinear", g.array(0.1), g.array(0, np.int8)).op("MaxPool", kernel_shape=[2, 2])
    return g.op("DequantizeLinear", g.array(0.1), g.array(0, np.int8))


def another_scale(g):
    g.op("QuantizeLinear", g.array(0.1), g.array(0, np.int8))
    return g.op("DequantizeLinear", g.array(0.2), g.array(0, np.int8))


def zero_points(g):
    g.op("QuantizeLinear", g.array(np.full(8, 0.1)), g.array(np.arange(8), np.int8))
    return g.op("DequantizeLinear", g.array(np.full(8, 0.1)), g.array(np.arange(8), np.int8))


def wide_weights(g):
    here, weights = g.x, g.array(np.full((5, 8, 3, 3), 400), np.int16)
    real = g.op("DequantizeLinear", g.array(0.1), g.array(0, np.int16), x=weights).x
    g.x = here
    return g.op("Conv", real, kernel_shape=[3, 3])


@pytest.mark.parametrize("change, sentence", [
    (between, "only a Clip may stand between QuantizeLinear and DequantizeLinear; move it before or behind them"),
    (another_scale, "its scale and zero point must be those of QuantizeLinear_4 before it"),
    (zero_points, "the zero points of an activation must be one number; use per-tensor quantisation"),
    (wide_weights, "weights less their zero point must be -128 to 127, not 400 to 400; quantise them symmetrically to "
                   "int8"),
    (lambda g: g.op("QuantizeLinear", g.array(0.1), g.array(0, np.int8)),
     "it must be real numbers; remove the last QuantizeLinear, or put a DequantizeLinear behind it"),
    (lambda g: g.op("QuantizeLinear", g.array(-0.1), g.array(0, np.int8)), "its scale must be positive, not -0.1"),
    (lambda g: g.op("QuantizeLinear", g.array(0.1), g.array(0, np.int32)),
     "it must quantise to int8, uint8, int16, uint16, not int32; give it a zero point of int8")])
def test_refused(change, sentence, tmp_path):
    g = change(start())
    (found,) = {verdict.note for verdict in read_network(g.save(tmp_path / "net.onnx")).refused}
    assert found == sentence


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn")
    from quantize.data import load_dataset

    return load_dataset("digits")


def trained(model, data, steps):
    import torch

    random = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(steps):
        chosen = random.choice(len(data.train_images), 64)
        loss = torch.nn.functional.cross_entropy(model(pixels(data.train_images[chosen])),
                                                 torch.from_numpy(data.train_labels[chosen]).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def pixels(images):
    import torch

    return torch.from_numpy((images / 255).astype(np.float32).transpose(0, 3, 1, 2))


def agree(file, data, *, levels):
    """The import's logits are at most so many steps of the output off the runtime's, and so are its classes.

    A class differs only where the runtime's two best logits are no more than these steps apart.
    """
    images = data.test_images
    found, check = imported(file, images)
    real = runtime(file, pixels(images).numpy())
    assert len(images) > 300 and (real.argmax(axis=1) == data.test_labels).mean() > 0.75
    assert np.abs(found - real).max() <= levels
    margin = np.diff(np.sort(real, axis=1)[:, -2:], axis=1)[:, 0]
    assert (margin[found.argmax(axis=1) != real.argmax(axis=1)] <= levels).all()
    assert (found.argmax(axis=1) == real.argmax(axis=1)).mean() > 0.99
    return check


@pytest.mark.parametrize("per_channel", [False, True])
def test_static_quantisation_of_onnx_runtime(per_channel, digits, tmp_path):
    torch = pytest.importorskip("torch")
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    torch.manual_seed(0)
    model = trained(torch.nn.Sequential(
        torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(16, 16, 3),
        torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 10)), digits, 100)
    one, two, last = (model[index] for index in (0, 3, 6))
    g = Graph(1, 8, 8)

    def layer(kind, module, **attributes):
        arrays = (g.array(value.detach().numpy()) for value in (module.weight, module.bias))
        g.op(kind, *arrays, **attributes)

    layer("Conv", one, kernel_shape=[3, 3], pads=[1] * 4)
    g.op("Relu").op("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    layer("Conv", two, kernel_shape=[3, 3])
    g.op("Relu").op("Flatten")
    layer("Gemm", last, transB=1)
    g.channels = 10
    g.save(tmp_path / "float.onnx")

    class Reader(CalibrationDataReader):
        rows = iter([{"in": row[None]} for row in pixels(digits.train_images[:50]).numpy()])

        def get_next(self):
            return next(self.rows, None)

    quantize_static(tmp_path / "float.onnx", tmp_path / "net.onnx", Reader(), quant_format=QuantFormat.QDQ,
                    activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, per_channel=per_channel,
                    extra_options={"ActivationSymmetric": True, "WeightSymmetric": True})
    step = read_network(tmp_path / "net.onnx").logits.unit
    check = agree(tmp_path / "net.onnx", digits, levels=3.01 * step)
    assert [node.kind for node in check.network.nodes if "weights" in node.arrays] == ["conv", "conv", "dense"]


@pytest.mark.parametrize("bits", [2, 4])
def test_brevitas(bits, digits, tmp_path):
    torch = pytest.importorskip("torch")
    for package in ("brevitas", "onnxoptimizer", "onnxscript"):
        pytest.importorskip(package)
    import brevitas.nn as qnn
    from brevitas.export import export_onnx_qcdq

    torch.manual_seed(0)

    def activation():
        return qnn.QuantIdentity(bit_width=2, narrow_range=True) if bits == 2 else qnn.QuantReLU(bit_width=bits)

    model = trained(torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=8), qnn.QuantConv2d(1, 16, 3, padding=1, weight_bit_width=4, bias=False),
        torch.nn.BatchNorm2d(16), activation(), torch.nn.MaxPool2d(2),
        qnn.QuantConv2d(16, 16, 3, weight_bit_width=4, bias=False), torch.nn.BatchNorm2d(16), activation(),
        torch.nn.Flatten(), qnn.QuantLinear(64, 10, bias=True, weight_bit_width=8)), digits, 100)
    export_onnx_qcdq(model, args=torch.zeros(1, 1, 8, 8), export_path=tmp_path / "net.onnx")
    check = agree(tmp_path / "net.onnx", digits, levels={2: 1e-4, 4: 0.5}[bits])
    assert kinds(check).count("threshold") == (2 if bits == 2 else 0)
