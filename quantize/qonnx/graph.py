"""Reads an ONNX file: its nodes in order, its constants, and what it says of its input."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, external_data_helper, helper, numpy_helper

QUANT_DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
STANDARD_DOMAINS = ("", "ai.onnx")
CHANNELS_LAST = "qonnx.custom_op.channels_last"
MOST_NODES = 5_000
MOST_ELEMENTS = 1 << 24
"""The largest tensor that is read or computed."""
TYPES = {TensorProto.FLOAT: "float32", TensorProto.DOUBLE: "float64", TensorProto.UINT8: "uint8",
         TensorProto.INT8: "int8"}
SAME_LAYOUT = ("Add", "Sub", "Mul", "Div", "Cast", "CastLike", "Identity", "Relu", "Clip", "Quant", "IntQuant",
               "BipolarQuant", "QuantizeLinear", "DequantizeLinear", "Sign")
PICTURE_CHANNELS = (1, 3, 4)


class QonnxError(ValueError):
    """The file cannot be imported, or the network cannot be exported. The message begins with its name."""


@dataclass(frozen=True)
class Operation:
    """A node of the graph. A node without a name gets one from its type and place; names are unique."""

    name: str
    type: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: Any

    def integers(self, key: str, default: list[int]) -> list[int]:
        return [int(value) for value in self.attributes.get(key, default)]


@dataclass
class Graph:
    """A graph. `problems` lists what is wrong with its input and constants, as (name, "input" or "initializer", why).

    `unreadable` names the constants that could not be read. `shape` is the input's, None if it is wrong. `type` is a
    NumPy type, None for one that is not read. `datatypes` has the annotated types by tensor. `notes` say what was taken
    for granted. `readers` counts the readers of each tensor; the graph's outputs count as one each.
    """

    operations: tuple[Operation, ...]
    constants: dict[str, np.ndarray]
    unreadable: tuple[str, ...]
    input: str
    shape: tuple[int, ...] | None
    type: str | None
    outputs: tuple[str, ...]
    opsets: dict[str, int]
    metadata: dict[str, str]
    datatypes: dict[str, str]
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readers = Counter(name for operation in self.operations for name in operation.inputs)
        self.readers.update(self.outputs)

    @property
    def channels_last(self) -> bool:
        """Whether the input is (1, height, width, channels).

        It is if a Transpose or a node of that dialect says so. It also is if every reader flattens it, and of its sizes
        only the last one is a picture's number of channels.
        """
        if self.shape is None or len(self.shape) != 4:
            return False
        tensors, first = {self.input}, []
        for operation in self.operations:
            if tensors & set(operation.inputs):
                if operation.type in SAME_LAYOUT:
                    tensors.update(operation.outputs)
                else:
                    first.append(operation)
        if any(self._moves_channels(operation) or operation.domain == CHANNELS_LAST for operation in first):
            return True
        flat = all(operation.type in ("Flatten", "Reshape", "Shape") for operation in first)
        return flat and self.shape[3] in PICTURE_CHANNELS and self.shape[1] not in PICTURE_CHANNELS

    def _moves_channels(self, operation: Operation) -> bool:
        """Whether it is a Transpose of the input to channels first. For one channel tf2onnx writes it as a Reshape."""
        if operation.type == "Transpose":
            return operation.integers("perm", []) == [0, 3, 1, 2]
        if operation.type != "Reshape" or self.shape is None or self.shape[3] != 1:
            return False
        wanted = self.constants.get(operation.inputs[1], np.zeros(0)).ravel()
        return wanted[1:].tolist() == [1, *self.shape[1:3]]


def read_graph(path: Path) -> Graph:
    """Read `path`, and the files beside it that hold its data.

    Raises
    ------
    QonnxError
        If it is not a whole ONNX file with one input. Errors in single nodes and constants are left to the caller.
    """
    model = _load(path)
    graph = model.graph
    if not graph.node:
        raise QonnxError(f"{path}: holds no graph with nodes; the file may be truncated")
    if len(graph.node) > MOST_NODES:
        raise QonnxError(f"{path}: must have at most {MOST_NODES} nodes, not {len(graph.node)}")
    problems: list[tuple[str, str, str]] = []
    notes: list[str] = []
    constants, unreadable = _constants(graph, path, problems)
    inputs = [value for value in graph.input if value.name not in constants and value.name not in unreadable]
    if len(inputs) != 1 or not graph.output:
        raise QonnxError(f"{path}: must have one input and at least one output, "
                         f"not {len(inputs)} and {len(graph.output)}")
    shape = _shape(inputs[0], problems, notes)
    kind = inputs[0].type.tensor_type.elem_type
    if kind not in TYPES:
        name = TensorProto.DataType.Name(kind).lower() if kind in TensorProto.DataType.values() else str(kind)
        problems.append((inputs[0].name, "input", f"its type must be float, double, uint8 or int8, not {name}; export "
                                                  "the model in float32"))
    datatypes = {annotation.tensor_name: entry.value for annotation in graph.quantization_annotation
                 for entry in annotation.quant_parameter_tensor_names if entry.key == "finn_datatype"}
    return Graph(tuple(_in_order(_operations(graph))), constants, tuple(unreadable), inputs[0].name, shape,
                 TYPES.get(kind), tuple(value.name for value in graph.output),
                 {o.domain: o.version for o in model.opset_import},
                 {entry.key: entry.value for entry in model.metadata_props}, datatypes, problems, notes)


def _load(path: Path) -> Any:
    try:
        return onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise QonnxError(f"{path}: no such file") from None
    except OSError as error:
        raise QonnxError(f"{path}: cannot be read; {error.strerror or error}") from None
    except (DecodeError, ValueError, RuntimeError) as error:
        raise QonnxError(f"{path}: is not a whole ONNX file; {str(error).strip()}") from None


def _constants(graph: Any, path: Path, problems: list[tuple[str, str, str]]) -> tuple[dict[str, np.ndarray], list[str]]:
    constants, unreadable = {}, []
    for tensor in graph.initializer:
        try:
            if external_data_helper.uses_external_data(tensor):
                external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
                tensor.data_location = onnx.TensorProto.DEFAULT
            constants[tensor.name] = known(numpy_helper.to_array(tensor))
        except Exception as error:  # onnx raises many kinds of errors, all for damaged or missing data
            place = {entry.key: entry.value for entry in tensor.external_data}.get("location")
            file = f"its file {place!r} must lie beside the model" if place else "its data are damaged"
            problems.append((tensor.name, "initializer", f"{file}; {' '.join(str(error).split())}"))
            unreadable.append(tensor.name)
    return constants, unreadable


def known(value: Any) -> np.ndarray:
    """A constant as an array. float32 stays as it is; other floating-point numbers become float64."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.dtype != np.float32 else array


def _shape(value: Any, problems: list[tuple[str, str, str]], notes: list[str]) -> tuple[int, ...] | None:
    """The input's shape, with a batch that is not fixed taken for 1. None, and a problem, if it cannot be used."""
    dimensions = value.type.tensor_type.shape.dim
    shape = tuple(dimension.dim_value for dimension in dimensions)
    text = ", ".join(str(d.dim_value) if d.dim_value > 0 else d.dim_param or "?" for d in dimensions)
    if len(shape) in (2, 4) and shape[0] < 1 and min(shape[1:]) > 0:
        notes.append(f"input: its batch of {text.split(', ')[0]} is taken for 1")
        shape = (1, *shape[1:])
    if not shape or min(shape) < 1:
        problem = f"its shape ({text}) must be fixed; export with a fixed shape and a batch of 1"
    elif len(shape) not in (2, 4) or shape[0] != 1:
        problem = (f"its shape must be (1, features) or (1, channels, height, width), not {shape}; export with a batch "
                   "of 1")
    elif math.prod(shape) > MOST_ELEMENTS:
        problem = f"it must hold at most {MOST_ELEMENTS} values, not {math.prod(shape)}"
    else:
        return shape
    problems.append((value.name, "input", problem))
    return None


def _in_order(operations: list[Operation]) -> list[Operation]:
    """The nodes, each behind the makers of its inputs. Nodes on a circle come last."""
    makers = {name: index for index, operation in enumerate(operations) for name in operation.outputs if name}
    needs = [{makers[name] for name in operation.inputs if name in makers} for operation in operations]
    readers: dict[int, list[int]] = {}
    for index, makers_of in enumerate(needs):
        for maker in makers_of:
            readers.setdefault(maker, []).append(index)
    missing = [len(makers_of) for makers_of in needs]
    ready, order = [index for index, count in enumerate(missing) if not count], list[int]()
    while ready:  # a heap, so that an ordered file stays as it is
        index = heapq.heappop(ready)
        order.append(index)
        for reader in readers.get(index, []):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    placed = set(order)
    return [operations[index] for index in (*order, *(i for i in range(len(operations)) if i not in placed))]


def _operations(graph: Any) -> list[Operation]:
    taken: set[str] = set()
    operations = []
    for index, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{index}"
        while name in taken:
            name += "_"
        taken.add(name)
        attributes = {}
        for attribute in node.attribute:
            value = helper.get_attribute_value(attribute)
            attributes[attribute.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
        operations.append(Operation(name, node.op_type, node.domain, tuple(node.input), tuple(node.output),
                                    attributes, node))
    return operations
