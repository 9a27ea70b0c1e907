"""What files of other front ends are compared with, and what is said of them. The front ends are not started."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("sklearn")

from support.onnx_runtime import runtime  # noqa: E402
from support.qonnx_graphs import Graph  # noqa: E402

from benchmarks.front_ends import __main__ as front_ends  # noqa: E402


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Run the program on a graph of ours. `change` alters the logits of the runtime, `last` ends the graph."""
    def run(last="Identity", change=lambda logits: logits, build=lambda file, pictures: None):
        def make(key, python, data, folder):
            folder.mkdir(parents=True)
            g = Graph(1, 8, 8)
            g.op("Conv", g.array(g.random.choice([-1.0, 1.0], (4, 1, 3, 3))), kernel_shape=[3, 3])
            g.op("Sub", g.array(0.31)).op("Sign").op("Flatten")
            g.op("MatMul", g.array(g.random.choice([-1.0, 1.0], (144, 10)))).op(last)
            g.channels = 10
            file = g.save(folder / f"{key}.onnx")
            return change(runtime(file, (data.test_images / 255).astype(np.float32).transpose(0, 3, 1, 2)))
        monkeypatch.setattr(front_ends, "environment", lambda requirements, folder: tmp_path)
        monkeypatch.setattr(front_ends, "make", make)
        monkeypatch.setattr(front_ends, "build", build)
        return front_ends.main(["--front-ends", "larq"])
    return run


def test_equal(started, capsys):
    built = []
    assert started(build=lambda file, pictures: built.append((file.name, len(pictures.images)))) == 0
    said = capsys.readouterr().out
    assert said.startswith("Larq through tf2onnx: built to verify; 0 of 359 classes differ from ONNX Runtime's, which ")
    assert built == [("larq.onnx", 359)]


def test_different(started, capsys):
    assert started(change=np.negative) == 1
    assert "verify; 359 of 359 classes differ" in capsys.readouterr().out


def test_refused(started, capsys):
    assert started("Tanh", build=lambda *arguments: pytest.fail("it was built")) == 1
    assert capsys.readouterr().out.startswith("Larq through tf2onnx: refused; Tanh Tanh_")
