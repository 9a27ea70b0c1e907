"""Nodes of other front ends: MultiThreshold and Trunc of FINN, ReduceMean, and the channels-last dialect."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from onnx import helper  # noqa: E402
from qonnx.core.modelwrapper import ModelWrapper  # noqa: E402
from support.onnx_runtime import imported, kinds  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402

GENERAL = "qonnx.custom_op.general"


def saved(g, path, version=1):
    """The graph's file, with the version of the domain of FINN's nodes."""
    model = onnx.load(g.save(path))
    model.opset_import.append(helper.make_opsetid(GENERAL, version))
    onnx.save(model, path)
    return path


def compared(file, *, atol=1e-4, channels_last=False, count=40):
    """The check, if the import's logits are those of the `qonnx` package."""
    shape = read_network(file).network.input.shape
    images = np.random.default_rng(4).integers(0, 256, (count, *shape), np.uint8)
    found, check = imported(file, images)
    real = execute(file, images / 255 if channels_last else (images / 255).transpose(0, 3, 1, 2))
    assert np.ptp(real) > 0
    np.testing.assert_allclose(found, real, rtol=1e-5, atol=atol)
    return check


def tail(g, features):
    return g.op("Flatten").matmul(features, 5)


def multi_threshold(g, table, **attributes):
    return g.op("MultiThreshold", g.array(table), domain=GENERAL, out_dtype="INT8", **attributes)


def start(seed=0):
    return Graph(3, 6, 6, seed=seed).conv(4)


@pytest.mark.parametrize("table, attributes, levels", [
    ([[-0.5, 0.50001]], {"out_bias": -1.0}, "ternary"),
    ([[-2.5, 0.25], [-1, 4], [0, 3], [1, 1]], {"out_bias": -1.0}, "ternary"),
    ([[-1.5, 2]], {"out_scale": 0.25, "out_bias": -0.25}, "ternary"),
    ([[0.0]], {"out_scale": 2.0, "out_bias": -1.0}, "binary"),
    ([[1.0], [-2], [0.5], [0]], {"out_scale": 1.0}, "binary"),
    ([[1.0], [-2], [0.5], [0]], {"out_scale": -2.0, "out_bias": 1.0}, "binary")])
def test_one_or_two_thresholds(table, attributes, levels, tmp_path):
    """They need not lie symmetrically, nor where other channels' lie."""
    g = multi_threshold(start(), table, **attributes).conv(4).batch_norm().ternary()
    check = compared(saved(tail(g, 4 * 4), tmp_path / "net.onnx"))
    first = next(node for node in check.network.nodes if node.kind == "threshold")
    assert first.attrs["levels"] == levels


def test_thresholds_of_a_flattened_tensor(tmp_path):
    """In its order there are other channels first than in the accelerator's."""
    table = np.sort(np.random.default_rng(0).normal(0, 3, (64, 2)), axis=1)
    g = multi_threshold(start().op("Flatten"), table, out_bias=-1.0).matmul(64, 5)
    compared(saved(g, tmp_path / "net.onnx"))


@pytest.mark.parametrize("first, step, count, bias", [
    (0.5, 1.0, 15, 0.0), (-7.5, 1.0, 15, -8.0), ([[-3], [0.5], [1], [2]], [[0.25], [1], [0.5], [2]], 7, 0.0),
    (-4.0, 1 / 32, 255, -128.0)])
def test_many_even_thresholds(first, step, count, bias, tmp_path):
    g = multi_threshold(start(), first + step * np.arange(count)[None], out_bias=bias / 8, out_scale=1 / 8)
    g.batch_norm(0.1).ternary()
    check = compared(saved(tail(g, 4 * 16), tmp_path / "net.onnx"))
    made = next(node for node in check.network.nodes if node.kind == "requantize")
    assert (made.attrs["lo"], made.attrs["hi"]) == (bias, count + bias)


def test_even_thresholds_behind_a_negative_factor(tmp_path):
    g = start()
    g.op("Mul", g.array(-0.5))
    multi_threshold(g, 0.25 + 0.5 * np.arange(-7, 8)[None], out_bias=-7.0).batch_norm(0.1).ternary()
    compared(saved(tail(g, 4 * 16), tmp_path / "net.onnx"))


def test_thresholds_that_finn_has_rounded_up(tmp_path):
    """Integers are compared with whole thresholds, whose distances differ by 1 then."""
    g = Graph(3, 6, 6).ternary(0.7).conv(4).ternary(1.5).conv(4)
    multi_threshold(g, np.ceil(-9.3 + 2.7 * np.arange(7))[None]).batch_norm(0.1).ternary()
    compared(saved(tail(g, 4 * 4), tmp_path / "net.onnx"))


@pytest.mark.parametrize("table, attributes, sentence", [
    ([[0, 1, 50]], {}, "its 3 thresholds must lie at equal distances in each channel; use 1 or 2 thresholds, or a "
                       "quantiser with one step"),
    ([[0, 0, 0]], {}, "its 3 thresholds must lie at equal distances in each channel; use 1 or 2 thresholds, or a "
                      "quantiser with one step"),
    ([[0], [1]], {}, "its thresholds must be (4 or 1, 1 to 255), not (2, 1)"),
    ([[0]], {"data_layout": "NHWC"}, "its data_layout must be that of its input, NCHW, not 'NHWC'"),
    ([[0]], {"out_scale": 0.0}, "its out_scale must be finite and not 0, and its out_bias finite, not 0 and 0")])
def test_refused_thresholds(table, attributes, sentence, tmp_path):
    g = tail(multi_threshold(start(), table, **attributes).conv(4).ternary(), 4 * 4)
    (found,) = read_network(saved(g, tmp_path / "net.onnx")).refused
    assert found.note == sentence


def pooled(scale=1.0, last="AveragePool"):
    g = Graph(3, 6, 6).conv(4).ternary(scale)
    if last == "AveragePool":
        return g.op(last, kernel_shape=[2, 2], strides=[2, 2]), 4
    return g.op(last), 16


@pytest.mark.parametrize("scale, last", [(1.0, "AveragePool"), (0.3, "AveragePool"), (0.7, "GlobalAveragePool")])
def test_trunc_of_opset_1(scale, last, tmp_path):
    """The sums lose two bits, or four. Its result keeps the scale of its input, as the package has it."""
    g, pixels = pooled(scale, last)
    g.op("Mul", g.array(pixels))
    bits = [g.array(value) for value in (scale, 0, 8, 8 - np.log2(pixels))]
    g.op("Trunc", *bits, domain=GENERAL, rounding_mode="FLOOR").batch_norm(0.1).ternary()
    check = compared(saved(tail(g, 4 * 16 // pixels), tmp_path / "net.onnx"))
    pool = next(node for node in check.network.nodes if node.kind == "avg_pool")
    assert pool.attrs["shift"] == np.log2(pixels)


def test_trunc_that_rounds(tmp_path):
    """The package rounds a half to even. The multiplier's steps lie where the package's do."""
    g, pixels = pooled()
    inputs = [g.array(value) for value in (1, 0, 8, 6)]
    g.op("Mul", g.array(pixels)).op("Trunc", *inputs, domain=GENERAL, rounding_mode="ROUND")
    check = compared(saved(tail(g, 4 * 4), tmp_path / "net.onnx"))
    assert not any("multiplier" in note for note in check.notes)


@pytest.mark.parametrize("out, bits, signed", [(0.5, 8, 1), (0.25, 4, 1), (0.5, 2, 1), (0.25, 2, 0)])
def test_trunc_of_opset_2(out, bits, signed, tmp_path):
    g, _ = pooled()
    inputs = [g.array(value) for value in (0.25, 0, 4, out, bits)]
    g.op("Trunc", *inputs, domain=GENERAL, rounding_mode="FLOOR", signed=signed, narrow=0)
    compared(saved(tail(g, 4 * 4), tmp_path / "net.onnx", 2))


@pytest.mark.parametrize("values, sentence", [
    ((0.25, 3, 8, 6), "its zero point must be 0, not 3; quantise symmetrically"),
    ((0.3, 0, 8, 6), "its input must be whole multiples of its scale 0.3, not of 0.25; set the scale to that of the "
                     "sums before it"),
    ((0.25, 0, 6, 8), "it must drop 0 to 16 bits and round by one of ROUND, HALF_EVEN, HALF_DOWN, HALF_UP, DOWN, UP, "
                      "FLOOR, CEIL, not -2 and 'FLOOR'")])
def test_refused_trunc(values, sentence, tmp_path):
    g, _ = pooled()
    g.op("Trunc", *(g.array(value) for value in values), domain=GENERAL, rounding_mode="FLOOR")
    (found,) = read_network(saved(tail(g, 4 * 4), tmp_path / "net.onnx")).refused
    assert found.note == sentence


@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("opset", [13, 18])
def test_reduce_mean(opset, last, keep, tmp_path):
    g = Graph(3, 6, 6, opset=opset).conv(4).batch_norm(20).ternary()
    axes = [1, 2] if last else [-2, -1]
    if last:
        g.op("Transpose", perm=[0, 2, 3, 1])
    if opset == 13:
        g.op("ReduceMean", axes=axes, keepdims=keep)
    else:
        g.op("ReduceMean", g.array(axes, np.int64), keepdims=keep)
    g = g.op("Flatten") if keep else g
    check = compared(g.matmul(4, 5).save(tmp_path / "net.onnx"))
    assert kinds(check) == ["conv", "threshold", "avg_pool", "dense"]


def test_refused_reduce_mean(tmp_path):
    g = Graph(3, 6, 6).conv(4).ternary().op("ReduceMean", axes=[1], keepdims=1)
    (found,) = read_network(tail(g, 16).save(tmp_path / "net.onnx")).refused
    assert found.note == "it must average over height and width; use GlobalAveragePool"


def whole(padding, pool):
    """A network of all that the transformation to channels last knows. It wants all attributes to be there."""
    g = Graph(3, 8, 8).conv(8, padding=padding, bits=8, group=1, dilations=[1, 1], strides=[1, 1])
    g.batch_norm(20).ternary()
    if pool:
        g.op("MaxPool", kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4, ceil_mode=0)
    g.conv(6, bits=8, padding=0, group=1, dilations=[1, 1], strides=[1, 1]).batch_norm().ternary()
    side = (8 + 2 * padding - 2) // (2 if pool else 1) - 2
    return tail(g, 6 * side * side)


@pytest.mark.parametrize("padding, pool", [(0, True), (1, True), (1, False)])
def test_the_channels_last_dialect(padding, pool, tmp_path):
    """It gives the network of the file that it was made from."""
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.util.cleanup import cleanup_model

    before = whole(padding, pool).save(tmp_path / "before.onnx")
    model = cleanup_model(ModelWrapper(str(before)))
    model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True)).save(str(tmp_path / "net.onnx"))
    made = onnx.load(tmp_path / "net.onnx")
    assert {node.op_type for node in made.graph.node if node.domain == "qonnx.custom_op.channels_last"} >= {"Conv"}
    assert [d.dim_value for d in made.graph.input[0].type.tensor_type.shape.dim] == [1, 8, 8, 3]
    one, two = read_network(before).network, read_network(tmp_path / "net.onnx").network
    assert [node.kind for node in one.nodes] == [node.kind for node in two.nodes]
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), np.uint8)
    np.testing.assert_array_equal(imported(before, images)[0], imported(tmp_path / "net.onnx", images)[0])
    real = execute(before, (images / 255).transpose(0, 3, 1, 2))
    np.testing.assert_allclose(imported(before, images)[0], real, rtol=1e-5, atol=1e-4)
