"""Graphs that cannot be imported. All refusals come at once, with a sentence a node, exit code 1 and no traceback."""

import re
import subprocess
import sys

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from quantize.qonnx.__main__ import main  # noqa: E402
from quantize.qonnx.graph import QonnxError  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402


def good(seed=0):
    g = Graph(3, 8, 8, seed=seed).conv(8, padding=1).batch_norm(20).ternary().conv(6).batch_norm().ternary()
    return g.op("Flatten").matmul(6 * 36, 5)


def refused(graph, path):
    check = read_network(graph.save(path / "net.onnx"))
    assert check.network is None
    assert len(check.verdicts) >= len(graph.nodes), "every node should be judged"
    return {verdict.name: verdict.note for verdict in check.refused}


def test_all_at_once(tmp_path, capsys):
    g = Graph(3, 8, 8).conv(8, bits=9).batch_norm(20).op("Softmax", axis=1, name="inside").conv(6, bits=9)
    g.ternary().op("Sigmoid").conv(4, group=2, dilations=[2, 2])
    g.quant(25, 0.1).op("Flatten").matmul(6 * 36, 5, bits=9)
    found = refused(g, tmp_path)
    assert set(found) == {"Quant_0", "inside", "Quant_4", "Sigmoid_7", "Conv_9", "Quant_10", "Quant_12"}
    assert found["Quant_0"] == "weights must have at most 8 bits, not 9; use BipolarQuant, or a bit width of 8"
    assert found["inside"] == "Softmax has no engine; remove it, or let it be the graph's last node"
    assert found["Quant_10"] == "activations must have at most 24 bits, not 25"
    assert main(["import", str(tmp_path / "net.onnx"), "-o", str(tmp_path / "out.safetensors")]) == 1
    printed = capsys.readouterr()
    assert all(re.search(rf"^refused +\S+ {name} ", printed.out, re.M) for name in found)
    assert printed.err.endswith("net.onnx: 7 of 15 nodes are refused\n") and "Traceback" not in printed.err
    assert not (tmp_path / "out.safetensors").exists()


def test_dynamic_shape(tmp_path):
    model = onnx.load(good().save(tmp_path / "net.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "n"
    onnx.save(model, tmp_path / "net.onnx")
    (verdict,) = read_network(tmp_path / "net.onnx").refused
    assert verdict.type == "input"
    assert verdict.note.endswith("must be fixed; export with a fixed shape and a batch of 1")


def test_external_data(tmp_path):
    model = onnx.load(good().save(tmp_path / "net.onnx"))
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=100)
    assert read_network(tmp_path / "net.onnx").network is not None
    (tmp_path / "net.data").unlink()
    check = read_network(tmp_path / "net.onnx")
    assert len(check.refused) >= 3 and {verdict.type for verdict in check.refused} == {"initializer"}
    assert all("'net.data' must lie beside the model" in verdict.note for verdict in check.refused)


def test_cut_file_anywhere(tmp_path):
    whole = good().save(tmp_path / "net.onnx").read_bytes()
    for size in (0, 1, 17, len(whole) // 3, len(whole) // 2, len(whole) - 40, len(whole) - 1):
        (tmp_path / "cut.onnx").write_bytes(whole[:size])
        try:
            assert read_network(tmp_path / "cut.onnx").network is None
        except QonnxError as error:
            assert re.match(r".*cut\.onnx: (is not a whole ONNX file|holds no graph)", str(error))


def test_damaged_bytes_never_raise_anything_else(tmp_path):
    whole, random = good().save(tmp_path / "net.onnx").read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        damaged = np.frombuffer(whole, np.uint8).copy()
        damaged[random.integers(0, len(whole), 3)] = random.integers(0, 256, 3)
        (tmp_path / "net.onnx").write_bytes(damaged.tobytes())
        try:
            check = read_network(tmp_path / "net.onnx")
            assert (check.network is None) == bool(check.refused)
        except QonnxError as error:
            assert str(error).startswith(str(tmp_path / "net.onnx: "))


@pytest.mark.parametrize("data", [b"", b"no protobuf at all", b"\x00" * 100, bytes(range(256))])
def test_no_onnx_file(data, tmp_path, capsys):
    (tmp_path / "net.onnx").write_bytes(data)
    assert main(["check", str(tmp_path / "net.onnx")]) == 1
    assert main(["check", str(tmp_path / "none.onnx")]) == 1
    assert capsys.readouterr().err.splitlines()[1] == f"error: {tmp_path / 'none.onnx'}: no such file"


CASES = [
    (lambda g: g.quant(1, signed=0), "a 1-bit activation must be -1 or +1; use BipolarQuant"),
    (lambda g: g.ternary(mode="FLOOR"), "a ternary activation must round to nearest, not FLOOR"),
    (lambda g: g.ternary(-1.0), "its scale must be positive and finite, not -1"),
    (lambda g: g.ternary(mode="SOMEHOW"), "its rounding mode must be one of ROUND, HALF_EVEN, HALF_DOWN, HALF_UP, "
                                          "DOWN, UP, FLOOR, CEIL, not 'SOMEHOW'"),
    (lambda g: g.conv(4), "its input is not quantised; put a Quant (2 bits narrow, or 8 bits) before it"),
    (lambda g: g.op("Mul", "t1"), "Mul of two activations has no engine; only Add of two is a shortcut"),
    (lambda g: g.op("MaxPool", kernel_shape=[2]),
     "kernel [2], strides [1, 1] and dilations [1, 1] must be two positive numbers each: it must work on height and "
     "width"),
    (lambda g: g.op("MaxPool", kernel_shape=[2, 0]),
     "kernel [2, 0], strides [1, 1] and dilations [1, 1] must be two positive numbers each: it must work on height and "
     "width"),
    (lambda g: g.op("MaxPool", kernel_shape=[2, 2], pads=[0, 0, 2, 0]), "padding 2 must be less than kernel 2"),
    (lambda g: g.op("MaxPool", kernel_shape=[2, 2], pads=[0, -1, 0, 0]),
     "its pads [0, -1, 0, 0] must be four numbers of at least 0, and auto_pad NOTSET one of NOTSET, VALID, SAME_UPPER "
     "and SAME_LOWER"),
    (lambda g: g.ternary().conv(4, [3, 2], padding=None, auto_pad="SAME"),
     "its pads [0, 0, 0, 0] must be four numbers of at least 0, and auto_pad SAME one of NOTSET, VALID, SAME_UPPER "
     "and SAME_LOWER"),
    (lambda g: g.op("Conv", g.array(np.linspace(0, 1, 72).reshape(1, 8, 3, 3))),
     "its weights are not quantised; put a BipolarQuant, or a Quant of 8 bits, on them"),
    (lambda g: g.op("Transpose", perm=[0, 3, 1, 2]),
     "it must turn (n, c, h, w) into (n, h, w, c) or back, not into (n, w, c, h)"),
    (lambda g: g.op("Reshape", g.array([2, -1], np.int64)), "it must flatten to (1, 288), not to (2, 144)"),
    (lambda g: g.op("Add", g.array(np.arange(36).reshape(6, 6))),
     "the constant must be one number, or one for each channel, not one for each pixel"),
    (lambda g: g.op("Mul", g.array(np.nan)), "its constant 'a6' must be finite numbers"),
    (lambda g: g.op("Div", g.array(0)), "it must divide an activation by a constant other than 0"),
]


@pytest.mark.parametrize("change, sentence", CASES)
def test_sentences(change, sentence, tmp_path):
    g = change(Graph(3, 8, 8).conv(8).batch_norm(20))
    g.channels = 5
    found = refused(g, tmp_path)
    assert list(found.values()) == [sentence] and list(found) == [g.nodes[-1].name]


def test_malformed_nodes(tmp_path):
    g = Graph(3, 8, 8).conv(8)
    for kind in ("BatchNormalization", "Reshape", "MatMul", "Add", "Pad", "TopK", "Squeeze", "Gemm", "Conv"):
        g.op(kind)
    g.op("Relu", x="nowhere").op("Quant", domain="onnx.brevitas").op("Quant")
    check = read_network(g.save(tmp_path / "net.onnx"))
    assert check.network is None and len(check.refused) >= 10
    notes = {verdict.type: verdict.note for verdict in check.refused}
    assert notes["Relu"] == "no node makes its input 'nowhere', or it depends on itself; export the model again"


def test_two_inputs(tmp_path):
    model = onnx.load(good().save(tmp_path / "net.onnx"))
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, (1, 3)))
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(QonnxError, match="must have one input and at least one output, not 2 and 1$"):
        read_network(tmp_path / "net.onnx")


def test_build_refuses_with_the_list(tmp_path):
    g = Graph(3, 8, 8).conv(8, bits=9).op("Softmax", axis=1, name="inside").conv(6).op("Tanh")
    g.save(tmp_path / "net.onnx")
    done = subprocess.run([sys.executable, "-m", "tbn_hw.build", "--model", tmp_path / "net.onnx"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(name in done.stderr for name in ("Quant_0", "inside", "Tanh_5")) and "3 of 6 nodes" in done.stderr
