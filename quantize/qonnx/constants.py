"""Computes the values of nodes that read constants only."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from quantize.qonnx.graph import STANDARD_DOMAINS, Operation, known
from quantize.qonnx.values import Refused


def evaluate(operation: Operation, arrays: list[np.ndarray], opsets: dict[str, int]) -> list[np.ndarray]:
    """The outputs of a standard node with known inputs. Raises Refused when they cannot be computed."""
    if operation.type == "Constant":
        attribute = next(iter(operation.attributes.values()))
        tensor = numpy_helper.to_array(attribute) if hasattr(attribute, "dims") else np.asarray(attribute)
        return [known(tensor)]
    feeds = {name: array for name, array in zip(operation.inputs, arrays, strict=False) if name}
    try:
        return [known(value) for value in _evaluator(operation, opsets).run(None, feeds)]
    except Exception as error:  # onnx raises many kinds, for unknown operations and malformed nodes; so does NumPy
        raise Refused(f"it cannot be computed from its constants; {' '.join(str(error).split())}") from None


def _evaluator(operation: Operation, opsets: dict[str, int]) -> ReferenceEvaluator:
    inputs = [helper.make_empty_tensor_value_info(name) for name in operation.inputs if name]
    outputs = [helper.make_empty_tensor_value_info(name) for name in operation.outputs]
    graph = helper.make_graph([operation.proto], "constant", inputs, outputs)
    opset = [helper.make_opsetid(domain, version) for domain, version in opsets.items() if domain in STANDARD_DOMAINS]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opset))
