"""Advice on nodes without an engine."""

from __future__ import annotations

from collections.abc import Iterable

from quantize.qonnx.graph import CHANNELS_LAST, QUANT_DOMAINS, Operation

ACTIVATIONS = ("Sigmoid", "Tanh", "LeakyRelu", "PRelu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "Selu")


def hint(operation: Operation, known: Iterable[str]) -> str:
    """Why `operation` has no engine, and what to change. `known` are the operations of ONNX that have one."""
    kind, domain = operation.type, operation.domain
    if domain == CHANNELS_LAST:
        return (f"{kind} of {CHANNELS_LAST} has no engine; take the file from before qonnx-to-channels-last, whose "
                "nodes are those of ONNX")
    if kind in ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "Trunc"):
        return f"{kind} of the domain {domain!r} is not known; set the node's domain to {QUANT_DOMAINS[1]}"
    if kind in ("Softmax", "LogSoftmax"):
        return f"{kind} has no engine; remove it, or let it be the graph's last node"
    if kind in ACTIVATIONS:
        last = ", or let it be the graph's last node" if kind == "Sigmoid" else ""
        return f"{kind} has no engine; use Relu, or a Quant or BipolarQuant alone, as the activation{last}"
    if domain:
        return f"{kind} of the domain {domain!r} has no engine; use operations of ONNX, and Quant and BipolarQuant"
    return f"{kind} has no engine; operations with one are {', '.join(sorted(known))}"
