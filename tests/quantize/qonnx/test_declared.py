"""What a file says of its input is honoured, or refused by name: type, annotation, order of axes, batch."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from onnx import TensorProto  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402
from sim.golden import run  # noqa: E402

BYTES = np.random.default_rng(2).integers(0, 256, (32, 6, 6, 3), np.uint8)


def logits(file, images, pixels=None):
    check = read_network(file, pixels)
    assert not check.refused, check.refused
    found = run(check.network, (images.astype(np.int16) - 128).astype(np.int8), keep=check.network.outputs[:1])
    return found[check.network.outputs[0]].reshape(len(images), -1) * check.logits.unit + check.logits.offset


def scaled(graph, by):
    """A ternary network of pixels that the graph itself divides by `by`."""
    if graph.type != TensorProto.FLOAT:
        graph.op("Cast", to=TensorProto.FLOAT)
    graph.op("Div", graph.array(by)).conv(8).ternary(0.7).conv(5).ternary(2.0)
    return graph.op("Flatten").matmul(5 * 4, 4)


@pytest.mark.parametrize("type, annotation, offset", [
    (TensorProto.UINT8, None, 0), (TensorProto.INT8, None, 128), (TensorProto.FLOAT, "UINT8", 0),
    (TensorProto.FLOAT, "INT8", 128), (TensorProto.UINT8, "UINT8", 0), (TensorProto.DOUBLE, "UINT8", 0),
])
def test_types_and_annotations(type, annotation, offset, tmp_path):
    """32 of 32 frames had other logits when a tensor of bytes was read as byte / 255."""
    g = Graph(3, 6, 6, type=type, annotation=annotation)
    file = scaled(g, 255.0 if not offset else 128.0).save(tmp_path / "net.onnx")
    real = execute(file, BYTES.transpose(0, 3, 1, 2).astype(np.int16) - offset)
    assert np.ptp(real) > 0
    np.testing.assert_array_equal(logits(file, BYTES), real)
    assert read_network(file).notes[0] == f"input: a pixel is read as byte{' - 128' if offset else ''}"


def test_no_declaration_is_a_byte_by_255(tmp_path):
    for annotation in (None, "FLOAT32"):
        file = scaled(Graph(3, 6, 6, annotation=annotation), 1.0).save(tmp_path / "net.onnx")
        np.testing.assert_array_equal(logits(file, BYTES), execute(file, BYTES.transpose(0, 3, 1, 2) / 255))


@pytest.mark.parametrize("annotation", ["BIPOLAR", "BINARY", "INT2", "UINT4", "INT16", "SCALEDINT<8>", "FIXED<8,4>"])
def test_other_annotations_are_refused_by_name(annotation, tmp_path):
    file = scaled(Graph(3, 6, 6, annotation=annotation), 1.0).save(tmp_path / "net.onnx")
    (verdict,) = read_network(file).refused
    assert (verdict.name, verdict.type) == ("in", "input")
    assert verdict.note == (f"it is annotated {annotation}, where an accelerator reads bytes; annotate it UINT8 or "
                            "INT8, and let a Mul behind it scale them")


@pytest.mark.parametrize("annotation, offset", [("UINT4", 0), ("INT2", 128), ("BIPOLAR", 128)])
def test_the_advice_on_annotations(annotation, offset, tmp_path):
    """The same graph, annotated as advised, computes the same of the values that the annotation allowed."""
    values = {"UINT4": np.arange(16), "INT2": np.arange(-2, 2), "BIPOLAR": np.array([-1, 1])}[annotation]
    x = np.random.default_rng(0).choice(values, (32, 6, 6, 3))
    before = scaled(Graph(3, 6, 6, annotation=annotation), 4.0).save(tmp_path / "before.onnx")
    after = scaled(Graph(3, 6, 6, annotation="INT8" if offset else "UINT8"), 4.0).save(tmp_path / "after.onnx")
    real = execute(before, x.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(logits(after, (x + offset).astype(np.uint8)), real)


@pytest.mark.parametrize("type", [TensorProto.FLOAT16, TensorProto.INT32, TensorProto.UINT16, TensorProto.BOOL,
                                  TensorProto.STRING, TensorProto.BFLOAT16])
def test_other_types_are_refused_by_name(type, tmp_path):
    file = scaled(Graph(3, 6, 6, type=type), 1.0).save(tmp_path / "net.onnx")
    (verdict,) = read_network(file).refused
    name = TensorProto.DataType.Name(type).lower()
    assert verdict.note == f"its type must be float, double, uint8 or int8, not {name}; export the model in float32"


def test_declarations_that_contradict(tmp_path):
    file = scaled(Graph(3, 6, 6, type=TensorProto.UINT8, annotation="INT8"), 1.0).save(tmp_path / "net.onnx")
    assert [verdict.note for verdict in read_network(file).refused] == [
        "it is tensor(uint8) and annotated INT8; take one of them away"]
    file = scaled(Graph(3, 6, 6, type=TensorProto.UINT8), 1.0).save(tmp_path / "net.onnx")
    assert [verdict.note for verdict in read_network(file, "unit").refused] == [
        "it is declared tensor(uint8), so a pixel is byte to it; leave out --input unit"]
    assert not read_network(file, "byte").refused


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_behind_a_transpose(channels, tmp_path):
    g = Graph(7, 6, channels, type=TensorProto.UINT8).op("Cast", to=TensorProto.FLOAT)
    g.op("Sub", g.array(np.linspace(90, 130, channels))).op("Transpose", perm=[0, 3, 1, 2])
    g.channels = channels
    file = g.conv(8, scale=0.0137).ternary(0.5).op("Flatten").matmul(8 * 20, 4).save(tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (32, 7, 6, channels), np.uint8)
    assert read_network(file).network.input.shape == (7, 6, channels)
    np.testing.assert_array_equal(logits(file, images), execute(file, images))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_last_that_is_flattened(channels, tmp_path):
    """It was taken for 8 channels of 8 x `channels` pixels."""
    g = Graph(8, 8, channels, annotation="UINT8").op("Flatten").matmul(64 * channels, 9, scale=0.0137).ternary(0.5)
    file = g.matmul(9, 4).save(tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, channels), np.uint8)
    assert read_network(file).network.input.shape == (8, 8, channels)
    np.testing.assert_array_equal(logits(file, images), execute(file, images))


def test_channels_first_stays(tmp_path):
    """Convolutions read channels first, whatever the sizes look like. A square of three channels is three channels."""
    g = Graph(28, 6, 3)
    g.channels = 28
    file = g.conv(8).ternary().op("Flatten").matmul(8 * 4, 4).save(tmp_path / "net.onnx")
    assert read_network(file).network.input.shape == (6, 3, 28)
    g = Graph(3, 3, 3).ternary(0.4).op("Flatten").matmul(27, 4)
    assert read_network(g.save(tmp_path / "net.onnx")).network.input.shape == (3, 3, 3)


def test_a_flat_input_becomes_a_picture(tmp_path):
    g = Graph(64, annotation="UINT8")
    g.op("Div", g.array(255)).op("Reshape", g.array([1, 1, 8, 8], np.int64))
    g.channels = 1
    file = g.conv(8).ternary(0.5).op("Flatten").matmul(8 * 36, 4).save(tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 1), np.uint8)
    assert read_network(file).network.input.shape == (8, 8, 1)
    np.testing.assert_array_equal(logits(file, images), execute(file, images.reshape(32, 64)))


def test_a_dynamic_batch_is_one(tmp_path):
    """Three nodes were refused for it."""
    g = Graph(3, 6, 6)
    g.op("Shape").op("Gather", g.array(0, np.int64), axis=0).op("Unsqueeze", g.array([0], np.int64))
    g.op("Concat", g.array([-1], np.int64), axis=0)
    count, g.x = g.x, "in"
    g.ternary(0.4).op("Reshape", count).matmul(108, 4)
    file = g.save(tmp_path / "net.onnx")
    whole = read_network(file).network
    model = onnx.load(file)
    for symbol in ("batch", ""):
        dimension = model.graph.input[0].type.tensor_type.shape.dim[0]
        dimension.Clear()
        dimension.dim_param = symbol
        onnx.save(model, file)
        check = read_network(file)
        assert f"input: its batch of {symbol or '?'} is taken for 1" in check.notes
        assert [node.kind for node in check.network.nodes] == [node.kind for node in whole.nodes]
