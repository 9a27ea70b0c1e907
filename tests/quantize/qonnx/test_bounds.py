"""A graph cannot make its reader compute for ever, and one cause is said once."""

import json
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from quantize.qonnx.__main__ import main  # noqa: E402
from quantize.qonnx.graph import MOST_NODES, QonnxError  # noqa: E402
from quantize.qonnx.importer import read_network  # noqa: E402


def with_constant(make):
    """A good graph that adds to its logits what `make` computes from constants, reduced to one number."""
    g = Graph(3, 6, 6).conv(4).ternary().op("Flatten").matmul(64, 5)
    logits = g.x
    make(g)
    made = g.op("ReduceMax", x=g.x, keepdims=0).x
    g.x, g.channels = logits, 5
    return g.op("Add", made)


def doubled(g):
    g.x = g.array(np.ones(1 << 10))
    for _ in range(40):
        g.op("Concat", g.x, axis=0)


def many(g):
    """Every tensor is within its bound, all of them together are not."""
    g.x = g.array([1 << 23], np.int64)
    g.op("ConstantOfShape")
    for _ in range(100):
        g.op("Neg")


def endless(g):
    """A loop whose condition stays true."""
    infos = {name: helper.make_tensor_value_info(name, kind, ()) for name, kind in (
        ("i", TensorProto.INT64), ("c", TensorProto.BOOL), ("v", TensorProto.FLOAT), ("d", TensorProto.BOOL),
        ("w", TensorProto.FLOAT))}
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["v"], ["w"])],
                             "body", [infos[name] for name in "icv"], [infos[name] for name in "dw"])
    g.op("Loop", g.array(True, np.bool_), g.array(1.0), x="", body=body)


def pattern(g):
    """A search by pattern that takes time exponential in the text."""
    g.nodes.append(helper.make_node("Constant", [], ["text"], value=helper.make_tensor(
        "t", TensorProto.STRING, [1], [b"a" * 60 + b"!"])))
    g.op("RegexFullMatch", x="text", pattern="(a|a)*b").op("Cast", to=TensorProto.FLOAT)


HOSTILE = {
    "filled": lambda g: g.op("ConstantOfShape", x=g.array([1 << 31, 1 << 31], np.int64)),
    "expanded": lambda g: g.op("Expand", g.array([40000, 40000], np.int64), x=g.array(1.0)),
    "range": lambda g: g.op("Range", g.array(10**12, np.int64), g.array(1, np.int64), x=g.array(0, np.int64)),
    "outer sum": lambda g: g.op("Add", g.array(np.ones((1, 30000))), x=g.array(np.ones((30000, 1)))),
    "gathered": lambda g: g.op("Gather", g.array(np.zeros(1 << 14), np.int64), x=g.array(np.ones((2, 1 << 14)))),
    "tiled": lambda g: g.op("Tile", g.array([1 << 40], np.int64), x=g.array([1.0])),
    "padded": lambda g: g.op("Pad", g.array([0, 1 << 40], np.int64), x=g.array([1.0])),
    "multiplied": lambda g: g.op("MatMul", g.array(np.ones((1, 20000))), x=g.array(np.ones((20000, 1)))),
    "doubled": doubled, "many": many, "endless": endless, "pattern": pattern,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_constants_are_bounded_before_they_are_computed(name, tmp_path):
    file = with_constant(HOSTILE[name]).save(tmp_path / "net.onnx")
    assert file.stat().st_size < 400_000
    tracemalloc.start()
    start = time.monotonic()
    check = read_network(file)
    seconds, (_, peak) = time.monotonic() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(check.refused) == 1, check.refused
    assert seconds < 10 and peak < 1.5e9


@pytest.mark.parametrize("name, note", [
    ("filled", f"it would make {1 << 62} values of constants, where at most {1 << 24} are computed"),
    ("many", "the graph computes too much from constants; fold them with qonnx-cleanup"),
    ("multiplied", "MatMul of constants is not computed here; fold it with qonnx-cleanup"),
])
def test_sentences(name, note, tmp_path):
    (verdict,) = read_network(with_constant(HOSTILE[name]).save(tmp_path / "net.onnx")).refused
    assert verdict.note == note


def test_large_pictures_and_pads(tmp_path):
    (verdict,) = read_network(Graph(1, 100_000, 100_000).op("Flatten").save(tmp_path / "net.onnx")).refused
    assert verdict.note == f"it must hold at most {1 << 24} values, not {10**10}"
    g = Graph(3, 6, 6).op("Pad", "pads").conv(4)
    g.arrays["pads"] = np.array([0, 0, 50_000, 50_000] * 2, np.int64)
    assert len(read_network(g.op("Flatten").save(tmp_path / "net.onnx")).refused) == 1


def test_many_nodes(tmp_path):
    g = Graph(3, 6, 6)
    for _ in range(MOST_NODES + 1):
        g.op("Identity")
    with pytest.raises(QonnxError, match=rf"must have at most {MOST_NODES} nodes, not {MOST_NODES + 1}$"):
        read_network(g.save(tmp_path / "net.onnx"))


def good():
    g = Graph(3, 8, 8).conv(8, padding=1).batch_norm(20).ternary().conv(6).batch_norm().ternary()
    return g.op("Flatten").matmul(6 * 36, 5)


@pytest.mark.parametrize("nested", ["[" * 100_000 + "]" * 100_000, "[" * 100_000])
def test_deeply_nested_class_names_are_no_names(nested, tmp_path):
    model = onnx.load(good().save(tmp_path / "net.onnx"))
    helper.set_model_props(model, {"classes": nested})
    onnx.save(model, tmp_path / "net.onnx")
    assert read_network(tmp_path / "net.onnx").network.classes == tuple("01234")
    helper.set_model_props(model, {"classes": json.dumps(list("abcde"))})
    onnx.save(model, tmp_path / "net.onnx")
    assert read_network(tmp_path / "net.onnx").network.classes == tuple("abcde")


@pytest.mark.parametrize("seed", range(3))
def test_nodes_out_of_order_are_sorted(seed, tmp_path):
    g = good()
    want = read_network(g.save(tmp_path / "net.onnx")).network
    np.random.default_rng(seed).shuffle(g.nodes)
    found = read_network(g.save(tmp_path / "net.onnx")).network
    assert [node.name for node in found.nodes] == [node.name for node in want.nodes]
    want.save(tmp_path / "a"), found.save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_tensor_is_said_once(tmp_path):
    g = Graph(3, 8, 8)
    for _ in range(80):
        g.op("Add", "missing")
    assert [verdict.note for verdict in read_network(g.save(tmp_path / "net.onnx")).refused] == [
        "no node makes its input 'missing', or it depends on itself; export the model again"]


def test_a_circle_is_said_once(tmp_path):
    g = good()
    g.nodes[1].input[0] = g.x
    (verdict,) = read_network(g.save(tmp_path / "net.onnx")).refused
    assert "depends on itself" in verdict.note


def test_one_cause_is_one_line(tmp_path, capsys):
    g = Graph(3, 8, 8)
    for _ in range(80):
        g.op("Tanh")
    g.op("Elu").save(tmp_path / "net.onnx")
    done = subprocess.run([sys.executable, "-m", "tbn_hw.build", "--model", tmp_path / "net.onnx"], cwd=tmp_path,
                          capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 4, lines
    assert lines[1].startswith("  Tanh Tanh_0, Tanh Tanh_1, Tanh Tanh_2 and 77 more: Tanh has no engine; ")
    assert lines[2].startswith("  Elu Elu_80: Elu has no engine; ")
    assert main(["check", str(tmp_path / "net.onnx")]) == 1
    listed = capsys.readouterr().out.splitlines()
    assert sum("Tanh has no engine" in line for line in listed) == 1
    assert sum(line.endswith("as Tanh Tanh_0") for line in listed) == 79
