"""Exported networks. The `qonnx` package computes the same integers, and an import gives the same network again."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from onnx import helper  # noqa: E402
from qonnx.core.onnx_exec import execute_onnx  # noqa: E402
from support.networks import shapes  # noqa: E402
from support.qonnx_reference import execute  # noqa: E402

from quantize.network import Network, Node, TensorType  # noqa: E402
from quantize.nodes import infer  # noqa: E402
from quantize.nodes.window import Window  # noqa: E402
from quantize.qonnx import exporter  # noqa: E402
from quantize.qonnx.__main__ import main  # noqa: E402
from quantize.qonnx.exporter import write_network  # noqa: E402
from quantize.qonnx.graph import QonnxError  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402
from quantize.rom import weight_bits  # noqa: E402
from quantize.zoo import find_weights, model_names  # noqa: E402
from sim.golden import run  # noqa: E402

CONV = "conv: {channels: 8, kernel: 3, padding: 1, weights: binary}"
BODY = "[batch_norm, ternary, {conv: {kernel: 3, padding: 1, weights: binary}}]"
MODELS = {
    "trits averaged": f"{CONV}\nbatch_norm\nternary\navg_pool: {{kernel: 3}}\nflatten\n"
                      "dense: {units: 5, weights: binary}",
    "binary": f"{CONV}\nmax_pool: {{kernel: 2}}\nbatch_norm\nbinary\n{CONV}\nbatch_norm\nrelu\nbinary\n"
              "max_pool: {kernel: 2}\nflatten\ndense: {units: 5, weights: binary}",
    "8 bits": "conv: {channels: 7, kernel: 3, stride: 2, weights: int8}\nbatch_norm\nint8\n"
              "conv: {channels: 6, kernel: 2, weights: binary}\nbatch_norm\nrelu\nint8\nflatten\n"
              "dense: {units: 9, weights: int8}\nbatch_norm\nternary\ndense: {units: 5, weights: int8}",
    "shortcut": "conv: {channels: 8, kernel: 3, padding: 1, weights: int8}\nbatch_norm\nfixed: {width: 16}\n"
                f"residual: {{channels: 8, body: {BODY}}}\nresidual: {{channels: 13, stride: 2, body: {BODY}}}\n"
                "batch_norm\nternary\nmax_pool: {kernel: 2}\nflatten\ndense: {units: 5, weights: binary}",
}


def golden(network, images):
    found = run(network, (images.astype(np.int16) - 128).astype(np.int8), keep=network.outputs[:1])
    return found[network.outputs[0]].reshape(len(images), -1)


def round_trip(network, folder, count, pixels="uint8"):
    """Export a network, execute the file, import it, and return the imported network."""
    file = folder / f"{network.name}.onnx"
    write_network(network, file, pixels)
    images = np.random.default_rng(3).integers(0, 256, (count, *network.input.shape), np.uint8)
    want = golden(network, images)
    assert np.ptp(want) > 0
    np.testing.assert_array_equal(execute(file, images.transpose(0, 3, 1, 2) - (128.0 if pixels == "int8" else 0), 50),
                                  want)
    check = read_network(file)
    assert not check.refused and check.logits.unit == 1 and check.logits.offset == 0 and check.logits.error == 0
    np.testing.assert_array_equal(golden(check.network, images), want)
    return check.network


@pytest.mark.slow
@pytest.mark.parametrize("name", model_names())
def test_zoo_round_trip(name, tmp_path):
    """Compare every array of every node, and the logits of 1,000 random pictures."""
    weights = find_weights(name)
    if weights is None:
        pytest.skip(f"{name} is not trained yet")
    network = Network.load(weights)
    again = round_trip(network, tmp_path, 1000)
    assert (again.name, again.classes, again.outputs) == (network.name, network.classes, network.outputs)
    assert [node.name for node in again.nodes] == [node.name for node in network.nodes]
    for old, new in zip(network.nodes, again.nodes, strict=True):
        assert (old.kind, old.inputs) == (new.kind, new.inputs)
        if old.kind == "requantize":  # an import may give a smaller shift
            continue
        for key, (least, most) in ends(again, new).items():  # a crossing outside the tensor's range moves to its end
            want = old.arrays[key].clip(least, most)
            np.testing.assert_array_equal(want, new.arrays[key], err_msg=f"{old.name}: {key}")


def ends(network, node):
    """The least and the largest number that matters in each array that decides a node's outputs."""
    kind = network.types[node.inputs[0]]
    every = {"weights": (-128, 127), "hi": (kind.lo, kind.hi + 1), "lo": (kind.lo - 1, kind.hi)}
    return {key: limits for key, limits in every.items() if key in node.arrays}


@pytest.mark.parametrize("pixels", ["uint8", "int8"])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", MODELS)
def test_kinds_round_trip(name, seed, pixels, random_model, tmp_path):
    from quantize.export import export

    network = export(random_model(MODELS[name], seed))
    again = round_trip(network, tmp_path, 100, pixels)
    assert {node.kind for node in again.nodes} == {node.kind for node in network.nodes}


@pytest.mark.parametrize("pixels", ["uint8", "int8"])
@pytest.mark.parametrize("seed", range(2))
def test_windows_round_trip(seed, pixels, tmp_path):
    """Rectangles, strides, dilation and padding by side, of convolutions and pools, come back as they were."""
    network = shapes(seed)
    again = round_trip(network, tmp_path, 100, pixels)
    want, got = ([(node.kind, Window.of(node).trimmed(*network.types[node.inputs[0]].shape[:2])) for node in net.nodes
                  if "kernel" in node.attrs] for net in (network, again))
    assert got == want


@pytest.mark.parametrize(("kind", "attrs", "sentence"), [
    ("max_pool", {"kernel": 2, "dilation": 3, "padding": 2},
     "pool: padding (2, 2, 2, 2) of a pool must be less than its kernel (2, 2) in QONNX"),
    ("avg_pool", {"kernel": 2, "dilation": 2}, "pool: QONNX has no dilated average pool")])
def test_pools_without_a_form(kind, attrs, sentence, tmp_path):
    x = TensorType((5, 5, 1), "int", -128, 127)
    pool = Node(kind, "pool", ("input",), {"stride": 1, **attrs})
    size = infer(pool, [x]).size
    network = Network("n", x, (pool, Node("flatten", "flat", ("pool",)), Node(
        "dense", "d", ("flat",), {"weights": "int8"}, {"weights": np.ones((2, size), np.int8)})), ("d",))
    with pytest.raises(QonnxError) as error:
        write_network(network, tmp_path / "n.onnx")
    assert str(error.value) == f"n: {sentence}"


@pytest.mark.parametrize("name", MODELS)
def test_exports_say_what_other_readers_ask_for(name, random_model, tmp_path):
    """Attributes whose defaults FINN does not know; factors of channels as BatchNormalization; a ReLU's own range."""
    from quantize.export import export

    network = export(random_model(MODELS[name]))
    write_network(network, tmp_path / "net.onnx", "int8")
    graph = onnx.load(tmp_path / "net.onnx").graph
    makers = {node.output[0]: node for node in graph.node}
    assert [node.op_type for node in graph.node if graph.input[0].name in node.input] == ["Conv"]
    for node in graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            assert {"group", "dilations", "pads", "strides", "kernel_shape"} <= set(attributes)
        if node.op_type in ("MaxPool", "AveragePool"):
            assert {"pads", "ceil_mode", "strides", "kernel_shape"} <= set(attributes)
        if node.op_type == "Quant" and node.input[0] in makers and makers[node.input[0]].op_type == "Relu":
            assert attributes["signed"] == 0
        if network.by_name.get(node.name) is not None and network.by_name[node.name].kind == "threshold":
            assert makers[node.input[0]].op_type == "BatchNormalization"


@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_a_bias_is_said_to_be_of_integers(kind, tmp_path):
    """Else FINN takes the sums for real numbers, and leaves a TopK behind them to the host."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.extract_conv_bias import ExtractBiasFromConv
    from qonnx.transformation.infer_datatypes import InferDataTypes
    from qonnx.util.cleanup import cleanup_model

    attributes = {"kernel": 2, "stride": 1, "padding": 0} if kind == "conv" else {}
    weights = np.random.default_rng(0).integers(-128, 128, (3, 2, 2, 1) if attributes else (3, 4)).astype(np.int8)
    arrays = {"weights": weights, "bias": np.array([0, 1, -70000], np.int32)}
    nodes = (*(() if attributes else (Node("flatten", "f", ("input",)),)),
             Node(kind, "d", ("input" if attributes else "f",), {"weights": "int8", **attributes}, arrays))
    network = Network("bias", TensorType((2, 2, 1), "int", -128, 127), nodes, ("d",))
    write_network(network, tmp_path / "net.onnx", "int8")
    model = cleanup_model(ModelWrapper(str(tmp_path / "net.onnx")), preserve_qnt_ops=False)
    model = model.transform(ExtractBiasFromConv()).transform(InferDataTypes())
    bias, = (model.get_tensor_datatype(node.input[1]) for node in model.graph.node if node.op_type == "Add")
    assert bias.is_integer() and bias.allowed(-70000) and bias.allowed(1)


def test_an_export_of_the_logits_alone(tmp_path, capsys):
    file = tmp_path / "net.onnx"
    assert main(["export", "tbn_digits", "-o", str(file), "--input", "int8", "--logits"]) == 0
    assert capsys.readouterr().out == f"{file}: 8 nodes\n"
    graph = onnx.load(file).graph
    assert len(graph.output) == 1 and "TopK" not in {node.op_type for node in graph.node}
    network = Network.load(find_weights("tbn_digits"))
    images = np.random.default_rng(3).integers(0, 256, (20, *network.input.shape), np.uint8)
    np.testing.assert_array_equal(execute(file, images.transpose(0, 3, 1, 2) - 128.0), golden(network, images))


def test_an_export_turns_to_channels_last(random_model, tmp_path):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
    from qonnx.util.cleanup import cleanup_model

    from quantize.export import export

    network = export(random_model(MODELS["binary"]))
    write_network(network, tmp_path / "net.onnx", "int8")
    model = cleanup_model(ModelWrapper(str(tmp_path / "net.onnx")))
    model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    model.save(str(tmp_path / "last.onnx"))
    images = np.random.default_rng(3).integers(0, 256, (20, *network.input.shape), np.uint8)
    found = [execute_onnx(model, {model.graph.input[0].name: image[None].astype(np.float32) - 128})[
        model.graph.output[0].name].ravel() for image in images]
    np.testing.assert_array_equal(found, golden(network, images))


def test_thresholds_out_of_range_and_without_a_zero(tmp_path):
    weights = np.random.default_rng(0).choice([-1, 1], (6, 3, 3, 1)).astype(np.int8)
    far = 2**31 - 1
    hi = np.array([1, -far, far, far, 3, -8], np.int32)
    lo = np.array([0, -far - 1, -far - 1, far - 1, -3, -9], np.int32)
    nodes = (
        Node("conv", "c", ("input",), {"kernel": 3, "stride": 1, "padding": 0, "weights": "binary"},
             {"weights": weights}),
        Node("threshold", "t", ("c",), {"levels": "ternary"}, {"hi": hi, "lo": lo}),
        Node("flatten", "f", ("t",)),
        Node("dense", "d", ("f",), {"weights": "int8"},
             {"weights": np.arange(-54, 54).reshape(2, 54).astype(np.int8), "bias": np.array([3, -70000], np.int32)}),
    )
    network = Network("edges", TensorType((5, 5, 1), "int", -128, 127), nodes, ("d",))
    again = round_trip(network, tmp_path, 200)
    assert again.by_name["d"].arrays["bias"].tolist() == [3, -70000]


@pytest.mark.parametrize(("lo", "hi"), [
    (-2, 1), (-1, 1), (0, 1), (-1, 0), (0, 2), (0, 3), (-3, 3), (-4, 3), (0, 14), (0, 15), (-64, 63), (0, 127),
    (0, 255), (-5, 9), (3, 7), (-9, -4)])
def test_any_range_round_trip(lo, hi, tmp_path):
    """Weights and activations of few bits come back in the same width."""
    rng = np.random.default_rng(hi - lo)
    mult, bias = rng.integers(-40, 40, 3).astype(np.int16) * 16, rng.integers(-900, 900, 3).astype(np.int32)
    nodes = (
        Node("conv", "c", ("input",), {"kernel": 3, "stride": 1, "padding": 0, "weights": "int8"},
             {"weights": rng.integers(-2, 2, (3, 3, 3, 1)).astype(np.int8)}),
        Node("requantize", "r", ("c",), {"shift": 10, "lo": lo, "hi": hi}, {"mult": mult, "bias": bias}),
        Node("flatten", "f", ("r",)),
        Node("dense", "d", ("f",), {"weights": "int8"}, {"weights": rng.integers(-4, 4, (4, 27)).astype(np.int8)}),
    )
    network = Network("few", TensorType((5, 5, 1), "int", -128, 127), nodes, ("d",))
    again = round_trip(network, tmp_path, 100)
    assert (again.types["r"].lo, again.types["r"].hi) == (lo, hi) and again.by_name["r"].kind == "requantize"
    assert [weight_bits(again.by_name[name]) for name in "cd"] == [2, 3]


def test_a_shortcut_of_few_bits_round_trip(tmp_path):
    """A sum saturates to the width of its own, however small that is."""
    rng = np.random.default_rng(2)
    ends = {"shift": 9, "lo": -8, "hi": 7}
    arrays = {"mult": np.array([20, 30], np.int16), "bias": np.zeros(2, np.int32)}
    nodes = (
        *(node for name in "ab" for node in (
            Node("conv", f"c{name}", ("input",), {"kernel": 1, "stride": 1, "padding": 0, "weights": "int8"},
                 {"weights": rng.integers(-8, 8, (2, 1, 1, 1)).astype(np.int8)}),
            Node("requantize", name, (f"c{name}",), ends, arrays))),
        Node("add", "s", ("a", "b"), {"width": 4}),
        Node("flatten", "f", ("s",)),
        Node("dense", "d", ("f",), {"weights": "int8"}, {"weights": rng.integers(-4, 4, (4, 32)).astype(np.int8)}),
    )
    network = Network("sum", TensorType((4, 4, 1), "int", -128, 127), nodes, ("d",))
    again = round_trip(network, tmp_path, 100)
    assert (again.types["s"].lo, again.types["s"].hi) == (-8, 7)


def test_command_line(tmp_path, capsys):
    file = tmp_path / "tbn_digits.onnx"
    assert main(["export", "tbn_digits", "-o", str(file)]) == 0
    assert main(["check", str(file)]) == 0
    assert main(["import", str(file), "-o", str(tmp_path / "again.safetensors")]) == 0
    assert Network.load(tmp_path / "again.safetensors").classes == tuple("0123456789")
    assert main(["export", "tbn_digits", "-o", str(tmp_path / "int8.onnx"), "--input", "int8"]) == 0
    assert main(["import", str(tmp_path / "int8.onnx"), "-o", str(tmp_path / "int8.safetensors")]) == 0
    assert "note: input: a pixel is read as byte - 128\n" in capsys.readouterr().out
    first, second = (Network.load(tmp_path / f"{name}.safetensors") for name in ("again", "int8"))
    assert [node.name for node in first.nodes] == [node.name for node in second.nodes]
    assert main(["export", str(tmp_path / "none.safetensors"), "-o", str(file)]) == 1
    assert main(["export", "tbn_digits", "-o", str(tmp_path / "no" / "file.onnx")]) == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2 and "none.safetensors" in errors[0] and "No such file" in errors[1]


def test_a_kind_without_a_form(monkeypatch, tmp_path):
    """As a new kind is that nobody has written for the exporter yet. One sentence says so, and no file is left."""
    network = Network.load(find_weights("tbn_digits"))
    monkeypatch.delitem(exporter.KINDS, "conv")
    with pytest.raises(QonnxError, match=r"^tbn_digits: layers\[0\]\.conv: QONNX has no form for the kind 'conv'; "
                                         "the kinds with one are add, avg_pool, dense, .*, top_k$"):
        write_network(network, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []
