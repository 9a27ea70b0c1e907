"""Computes the values of nodes that read constants only. What a node would make is bounded before it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from quantize.qonnx.graph import MOST_ELEMENTS, STANDARD_DOMAINS, Operation, known
from quantize.qonnx.values import Refused

Size = Callable[[Operation, list[np.ndarray]], int]
NUMBERS = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL, TensorProto.INT8,
           TensorProto.INT16, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8, TensorProto.UINT16,
           TensorProto.UINT32, TensorProto.UINT64}


def _first(operation: Operation, arrays: list[np.ndarray]) -> int:
    return arrays[0].size


def _broadcast(operation: Operation, arrays: list[np.ndarray]) -> int:
    return math.prod(np.broadcast_shapes(*(array.shape for array in arrays)))


def _total(operation: Operation, arrays: list[np.ndarray]) -> int:
    return sum(array.size for array in arrays)


def _gather(operation: Operation, arrays: list[np.ndarray]) -> int:
    axis = int(operation.attributes.get("axis", 0))
    return arrays[0].size // max(arrays[0].shape[axis], 1) * arrays[1].size


def _filled(operation: Operation, arrays: list[np.ndarray]) -> int:
    return math.prod(int(size) for size in arrays[0].ravel())


def _expanded(operation: Operation, arrays: list[np.ndarray]) -> int:
    wanted = [int(size) for size in arrays[1].ravel()]
    return math.prod(wanted) * arrays[0].size  # no broadcast shape is larger


def _range(operation: Operation, arrays: list[np.ndarray]) -> int:
    start, limit, step = (float(array) for array in arrays)
    return max(math.ceil((limit - start) / step), 0)


SIZES: dict[str, Size] = {  # the operations that are computed -> the number of elements that one makes, at most
    **dict.fromkeys(("Abs", "Cast", "CastLike", "Ceil", "Exp", "Flatten", "Floor", "Identity", "Log", "Neg", "Not",
                     "QuantizeLinear", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum",
                     "Reshape", "Round", "Shape", "Sign", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Transpose",
                     "Unsqueeze"), _first),
    **dict.fromkeys(("Add", "And", "Clip", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max",
                     "Min", "Mod", "Mul", "Or", "Pow", "Sub", "Where"), _broadcast),
    "Concat": _total, "ConstantOfShape": _filled, "Expand": _expanded, "Gather": _gather, "Range": _range,
}
COMPUTED = ("Constant", *SIZES)


class Budget:
    """How many elements may still be computed. A graph may make as many as it reads, four times over, and some more."""

    def __init__(self, read: int) -> None:
        self._left = 4 * read + MOST_ELEMENTS

    def take(self, elements: int) -> None:
        """Raises Refused when a node would make more elements than one tensor may have, or than are left."""
        if elements > MOST_ELEMENTS:
            raise Refused(f"it would make {elements} values of constants, where at most {MOST_ELEMENTS} are computed")
        self._left -= elements
        if self._left < 0:
            raise Refused("the graph computes too much from constants; fold them with qonnx-cleanup")


def evaluate(operation: Operation, arrays: list[np.ndarray], opsets: dict[str, int],
             budget: Budget) -> list[np.ndarray]:
    """The outputs of a standard node with known inputs. Raises Refused when they are not or cannot be computed."""
    if operation.type == "Constant":
        return [_constant(operation)]
    if operation.type not in SIZES:
        raise Refused(f"{operation.type} of constants is not computed here; fold it with qonnx-cleanup")
    target = int(operation.attributes.get("to", TensorProto.FLOAT))
    if any(array.dtype.kind not in "biuf" for array in arrays) or target not in NUMBERS:
        raise Refused("its constants must be numbers")
    feeds = {name: array for name, array in zip(operation.inputs, arrays, strict=False) if name}
    try:
        budget.take(SIZES[operation.type](operation, list(feeds.values())))
        with np.errstate(all="ignore"):
            return [known(value) for value in _evaluator(operation, opsets).run(None, feeds)]
    except Refused:
        raise
    except Exception as error:  # onnx raises many kinds, for unknown operations and malformed nodes; so does NumPy
        raise Refused(f"it cannot be computed from its constants; {' '.join(str(error).split())}") from None


def _constant(operation: Operation) -> np.ndarray:
    if len(operation.attributes) != 1:
        raise Refused(f"it must have one value, not {len(operation.attributes)}")
    (attribute,) = operation.attributes.values()
    if not isinstance(attribute, TensorProto):
        return known(attribute)
    if external_data_helper.uses_external_data(attribute):
        raise Refused("its value must lie in the file; store it as an initializer")
    return known(numpy_helper.to_array(attribute))


def _evaluator(operation: Operation, opsets: dict[str, int]) -> Any:
    inputs = [helper.make_empty_tensor_value_info(name) for name in operation.inputs if name]
    outputs = [helper.make_empty_tensor_value_info(name) for name in operation.outputs]
    graph = helper.make_graph([operation.proto], "constant", inputs, outputs)
    opset = [helper.make_opsetid(domain, version) for domain, version in opsets.items() if domain in STANDARD_DOMAINS]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opset))
