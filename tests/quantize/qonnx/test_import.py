"""Imported graphs give the results of the `qonnx` package, for each kind of node and each way to handle it."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from support.qonnx_graphs import Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.nodes.window import Window, always_inside  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402


def tail(graph, features, classes=5):
    return graph.op("Flatten").matmul(features, classes)


def plain(g):
    g.conv(8, padding=1).batch_norm(20).ternary().conv(6).batch_norm().ternary(0.7)
    return tail(g, 6 * 36)


def pool_before_norm(g):
    g.conv(8).op("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).batch_norm(20).op("Relu").ternary(0.3)
    return tail(g, 8 * 9)


def pool_behind_norm(g):
    g.conv(8).batch_norm(20).op("MaxPool", kernel_shape=[2, 2], strides=[1, 1]).ternary()
    return tail(g, 8 * 25)


def pool_of_trits(g):
    g.conv(8).batch_norm(20).ternary().op("MaxPool", kernel_shape=[2, 2], strides=[2, 2]).conv(7)
    return tail(g.batch_norm().binary(), 7)


def binary_with_border(g):
    pads, one = g.array([0, 0, 1, 1] * 2, np.int64), g.array(0.25)
    g.conv(8).batch_norm(20).binary(0.25).op("Pad", pads, one).conv(6).batch_norm(0.25).ternary()
    return tail(g, 6 * 36)


def input_of_8_bits(g):
    g.quant(8, 1 / 255, signed=0).conv(8, padding=1, bits=8, scale=0.1).batch_norm(2).ternary()
    return tail(g, 8 * 64)


def shifted_input(g):
    mean, deviation = g.array([[[0.4]], [[0.45]], [[0.5]]]), g.array(0.25)
    return tail(g.op("Sub", mean).op("Div", deviation).conv(8).batch_norm(4).ternary(), 8 * 36)


def scales_of_weights(g):
    scale = g.random.uniform(0.5, 2, (8, 1, 1, 1))
    g.conv(8, bits=8, scale=scale).batch_norm(20).ternary().op("GlobalAveragePool").op("Flatten")
    weights = g.weights(5, 8, bits=8)
    return g.op("Gemm", weights, g.array(g.random.normal(0, 1, 5)), transB=1)


def channels_last(g):
    g.conv(8).batch_norm(20).ternary().op("Transpose", perm=[0, 2, 3, 1]).op("Flatten", axis=1).matmul(8 * 36, 9)
    return g.batch_norm(4).ternary().matmul(9, 5).op("Mul", g.array(0.5)).op("Add", g.array(1.5))


def average_of_trits(g):
    g.conv(8).batch_norm(20).ternary().op("AveragePool", kernel_shape=[3, 3], strides=[3, 3])
    return tail(g, 8 * 4)


def rectangles(g):
    g.conv(6, [3, 1], [1, 0, 0, 0], strides=[1, 2]).batch_norm(10).ternary()  # 7 x 4
    g.conv(6, [2, 3], [0, 2, 1, 2], dilations=[3, 2]).batch_norm().ternary()  # 5 x 4
    return tail(g.op("GlobalAveragePool").conv(7, 1).batch_norm().ternary(), 7)


def same_padding(g):
    g.conv(6, [3, 4], None, auto_pad="SAME_UPPER", strides=[2, 1]).batch_norm(10).ternary()  # 4 x 8
    g.conv(5, [2, 3], None, auto_pad="SAME_LOWER", strides=[1, 3]).batch_norm().ternary()  # 4 x 3
    return tail(g.conv(5, 2, None, auto_pad="VALID").batch_norm().ternary(), 5 * 3 * 2)


def padded_pools(g):
    g.conv(6).batch_norm(10).ternary()
    g.op("MaxPool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 1])  # 3 x 6
    g.op("AveragePool", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 1, 0, 1], count_include_pad=1)  # 3 x 3
    return tail(g, 6 * 9)


def pools_that_hang_over(g):
    g.conv(6).op("MaxPool", kernel_shape=[2, 3], strides=[4, 4], ceil_mode=1)  # 2 x 2
    return tail(g.batch_norm(10).ternary(), 6 * 4)


def dilated_pool(g):
    g.conv(6).batch_norm(10).ternary().op("MaxPool", kernel_shape=[2, 3], dilations=[3, 2], pads=[1, 1, 0, 1])  # 4 x 4
    return tail(g, 6 * 16)


def same_pools(g):
    g.conv(6).op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")  # 3 x 3
    g.batch_norm(10).ternary().op("AveragePool", kernel_shape=[2, 2], auto_pad="SAME_LOWER", count_include_pad=1)
    return tail(g, 6 * 9)


def binary_with_a_border_by_sides(g):
    pads, one = g.array([0, 0, 1, 0, 0, 0, 0, 2], np.int64), g.array(0.25)
    g.conv(6).batch_norm(20).binary(0.25).op("Pad", pads, one).conv(6, [2, 3]).batch_norm(0.25).ternary()  # 6 x 6
    return tail(g, 6 * 36)


def unnamed_and_normalised(g):
    tail(g.conv(8).batch_norm(20).ternary(), 8 * 36).op("Softmax", axis=1)
    for node in g.nodes:
        node.name = ""
    return g


GRAPHS = [plain, pool_before_norm, pool_behind_norm, pool_of_trits, binary_with_border, input_of_8_bits, shifted_input,
          scales_of_weights, channels_last, average_of_trits, rectangles, same_padding, padded_pools,
          pools_that_hang_over, dilated_pool, same_pools, binary_with_a_border_by_sides]


def pictures(count=60, shape=(8, 8, 3)):
    return np.random.default_rng(5).integers(0, 256, (count, *shape), np.uint8)


def both(file, images):
    """(logits of the imported network as real numbers, logits of the `qonnx` package, the check)."""
    check = read_network(file)
    assert not check.refused, check.refused
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=check.network.outputs[:1])
    integers = found[check.network.outputs[0]].reshape(len(images), -1)
    real = execute(file, (images / 255).transpose(0, 3, 1, 2))
    return integers * check.logits.unit + check.logits.offset, real, check


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
@pytest.mark.parametrize("seed", range(2))
def test_import_equals_executor(graph, seed, tmp_path):
    file = graph(Graph(3, 8, 8, seed=seed)).save(tmp_path / "net.onnx")
    found, real, check = both(file, pictures())
    assert np.ptp(real) > 0
    np.testing.assert_allclose(found, real, rtol=1e-5, atol=1e-4 + check.logits.error)


def test_softmax_at_the_end_is_dropped(tmp_path):
    file = unnamed_and_normalised(Graph(3, 8, 8)).save(tmp_path / "net.onnx")
    found, real, check = both(file, pictures())
    assert (found.argmax(axis=1) == real.argmax(axis=1)).all()
    assert any("Softmax" in note and "dropped" in note for note in check.notes)


def test_eight_bit_activations_are_close(tmp_path):
    g = Graph(3, 8, 8).conv(8, bits=8, scale=0.1).batch_norm(2).op("Relu").quant(8, 0.02, signed=0)
    file = tail(g.conv(6).batch_norm(2).quant(8, 0.03), 6 * 16).save(tmp_path / "net.onnx")
    found, real, check = both(file, pictures())
    assert np.abs(found - real).max() < 0.03 * np.ptp(real)
    kinds = [node.kind for node in check.network.nodes]
    assert kinds == ["conv", "requantize", "conv", "requantize", "flatten", "dense"]


@pytest.mark.parametrize("exact", [True, False])
def test_shortcut(exact, tmp_path):
    g = Graph(3, 8, 8).conv(8, padding=1, bits=8, scale=0.1).batch_norm(2)
    if exact:
        g.quant(8, 0.02)
    here = g.x
    g.ternary().conv(8, padding=1).batch_norm()
    if exact:
        g.quant(8, 0.02)
    g.op("Add", here).batch_norm(0.3).ternary()
    file = tail(g, 8 * 64).save(tmp_path / "net.onnx")
    found, real, check = both(file, pictures())
    assert np.corrcoef(found.ravel(), real.ravel())[0, 1] > 0.99
    add = next(node for node in check.network.nodes if node.kind == "add")
    assert add.attrs["width"] == (9 if exact else 17)


def test_top_k_becomes_an_output(tmp_path):
    g = tail(Graph(3, 8, 8).conv(8).batch_norm(20).ternary(), 8 * 36)
    logits, count = g.x, g.array([2], np.int64)
    g.op("TopK", count, axis=1)
    g.nodes[-1].output.append("indices")
    check = read_network(g.save(tmp_path / "net.onnx", [logits, "indices"]))
    assert check.network.outputs == ("MatMul_7", "TopK_8") and check.network.types["TopK_8"].shape == (1, 1, 2)


def test_constant_offset_of_classes_keeps_order(tmp_path):
    g = tail(Graph(3, 8, 8).conv(8).batch_norm(20).ternary(), 8 * 36)
    file = g.op("Mul", g.array([[1.0, -2.0, 0.5, 1.0, 3.0]])).op("Add", g.array([[0.1, 0, 2.3, 7, -1]])).save(
        tmp_path / "net.onnx")
    found, real, check = both(file, pictures())
    np.testing.assert_allclose(found, real, rtol=0, atol=check.logits.error + 1e-4)
    assert (found.argmax(axis=1) == real.argmax(axis=1)).all() and check.network.nodes[-1].kind == "requantize"


def test_flat_input_is_a_row_of_pixels(tmp_path):
    file = Graph(36).ternary(0.5).matmul(36, 12).batch_norm().binary().matmul(12, 5).save(tmp_path / "net.onnx")
    check, images = read_network(file), pictures(shape=(1, 36, 1))
    assert check.network.input.shape == (1, 36, 1)
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8))[check.network.outputs[0]]
    np.testing.assert_array_equal(found.reshape(len(images), -1), execute(file, images.reshape(-1, 36) / 255))


@pytest.mark.parametrize("pixels, scale, edge", [("byte", 200.0, 101 - 128), ("signed", 200.0, 101),
                                                 ("unit", 0.5, 64 - 128)])
def test_meaning_of_pixels(pixels, scale, edge, tmp_path):
    file = tail(Graph(1, 2, 2).ternary(scale), 4).save(tmp_path / "net.onnx")
    assert read_network(file, pixels).network.nodes[0].arrays["hi"].tolist() == [edge]


def test_a_window_behind_the_picture_is_left_out(tmp_path):
    """With `ceil_mode`, as onnxruntime does it; the rule of ONNX's own shape inference would keep it."""
    g = Graph(3, 8, 8).conv(6).batch_norm(10).ternary()
    g.op("MaxPool", kernel_shape=[1, 1], strides=[7, 5], ceil_mode=1, name="pool")  # rows 0 and 7 of 6, columns 0 and 5
    check = read_network(tail(g, 6 * 2).save(tmp_path / "net.onnx"))
    assert check.network is not None and check.network.types["pool"].shape == (1, 2, 6)


def random_window(random, height, width, most_dilation):
    """Attributes of a window that fits: kernel 1 to 7, stride 1 to 4 and padding by direction and side."""
    kernel, pads, dilations = [], [], []
    for size in (height, width):
        dilations.append(int(random.integers(1, most_dilation + 1)))
        while True:
            kernel_size, before, after = (int(value) for value in random.integers((1, 0, 0), (8, 4, 4)))
            extent = (kernel_size - 1) * dilations[-1] + 1
            if max(before, after) < min(extent, kernel_size) and extent <= size + before + after:
                break
        kernel.append(kernel_size)
        pads.append((before, after))
    strides = [int(value) for value in random.integers(1, 5, 2)]
    sides = [pads[0][0], pads[1][0], pads[0][1], pads[1][1]]
    shape = [(size + sum(pad) - (k - 1) * d - 1) // s + 1
             for size, pad, k, d, s in zip((height, width), pads, kernel, dilations, strides, strict=True)]
    return {"kernel_shape": kernel, "strides": strides, "pads": sides, "dilations": dilations}, shape


def window(attributes):
    return Window(*(tuple(attributes[key]) for key in ("kernel_shape", "strides", "pads", "dilations")))


@pytest.mark.parametrize("seed", range(24))
def test_random_windows_equal_the_executor(seed, tmp_path):
    """A convolution of any windows, then a pool of any, of trits."""
    random = np.random.default_rng(seed)
    conv, size = random_window(random, 8, 8, 3)
    pool, last = random_window(random, *size, 3 if seed % 2 else 1)
    while not always_inside(window(pool), *size):
        pool, last = random_window(random, *size, 3)
    g = Graph(3, 8, 8, seed=seed)
    g.conv(4, conv["kernel_shape"], conv["pads"], strides=conv["strides"], dilations=conv["dilations"])
    g.batch_norm(10).ternary()
    if seed % 2:
        g.op("MaxPool", **pool)
    else:
        del pool["dilations"]
        g.op("AveragePool", count_include_pad=1, **pool)
    found, want, _ = both(tail(g, 4 * last[0] * last[1]).save(tmp_path / "net.onnx"), pictures())
    np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-3)
