"""Every sentence that refuses a node says what to change. Here its advice is followed, and the file is imported."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from onnx import helper  # noqa: E402
from support.qonnx_graphs import DOMAIN, Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402

GENERAL = "qonnx.custom_op.general"


def pictures(check, count=64):
    return np.random.default_rng(4).integers(0, 256, (count, *check.network.input.shape), np.uint8)


def equal(file, reference=None, atol=1e-4):
    """Import `file` and compare its logits with the executor's of `reference`, a file of the same input."""
    check = read_network(file)
    assert not check.refused, check.refused
    images = pictures(check)
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=check.network.outputs[:1])
    logits = found[check.network.outputs[0]].reshape(len(images), -1) * check.logits.unit + check.logits.offset
    x = (images / 255).transpose(0, 3, 1, 2)
    shape = [d.dim_value for d in onnx.load(reference or file).graph.input[0].type.tensor_type.shape.dim]
    real = execute(reference or file, x.reshape(len(x), *shape[1:]))
    assert np.ptp(real) > 0
    np.testing.assert_allclose(logits, real, rtol=1e-5, atol=atol)
    return check


def notes(file):
    return [verdict.note for verdict in read_network(file).refused]


def tail(g, features, classes=5):
    return g.op("Flatten").matmul(features, classes)


@pytest.mark.parametrize("lo, hi", [(0.0, 1.0), (-1.0, 1.0), (-0.3, 9.0), (None, 0.2), (-0.2, None)])
@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("opset", [10, 13])
def test_clip_is_folded(lo, hi, bits, opset, tmp_path):
    """Without its Clip(0, 1) a network had other logits in 64 of 64 frames, where "remove it" was the advice."""
    g = Graph(3, 6, 6, opset=opset).conv(8).batch_norm(9)
    if opset == 10:
        g.op("Clip", **{key: end for key, end in (("min", lo), ("max", hi)) if end is not None})
    else:
        g.op("Clip", *("" if end is None else g.array(end) for end in (lo, hi)))
    g.quant(bits, 0.7 if bits == 2 else 1 / 64, narrow=int(bits == 2))
    file = tail(g, 8 * 16).save(tmp_path / "net.onnx")
    equal(file, atol=1e-4 if bits == 2 else 0.3)


def test_clip_without_a_quantiser(tmp_path):
    g = Graph(3, 6, 6).conv(8)
    g.op("Clip", g.array(0), g.array(1)).conv(4).ternary()
    assert notes(tail(g, 4 * 4).save(tmp_path / "net.onnx")) == [
        "its input is not quantised; put a Quant (2 bits narrow, or 8 bits) before it"]
    equal(tail(Graph(3, 6, 6).conv(8).op("Clip").ternary().conv(4).ternary(), 4 * 4).save(tmp_path / "net.onnx"))


def test_a_clip_without_effect(tmp_path):
    """Pixels are 0..1 anyway, so a convolution may read them."""
    g = Graph(3, 6, 6)
    equal(tail(g.op("Clip", g.array(0), g.array(1)).conv(4).ternary(), 4 * 16).save(tmp_path / "net.onnx"))


def test_sign_is_a_ternary_activation(tmp_path):
    g = Graph(3, 8, 8).conv(8).ternary().conv(8).op("Sign").conv(4).ternary()
    equal(tail(g, 4 * 4).save(tmp_path / "net.onnx"))


def test_cast_like(tmp_path):
    """As `torch.onnx.export(..., optimize=False)` writes it: of a constant like an activation, and the other way."""
    g = Graph(3, 6, 6, opset=15)
    factor = g.op("CastLike", "in", x=g.array(np.array(3), np.int64)).x
    g.x = "in"
    g.op("Mul", factor).op("CastLike", g.array(1.0)).ternary(0.6).op("CastLike", "in").conv(4).ternary()
    equal(tail(g, 4 * 16).save(tmp_path / "net.onnx"))


@pytest.mark.parametrize("kind", ["Sigmoid", "Softmax", "LogSoftmax"])
def test_a_last_node_that_keeps_the_order_is_dropped(kind, tmp_path):
    g = tail(Graph(3, 6, 6).conv(4).ternary(), 4 * 16)
    logits = g.save(tmp_path / "logits.onnx")
    file = g.op(kind).save(tmp_path / "net.onnx")
    check = equal(file, logits)
    assert f"{kind}_7: dropped; it changes no order of classes" in check.notes


@pytest.mark.parametrize("keep", [0, 1])
def test_arg_max_is_the_best_class(keep, tmp_path):
    g = tail(Graph(3, 6, 6).conv(4).ternary(), 4 * 16)
    g.save(tmp_path / "logits.onnx")
    g.op("ArgMax", axis=1, keepdims=keep)
    model = onnx.load(g.save(tmp_path / "net.onnx"))
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(g.x, onnx.TensorProto.INT64, (1, 1) if keep else (1,)))
    onnx.save(model, tmp_path / "net.onnx")
    check = read_network(tmp_path / "net.onnx")
    images = pictures(check)
    best = run(check.network, (images.astype(np.int16) - 128).astype(np.int8))[check.network.outputs[1]]
    real = execute(tmp_path / "logits.onnx", (images / 255).transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(best.ravel(), real.argmax(axis=1))


def test_a_quantiser_without_a_domain(tmp_path):
    g = tail(Graph(3, 6, 6).conv(4).ternary(), 4 * 16)
    want = g.save(tmp_path / "want.onnx")
    for node in g.nodes:
        node.domain = ""
    assert notes(g.save(tmp_path / "net.onnx")) == [
        f"{kind} of the domain '' is not known; set the node's domain to {GENERAL}"
        for kind in ("BipolarQuant", "Quant", "BipolarQuant")]
    model = onnx.load(tmp_path / "net.onnx")
    for node in model.graph.node:
        if "Quant" in node.op_type:
            node.domain = GENERAL
    onnx.save(model, tmp_path / "net.onnx")
    equal(tmp_path / "net.onnx", want)


def test_constants_of_other_operations(tmp_path):
    from qonnx.util.cleanup import cleanup

    g = Graph(3, 6, 6).conv(4)
    here = g.x
    factor = g.op("Erf", x=g.array(0.4)).x
    g.x = here
    file = tail(g.op("Mul", factor).ternary(), 4 * 16).save(tmp_path / "net.onnx")
    assert notes(file) == ["Erf of constants is not computed here; fold it with qonnx-cleanup"]
    cleanup(str(file), out_file=str(tmp_path / "clean.onnx"))
    equal(tmp_path / "clean.onnx", file)


def test_a_flattened_picture_is_no_output(tmp_path):
    g = Graph(3, 4, 4).conv(4)
    assert notes(g.op("Flatten").save(tmp_path / "net.onnx")) == [
        "the graph's output must be (1, classes), not 4 channels of 2x2 pixels; end with a MatMul or Gemm, or with a "
        "GlobalAveragePool and a Flatten"]
    equal(tail(Graph(3, 4, 4).conv(4).ternary(), 4 * 4).save(tmp_path / "net.onnx"))
    equal(Graph(3, 4, 4).conv(4).op("GlobalAveragePool").op("Flatten").save(tmp_path / "net.onnx"))


def ended(g):
    """The graph, with a last layer of as many features as it needs."""
    side = 8
    for node in g.nodes:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("Conv", "MaxPool", "AveragePool"):
            pads = attributes.get("pads", [0] * 4)[0]
            side = (side + 2 * pads - attributes["kernel_shape"][0]) // attributes.get("strides", [1])[0] + 1
        if node.op_type == "Pad":
            side += 2
    return tail(g, g.channels * side * side)


def start():
    return Graph(3, 8, 8).conv(8).batch_norm(20)


def bordered(g, value, padding=0, mode="constant"):
    g.op("Pad", g.array([0, 0, 1, 1] * 2, np.int64), g.array(value), mode=mode)
    return g.conv(4, padding=padding).ternary()


def with_bn(g, **attributes):
    g.batch_norm(20)
    g.nodes[-1].attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
    return g


def unsigned_weights(g, signed):
    here, name = g.x, g.array(np.abs(g.random.normal(0, 1, (4, 8, 3, 3))))
    made = g.quant(8, 1 / 80, x=name, signed=signed, narrow=1).x
    g.x, g.channels = here, 4
    return g.op("Conv", made, kernel_shape=[3, 3]).ternary()


def raw_weights(g, quantised):
    here, name = g.x, g.array(g.random.normal(0, 1, (4, 8, 3, 3)))
    made = g.binary(x=name).x if quantised else name
    g.x, g.channels = here, 4
    return g.op("Conv", made, kernel_shape=[3, 3]).ternary()


def zero_point(g, zero):
    return g.op("Quant", g.array(0.1), g.array(zero), g.array(8), domain=DOMAIN, signed=1, narrow=0,
                rounding_mode="ROUND")


PAIRS = [  # what is refused, words of the advice, and the same as advised
    ("bits of weights", lambda: start().ternary().conv(4, bits=9).ternary(), "use BipolarQuant, or a bit width of 8",
     lambda: start().ternary().conv(4, bits=8).ternary()),
    ("unsigned weights", lambda: unsigned_weights(start().ternary(), 0), "set signed=1",
     lambda: unsigned_weights(start().ternary(), 1)),
    ("real weights", lambda: raw_weights(start().ternary(), False), "put a BipolarQuant, or a Quant of 8 bits, on them",
     lambda: raw_weights(start().ternary(), True)),
    ("no quantiser", lambda: start().conv(4).ternary(), "put a Quant (2 bits narrow, or 8 bits) before it",
     lambda: start().ternary().conv(4).ternary()),
    ("bits of 0 and 1", lambda: start().quant(1, signed=0), "use BipolarQuant", lambda: start().binary()),
    ("zero point", lambda: zero_point(start(), 3), "quantise symmetrically", lambda: zero_point(start(), 0)),
    ("relu alone", lambda: start().op("Relu").op("GlobalAveragePool").conv(4, 1).ternary(), "put a Quant behind it",
     lambda: start().op("Relu").quant(8, 0.125, signed=0).op("MaxPool", kernel_shape=[6, 6]).conv(4, 1).ternary()),
    ("relu and norm", lambda: start().op("Relu").batch_norm().quant(8, 0.125),
     "move the Relu behind the BatchNormalization", lambda: start().batch_norm().op("Relu").quant(8, 0.125)),
    ("grouped", lambda: start().ternary().conv(8, group=8), "use group=1", lambda: start().ternary().conv(8).ternary()),
    ("two pads", lambda: bordered(start().ternary(), 0, padding=1), "put all padding into one of them",
     lambda: bordered(start().ternary(), 0)),
    ("binary border", lambda: start().binary(0.5).conv(4, padding=1),
     "put a Pad with the quantiser's scale as value before it and no pads in it, or use ternary activations",
     lambda: bordered(start().binary(0.5), 0.5)),
    ("binary border, ternary", lambda: start().binary(0.5).conv(4, padding=1), "or use ternary activations",
     lambda: start().ternary(0.5).conv(4, padding=1).ternary()),
    ("border", lambda: bordered(start().ternary(), 0.3), "pad with 0, or quantise",
     lambda: bordered(start().ternary(), 0.0)),
    ("pad mode", lambda: bordered(start().ternary(), 0.0, mode="edge"), "set mode to constant",
     lambda: bordered(start().ternary(), 0.0)),
    ("padded average", lambda: start().ternary().op("AveragePool", kernel_shape=[3, 3], pads=[1] * 4),
     "set count_include_pad=1",
     lambda: start().ternary().op("AveragePool", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)),
    ("padded average, bare", lambda: start().ternary().op("AveragePool", kernel_shape=[3, 3], pads=[1] * 4),
     "or pads=0", lambda: start().ternary().op("AveragePool", kernel_shape=[3, 3])),
    ("ceil_mode", lambda: start().ternary().op("AveragePool", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=1),
     "set ceil_mode=0", lambda: start().ternary().op("AveragePool", kernel_shape=[4, 4], strides=[4, 4], ceil_mode=0)),
    ("training", lambda: with_bn(Graph(3, 8, 8).conv(8), training_mode=1), "export the model after model.eval()",
     lambda: with_bn(Graph(3, 8, 8).conv(8)).ternary()),
    ("softmax inside", lambda: start().op("Softmax", axis=1).ternary().conv(4), "remove it",
     lambda: start().ternary().conv(4).ternary()),
    ("tanh", lambda: start().op("Tanh").ternary(), "use Relu, or a Quant or BipolarQuant alone, as the activation",
     lambda: start().op("Relu").ternary()),
    ("tanh, quantised", lambda: start().op("Tanh"), "use Relu, or a Quant or BipolarQuant alone, as the activation",
     lambda: start().binary()),
    ("scales of channels", lambda: start().ternary(np.linspace(0.5, 2, 8).reshape(1, 8, 1, 1)).conv(4),
     "use per-tensor scales", lambda: start().ternary(0.5).conv(4).ternary()),
]


@pytest.mark.parametrize("refused, advice, followed", [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_advice_is_followed(refused, advice, followed, tmp_path):
    g = refused()
    found = notes(ended(g).save(tmp_path / "net.onnx"))
    assert len(found) == 1 and advice in found[0], found
    equal(ended(followed()).save(tmp_path / "net.onnx"), atol=0.3)


def test_last_quantiser(tmp_path):
    g = tail(start().ternary(), 8 * 36).ternary()
    (note,) = notes(g.save(tmp_path / "net.onnx"))
    assert note.endswith("not quantised to 1 or 2 bits; remove its last quantiser")
    equal(tail(start().ternary(), 8 * 36).save(tmp_path / "net.onnx"))
