"""Binary and ternary activations from Sign, comparisons, Where and Cast, as Larq, torch and tf2onnx write them."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from support.onnx_runtime import both, kinds  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from quantize.qonnx.importer import read_network  # noqa: E402


def conv(g, channels):
    """A convolution with weights of -1 and +1 that no node quantises."""
    weights = g.array(g.random.choice([-1.0, 1.0], (channels, g.channels, 3, 3)))
    g.channels = channels
    return g.op("Conv", weights, kernel_shape=[3, 3])


def dense(g, features):
    g.op("Flatten").op("MatMul", g.array(g.random.choice([-1.0, 1.0], (features, 5))))
    g.channels = 5
    return g


def start():
    """Sums of both signs, and zeros among them, for the pixels are -128..127."""
    g = Graph(3, 8, 8)
    g.op("Mul", g.array(255)).op("Sub", g.array(128))
    return conv(g, 8)


def chosen(g, kind, bound, yes=1.0, no=-1.0, swapped=False):
    here, other = g.x, g.array(bound)
    condition = g.op(kind, here, x=other).x if swapped else g.op(kind, other).x
    return g.op("Where", g.array(yes), g.array(no), x=condition)


def greater_or_equal(g):
    return chosen(g, "GreaterOrEqual", 0)


def negated(g):
    """tf2onnx makes `Not(Less)` of `>=`."""
    g.op("Less", g.array(0)).op("Not")
    return g.op("Where", g.array(np.ones((1, 8, 6, 6))), g.array(np.full((1, 8, 6, 6), -1)))


def counted(g):
    """`2 * (x >= 0) - 1`, as many write it in torch."""
    g.op("GreaterOrEqual", g.array(0)).op("Cast", to=onnx.TensorProto.FLOAT)
    return g.op("Mul", g.array(2)).op("Sub", g.array(1))


FORMS = [
    greater_or_equal, negated, counted,
    lambda g: chosen(g, "Greater", 0), lambda g: chosen(g, "Less", 0), lambda g: chosen(g, "LessOrEqual", 0),
    lambda g: chosen(g, "Greater", 3), lambda g: chosen(g, "Less", -2.5, 0.5, -0.5),
    lambda g: chosen(g, "GreaterOrEqual", 7, swapped=True), lambda g: chosen(g, "Less", 0, swapped=True),
    lambda g: chosen(g, "GreaterOrEqual", 0, -1.0, 1.0), lambda g: chosen(g, "Greater", 5, 1.0, 0.0),
    lambda g: chosen(g, "GreaterOrEqual", np.linspace(-90, 90, 8).reshape(1, 8, 1, 1)),
    lambda g: greater_or_equal(greater_or_equal(g)), lambda g: counted(chosen(g, "Greater", 4)),
    lambda g: g.op("Sign").op("Add", g.array(0.1)).op("Sign"),
    lambda g: g.op("Sign").op("Sub", g.array(0.1)).op("Sign"),
    lambda g: greater_or_equal(g.op("Sign")),
    lambda g: g.op("Sign").op("Add", g.array(0.1)).op("Sign").op("Sign"),
]


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_binary(form, tmp_path):
    """One threshold, whatever the number of nodes; its sums of 0 are on the right side."""
    file = dense(conv(form(start()), 4), 4 * 16).save(tmp_path / "net.onnx")
    found, real, check = both(file, 60)
    np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)
    (made,) = [node for node in check.network.nodes if node.kind == "threshold"]
    assert made.attrs["levels"] == "binary"


def test_sums_of_zero_occur(tmp_path):
    """Of ternary pixels they are frequent, and the sides of >, >=, < and <= differ there."""
    results = []
    for kind in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
        g = Graph(3, 8, 8)
        g.op("Sub", g.array(0.5)).op("Mul", g.array(2.2)).op("Sign")
        conv(g, 8)
        file = dense(chosen(g, kind, 0), 8 * 36).save(tmp_path / "net.onnx")
        found, real, _ = both(file, 40)
        np.testing.assert_allclose(found, real, rtol=1e-6, atol=1e-4)
        results.append(found)
    np.testing.assert_allclose(results[0], -results[3], atol=1e-4)
    assert np.ptp(results[0] - results[2]) > 0


def test_a_sign_of_a_sign_is_one(tmp_path):
    g = start().op("Sign").op("Sign")
    found, real, check = both(dense(conv(g, 4), 4 * 16).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, atol=1e-4)
    assert kinds(check).count("threshold") == 1


def test_what_else_reads_the_first_one_keeps_it(tmp_path):
    """A ternary sign that a shortcut also reads stays ternary there."""
    g = start().op("Sign")
    here = g.x
    g.op("Add", g.array(0.1)).op("Sign").op("Add", here).op("Sign")
    found, real, check = both(dense(conv(g, 4), 4 * 16).save(tmp_path / "net.onnx"))
    np.testing.assert_allclose(found, real, atol=1e-4)
    assert [node.attrs["levels"] for node in check.network.nodes if node.kind == "threshold"] == [
        "ternary", "binary", "ternary"]


def of_activations(g):
    here = g.x
    condition = g.op("Greater", g.array(0)).x
    return g.op("Where", here, g.array(0), x=condition)


@pytest.mark.parametrize("change, sentence", [
    (of_activations, "it must choose between two numbers, not activations; use Clip or Relu"),
    (lambda g: chosen(g, "Greater", 0, 1.0, 1.0), "it must choose between two different numbers, the same ones "
                                                  "everywhere"),
    (lambda g: g.op("Greater", g.x), "Greater of two activations has no engine; compare with a constant"),
    (lambda g: g.op("Not"), "its input 't2' must be the result of Greater, GreaterOrEqual, Less, LessOrEqual"),
    (lambda g: g.op("Greater", g.array(0)).op("Relu"), "its input 't3' is true or false; put a Cast to float, or a "
                                                       "Where of two numbers, behind the comparison"),
    (lambda g: g.op("Greater", g.array(0)), "it must be real numbers, not true or false")])
def test_refused(change, sentence, tmp_path):
    g = change(start())
    g.channels = 5
    found = [verdict.note for verdict in read_network(g.save(tmp_path / "net.onnx")).refused]
    assert found == [sentence]
