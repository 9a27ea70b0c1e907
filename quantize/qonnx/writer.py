"""Builds a QONNX graph: nodes, initializers, and the shape and type of every tensor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
OPSET, IR_VERSION = 13, 8
EXACT_FLOAT = 1 << 19
"""Smaller integers are computed in float32, this and larger ones in float64.

float32 is exact up to 2**24. The bits between leave room for halves, rounded factors and rounded offsets.
"""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph. `shape` includes the batch of 1; `double` means float64 instead of float32."""

    name: str
    shape: tuple[int, ...]
    double: bool = False

    @property
    def dtype(self) -> Any:
        return np.float64 if self.double else np.float32


class Writer:
    """Adds nodes one by one. A method returns the output of its new node, which has the node's name."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._arrays: dict[str, np.ndarray] = {}
        self._infos: dict[str, Any] = {}
        self._datatypes: dict[str, str] = {}

    def node(self, kind: str, name: str, inputs: Sequence[Tensor | str], shape: tuple[int, ...], *,
             double: bool = False, domain: str = "", **attributes: Any) -> Tensor:
        """Add a node with one output of this shape."""
        names = [value if isinstance(value, str) else value.name for value in inputs]
        self._nodes.append(helper.make_node(kind, names, [name], name=name, domain=domain, **attributes))
        return self._declare(Tensor(name, shape, double))

    def top_k(self, name: str, x: Tensor, k: int) -> str:
        """Add a TopK over the classes, and return the name of its indices."""
        count, outputs = self.array(f"{name}.k", np.array([k], np.int64)), [f"{name}.values", name]
        self._nodes.append(helper.make_node("TopK", [x.name, count], outputs, name=name, axis=1))
        self._declare(Tensor(outputs[0], (1, k), x.double))
        self._infos[name] = helper.make_tensor_value_info(name, onnx.TensorProto.INT64, (1, k))
        return name

    def array(self, name: str, value: np.ndarray) -> str:
        """Add an initializer and return its name."""
        self._arrays[name] = value
        return name

    def annotate(self, name: str, datatype: str) -> None:
        """Say that a tensor holds integers of this QONNX type. FINN takes a sum with other constants for a real one."""
        self._datatypes[name] = datatype

    def constant(self, name: str, x: Tensor, value: np.ndarray | float) -> str:
        """Add an initializer of `x`'s type, one number or one for each channel of `x`, and return its name."""
        array = np.asarray(value, x.dtype)
        return self.array(name, array if array.ndim == 0 else array.reshape(1, -1, *[1] * (len(x.shape) - 2)))

    def arithmetic(self, kind: str, name: str, x: Tensor, value: np.ndarray | float) -> Tensor:
        """Add an Add or a Mul with a constant."""
        return self.node(kind, name, [x, self.constant(f"{name}.constant", x, value)], x.shape, double=x.double)

    def normalise(self, name: str, x: Tensor, factor: np.ndarray, centre: np.ndarray) -> Tensor:
        """Add ``(x - centre) * factor`` by channel: a BatchNormalization, or in float64 an Add and a Mul.

        FINN and hls4ml know a factor for each channel in this form only.
        """
        if x.double:
            centred = self.arithmetic("Add", f"{name}.offset", x, -centre)
            return self.arithmetic("Mul", f"{name}.factor", centred, factor)
        values = {"gamma": factor, "beta": np.zeros_like(factor), "mean": centre, "variance": np.ones_like(factor)}
        arrays = [self.array(f"{name}.norm.{key}", value.astype(np.float32)) for key, value in values.items()]
        return self.node("BatchNormalization", f"{name}.norm", [x, *arrays], x.shape, epsilon=0.0)

    def as_double(self, name: str, x: Tensor) -> Tensor:
        return x if x.double else self.node("Cast", name, [x], x.shape, double=True, to=int(onnx.TensorProto.DOUBLE))

    def bipolar(self, name: str, x: Tensor) -> Tensor:
        """Add a quantiser to -1 and +1, with a float32 output."""
        scale = self.array(f"{name}.scale", np.ones((), np.float32))
        y = self.node("BipolarQuant", name if not x.double else f"{name}.quant", [x, scale], x.shape, double=x.double,
                      domain=DOMAIN)
        return self.node("Cast", name, [y], y.shape, to=int(onnx.TensorProto.FLOAT)) if x.double else y

    def quant(self, name: str, x: Tensor, bits: int, *, signed: bool = True, narrow: bool = False,
              mode: str = "ROUND") -> Tensor:
        """Add a quantiser to integers of `bits` bits at scale 1, with a float32 output."""
        numbers = [self.array(f"{name}.{key}", np.array(value, np.float32))
                   for key, value in (("scale", 1), ("zero", 0), ("bits", bits))]
        return self.node("Quant", name, [x, *numbers], x.shape, domain=DOMAIN, signed=int(signed), narrow=int(narrow),
                         rounding_mode=mode)

    def model(self, name: str, source: Tensor, outputs: Sequence[str], classes: Sequence[str],
              datatype: str) -> Any:
        """The whole ONNX model. Its input is float32, annotated as `datatype`."""
        arrays = [numpy_helper.from_array(np.asarray(value), key) for key, value in self._arrays.items()]
        infos = [info for key, info in self._infos.items() if key not in outputs]
        graph = helper.make_graph(
            self._nodes, name, [helper.make_tensor_value_info(source.name, onnx.TensorProto.FLOAT, source.shape)],
            [self._infos[output] for output in outputs], arrays, value_info=infos)
        for tensor, kind in {source.name: datatype, **self._datatypes}.items():
            note = graph.quantization_annotation.add(tensor_name=tensor)
            note.quant_parameter_tensor_names.add(key="finn_datatype", value=kind)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tbn-hw")
        if classes:
            helper.set_model_props(model, {"classes": json.dumps(list(classes))})
        return model

    def _declare(self, tensor: Tensor) -> Tensor:
        kind = onnx.TensorProto.DOUBLE if tensor.double else onnx.TensorProto.FLOAT
        self._infos[tensor.name] = helper.make_tensor_value_info(tensor.name, kind, tensor.shape)
        return tensor
