"""Reads an ONNX file: its nodes, its constants and the shape of its input. It checks them before anything else does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import external_data_helper, helper, numpy_helper

QUANT_DOMAINS = ("onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")
STANDARD_DOMAINS = ("", "ai.onnx")


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

    `unreadable` names the constants that could not be read. `shape` is the input's, None if it is wrong. `readers`
    counts the readers of each tensor; the graph's outputs count as one each.
    """

    operations: tuple[Operation, ...]
    constants: dict[str, np.ndarray]
    unreadable: tuple[str, ...]
    input: str
    shape: tuple[int, ...] | None
    outputs: tuple[str, ...]
    opsets: dict[str, int]
    metadata: dict[str, str]
    datatypes: dict[str, str]
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.readers = Counter(name for operation in self.operations for name in operation.inputs)
        self.readers.update(self.outputs)


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
    problems: list[tuple[str, str, str]] = []
    constants, unreadable = _constants(graph, path, problems)
    inputs = [value for value in graph.input if value.name not in constants and value.name not in unreadable]
    if len(inputs) != 1 or not graph.output:
        raise QonnxError(f"{path}: must have one input and at least one output, "
                         f"not {len(inputs)} and {len(graph.output)}")
    shape = _shape(inputs[0], problems)
    datatypes = {annotation.tensor_name: entry.value for annotation in graph.quantization_annotation
                 for entry in annotation.quant_parameter_tensor_names if entry.key == "finn_datatype"}
    return Graph(tuple(_operations(graph)), constants, tuple(unreadable), inputs[0].name, shape,
                 tuple(value.name for value in graph.output), {o.domain: o.version for o in model.opset_import},
                 {entry.key: entry.value for entry in model.metadata_props}, datatypes, problems)


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


def _shape(value: Any, problems: list[tuple[str, str, str]]) -> tuple[int, ...] | None:
    dimensions = value.type.tensor_type.shape.dim
    shape = tuple(dimension.dim_value for dimension in dimensions)
    if not shape or min(shape) < 1:
        text = ", ".join(str(d.dim_value) if d.dim_value > 0 else d.dim_param or "?" for d in dimensions)
        problems.append((value.name, "input", f"its shape ({text}) must be fixed; export with a fixed shape "
                                              "and a batch of 1"))
        return None
    if len(shape) not in (2, 4) or shape[0] != 1:
        problems.append((value.name, "input", f"its shape must be (1, features) or (1, channels, height, width), "
                                              f"not {shape}"))
        return None
    return shape


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
