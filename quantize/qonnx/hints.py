"""Advice on nodes without an engine."""

from __future__ import annotations

from collections.abc import Iterable

from quantize.qonnx.graph import Operation

ACTIVATIONS = ("Sigmoid", "Tanh", "LeakyRelu", "PRelu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Selu")


def hint(operation: Operation, known: Iterable[str]) -> str:
    """What to change in the graph, because `operation` has no engine. `known` are the operations that have one."""
    if operation.type in ("Softmax", "LogSoftmax"):
        return "remove it, or let it be the graph's last node"
    if operation.type in ACTIVATIONS:
        return "use Relu, or a Quant or BipolarQuant alone, as the activation"
    if operation.type == "Trunc":
        return "use a plain average pool and a Quant behind it"
    return f"operations with one are {', '.join(sorted(known))}"
