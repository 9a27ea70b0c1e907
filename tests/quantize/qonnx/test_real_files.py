"""Forms that were found in files of tf2onnx, Larq, ONNX Runtime and torch, each in a small graph like theirs."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.onnx_runtime import both, imported, kinds, runtime  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402


def conv(g, channels, scale=None, **attributes):
    """A convolution of weights -1 and +1, with a factor for each output channel if there is a scale."""
    weights = g.random.choice([-1.0, 1.0], (channels, g.channels, 3, 3))
    if scale is not None:
        weights = weights * g.random.uniform(0.5, 2, (channels, 1, 1, 1)) * scale
    g.channels = channels
    return g.op("Conv", g.array(weights), kernel_shape=[3, 3], **attributes)


def dense(g, features):
    g.op("MatMul", g.array(g.random.choice([-1.0, 1.0], (features, 5))))
    g.channels = 5
    return g


def last(file, count=60):
    """As `both`, for a graph that reads channels last."""
    images = np.random.default_rng(7).integers(0, 256, (count, *read_network(file).network.input.shape), np.uint8)
    found, check = imported(file, images)
    return found, runtime(file, (images / 255).astype(np.float32)), check


def test_larq(tmp_path):
    """As tf2onnx writes SteTern and ste_sign, with Larq's padding of 1 and the batch norm in the weights before it."""
    g = Graph(8, 8, 1)
    g.op("Reshape", g.array([-1, 1, 8, 8], np.int64))
    g.channels = 1
    conv(g, 8, 0.5, pads=[1] * 4)
    here = g.x
    signs = [g.op(kind, g.array(np.full((1, 1, 1, 1), 0.05)), x=here).op("Transpose", perm=[0, 2, 3, 1]).op("Sign").x
             for kind in ("Sub", "Add")]
    g.op("Add", signs[0], x=signs[1]).op("Sign").op("Transpose", perm=[0, 3, 1, 2])
    conv(g, 6).op("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).batch_norm().op("Transpose", perm=[0, 2, 3, 1])
    g.op("Sign").op("Add", g.array(0.1)).op("Sign")
    g.op("Pad", g.array([0, 1, 1, 0, 0, 1, 1, 0], np.int64), g.array(1)).op("Transpose", perm=[0, 3, 1, 2])
    conv(g, 4, 0.1).batch_norm().op("Transpose", perm=[0, 2, 3, 1])
    g.op("Reshape", g.array([-1, 36], np.int64)).op("Sign").op("Add", g.array(0.1)).op("Sign")
    found, real, check = last(dense(g, 36).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)
    assert np.ptp(real) > 0
    assert [node.attrs["weights"] for node in check.network.nodes if "weights" in node.attrs] == ["binary"] * 4


@pytest.mark.parametrize("sides", [(8, 8), (1, 16), (16, 1)])
def test_a_reshape_moves_one_channel(sides, tmp_path):
    """Of a row or a column of pixels too, whose sizes do not tell which of them the channels are."""
    g = Graph(*sides, 1)
    g.op("Mul", g.array(255)).op("Sub", g.array(128))  # whole numbers, whose sums are exact
    g.op("Reshape", g.array([-1, 1, *sides], np.int64)).op("Pad", g.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    g.channels = 1
    conv(g, 4).op("Sign").op("Flatten")
    found, real, check = last(dense(g, 4 * sides[0] * sides[1]).save(tmp_path / "net.onnx"))
    assert check.network.input.shape == (*sides, 1)
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)


def test_a_reshape_moves_channels_of_one_pixel(tmp_path):
    g = conv(Graph(3, 3, 3), 8).op("Sign")
    g.op("Reshape", g.array([1, 1, 1, 8], np.int64)).op("Transpose", perm=[0, 3, 1, 2]).op("Flatten")
    found, real, _ = both(dense(g, 8).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)


def test_a_reshape_that_mixes_channels_and_pixels(tmp_path):
    g = conv(Graph(3, 6, 6), 8).op("Sign")
    g.op("Reshape", g.array([1, 4, 4, 8], np.int64)).op("Transpose", perm=[0, 3, 1, 2]).op("Flatten")
    (found,) = read_network(dense(g, 128).save(tmp_path / "net.onnx")).refused
    assert found.note == "it must flatten to (1, 128), not to (1, 4, 4, 8)"


@pytest.mark.parametrize("zeros", [False, True])
def test_ternary_weights_with_a_factor(zeros, tmp_path):
    """One channel may have no weights but zeros."""
    weights = np.random.default_rng(0).choice([-1.0, 0, 1], (6, 3, 3, 3)) * np.linspace(0.3, 2, 6).reshape(6, 1, 1, 1)
    weights[2] *= not zeros
    g = Graph(3, 6, 6)
    g.channels = 6
    g.op("Conv", g.array(weights), g.array(np.linspace(-1, 1, 6)), kernel_shape=[3, 3]).op("Sign").op("Flatten")
    found, real, check = both(dense(g, 6 * 16).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)
    assert check.network.nodes[0].attrs["weights"] == "int8"


@pytest.mark.parametrize("axes", [None, [2, 1], [-3, -2]])
def test_a_pad_of_channels_last(axes, tmp_path):
    """Opset 18 names the axes that are padded."""
    g = conv(Graph(3, 6, 6, opset=18), 4).op("Sign").op("Transpose", perm=[0, 2, 3, 1])
    amounts = [0, 1, 1, 0] * 2 if axes is None else [1] * 4
    g.op("Pad", g.array(amounts, np.int64), g.array(0), *([] if axes is None else [g.array(axes, np.int64)]))
    conv(g.op("Transpose", perm=[0, 3, 1, 2]), 4).op("Sign").op("Flatten")
    found, real, _ = both(dense(g, 4 * 16).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)


def test_a_pad_of_the_last_axis_of_channels_last(tmp_path):
    g = conv(Graph(3, 6, 6), 4).op("Sign").op("Transpose", perm=[0, 2, 3, 1])
    g.op("Pad", g.array([0, 0, 0, 1, 0, 0, 0, 2], np.int64)).op("Transpose", perm=[0, 3, 1, 2])
    g.channels = 7
    conv(g, 4).op("Sign").op("Flatten")
    found, real, check = both(dense(g, 4 * 4).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)
    assert "pad_channels" in kinds(check)


@pytest.mark.parametrize("amounts, sentence", [
    ([1, 0, 0, 0, 0, 0, 0, 0], "it must pad channels or pixels, by no negative amount, not [1, 0, 0, 0, 0, 0, 0, 0]"),
    ([0, 0, -1, 0, 0, 0, 1, 0], "it must pad channels or pixels, by no negative amount, not [0, 0, -1, 0, 0, 0, 1, 0]"),
    ([1, 1], "it must pad a picture, by a number before and one behind for each axis")])
def test_refused_pads(amounts, sentence, tmp_path):
    g = conv(Graph(3, 6, 6), 4).op("Sign")
    g.op("Pad", g.array(amounts, np.int64))
    (found,) = read_network(conv(g, 4).save(tmp_path / "net.onnx")).refused
    assert found.note == sentence


def probabilities(g, scale=1 / 128):
    g.op("Softmax", axis=-1)
    parameters = g.array(scale), g.array(-128, np.int8)
    return g.op("QuantizeLinear", *parameters).op("DequantizeLinear", *parameters)


def test_quantised_probabilities(tmp_path):
    """The logits are those before the Softmax. Where its steps tell classes apart, the order is theirs."""
    g = dense(conv(Graph(3, 6, 6), 4).op("Sign").op("Flatten"), 64)
    g.op("Mul", g.array(0.1))
    file = probabilities(g).save(tmp_path / "net.onnx")
    found, real, check = both(file)
    apart = np.diff(np.sort(real, axis=1)[:, -2:]).ravel() > 0
    assert apart.sum() > 20
    np.testing.assert_array_equal(found.argmax(axis=1)[apart], real.argmax(axis=1)[apart])
    assert kinds(check) == ["conv", "threshold", "flatten", "dense"]
    assert "Softmax_5: dropped; it changes no order of classes, and QuantizeLinear_6, DequantizeLinear_7, which may " \
           "make classes equal" in check.notes


@pytest.mark.parametrize("more", [lambda g: g.op("QuantizeLinear", g.array(0.1), g.array(0, np.int8)),
                                  lambda g: probabilities(g).op("Mul", g.array(np.arange(5)))])
def test_a_softmax_that_more_follows(more, tmp_path):
    g = dense(conv(Graph(3, 6, 6), 4).op("Sign").op("Flatten"), 64).op("Softmax", axis=-1)
    file = more(g).save(tmp_path / "net.onnx")
    assert "Softmax has no engine; remove it, or let it be the graph's last node" in {
        verdict.note for verdict in read_network(file).refused}


def test_the_batch_alone_is_asked_for(tmp_path):
    """torch's own exports ask for the sizes from `start` to before `end`, and flatten with `allowzero`."""
    g = conv(Graph(3, 6, 6, opset=18), 4).op("Sign")
    here = g.x
    size = g.op("Shape", x="in", start=0, end=1).op("Squeeze").op("Reshape", g.array([-1], np.int64)).x
    wanted = g.op("Concat", g.array([64], np.int64), x=size, axis=0).x
    sizes = g.op("Shape", x=here, start=-2).op("Expand", g.array([2], np.int64)).x  # height and width
    g.x = here
    g.op("Reshape", g.op("Concat", sizes, x=g.array([1, 4], np.int64), axis=0).x, x=here)
    found, real, _ = both(dense(g.op("Reshape", wanted, allowzero=1), 64).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)


def test_a_zero_is_no_size_with_allowzero(tmp_path):
    g = conv(Graph(3, 6, 6), 4).op("Sign")
    g.op("Reshape", g.array([0, 64], np.int64), allowzero=1)
    (found,) = read_network(dense(g, 64).save(tmp_path / "net.onnx")).refused
    assert found.note == "its shape (0, 64) must have as many elements as its input's (1, 4, 4, 4)"
