"""Damaged and odd graphs, seeded. Each is imported, refused node by node, or refused as a file, and nothing else."""

import resource
import time

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from support.qonnx_graphs import DOMAIN, Graph  # noqa: E402

from quantize.qonnx.constants import COMPUTED  # noqa: E402
from quantize.qonnx.graph import QonnxError  # noqa: E402
from quantize.qonnx.importer import HANDLERS, read_network  # noqa: E402

CASES = 2000
KINDS = (*HANDLERS, *COMPUTED, "Softmax", "Loop", "If", "Tile", "Resize", "MatMulInteger", "")
NUMBERS = (0, 1, -1, 2, 3, 7, 255, 1 << 20, 1 << 31, (1 << 63) - 1, -(1 << 63))
REALS = (0.0, -0.0, 1e-45, 1e-30, 0.5, 1.0, -1.0, 3e38, float("inf"), float("-inf"), float("nan"))


def seeds():
    """Graphs of every kind of node."""
    g = Graph(3, 8, 8).conv(8, padding=1).batch_norm(20).ternary().op("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    yield g.conv(6).batch_norm().op("Relu").quant(8, 0.1, signed=0).op("Flatten").matmul(6 * 4, 5).op("Softmax", axis=1)
    g = Graph(3, 8, 8, type=TensorProto.UINT8).op("Cast", to=TensorProto.FLOAT)
    g.op("Div", g.array(255)).op("Clip", g.array(0), g.array(1)).conv(8, bits=8).batch_norm(2).quant(8, 0.02)
    here = g.x
    g.ternary().conv(8, padding=1).batch_norm().quant(8, 0.02).op("Add", here)
    yield g.op("AveragePool", kernel_shape=[2, 2], strides=[2, 2]).ternary().op("Flatten").matmul(8 * 9, 5)
    g = Graph(36, annotation="UINT8")
    g.op("Shape").op("Gather", g.array(0, np.int64), axis=0).op("Unsqueeze", g.array([0], np.int64))
    g.op("Concat", g.array([-1], np.int64), axis=0)
    count, g.x = g.x, "in"
    yield g.op("Sub", g.array(128)).ternary(40).op("Reshape", count).matmul(36, 12).batch_norm().binary().matmul(12, 5)


def changed(model, random):
    """The model with one to four odd changes."""
    graph = model.graph
    pick = lambda items: items[int(random.integers(len(items)))]  # noqa: E731
    names = [name for node in graph.node for name in (*node.input, *node.output)]
    for _ in range(int(random.integers(1, 5))):
        node = pick(graph.node)
        match int(random.integers(9)):
            case 0:
                node.op_type = pick(KINDS)
            case 1:
                node.domain = pick(("", "ai.onnx", DOMAIN, "qonnx.custom_op.general", "x"))
            case 2 if node.input:
                node.input[int(random.integers(len(node.input)))] = pick((*names, "", "nowhere"))
            case 3 if node.attribute:
                attribute = pick(node.attribute)
                new = pick((int(pick(NUMBERS)), float(pick(REALS)), [int(pick(NUMBERS)) for _ in range(4)], "text"))
                attribute.CopyFrom(helper.make_attribute(attribute.name, new))
            case 4 if graph.initializer:
                tensor = pick(graph.initializer)
                array = numpy_helper.to_array(tensor).copy()
                if array.size:
                    kind = REALS if array.dtype.kind == "f" else NUMBERS
                    array.flat[int(random.integers(array.size))] = pick(kind)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
            case 5 if graph.initializer:
                tensor = pick(graph.initializer)
                shape = [int(size) for size in random.integers(0, 4, int(random.integers(5)))]
                dtype = pick((np.float32, np.float64, np.int64, np.int8, np.bool_))
                tensor.CopyFrom(numpy_helper.from_array(random.normal(0, 3, shape).astype(dtype), tensor.name))
            case 6:
                del graph.node[int(random.integers(len(graph.node)))]
                if not graph.node:
                    return
            case 7:
                dimension = pick(graph.input[0].type.tensor_type.shape.dim)
                dimension.dim_value = abs(int(pick(NUMBERS[:-1])))
            case _:
                del node.input[int(random.integers(len(node.input) + 1)):]


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_odd_graphs(tmp_path):
    random, models = np.random.default_rng(0), []
    for index, graph in enumerate(seeds()):
        models.append(onnx.load(graph.save(tmp_path / f"{index}.onnx")))
        assert read_network(tmp_path / f"{index}.onnx").network is not None
    file, imported, longest = tmp_path / "net.onnx", 0, 0.0
    for case in range(CASES):
        model = onnx.ModelProto()
        model.CopyFrom(models[case % len(models)])
        data = bytearray(model.SerializeToString())
        if case % 4:
            changed(model, random)
            data = bytearray(model.SerializeToString())
        else:
            for place in random.integers(0, len(data), 3):
                data[place] = int(random.integers(256))
        file.write_bytes(data)
        start = time.monotonic()
        try:
            check = read_network(file)
            assert (check.network is None) == bool(check.refused), f"case {case}"
            imported += check.network is not None
        except QonnxError as error:
            assert str(error).startswith(f"{file}: "), f"case {case}"
        longest = max(longest, time.monotonic() - start)
    assert longest < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1.5e6, "kilobytes"
    assert CASES / 20 < imported < CASES / 2
