"""The channels-last dialect: nodes of ONNX that read and write (1, height, width, channels)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.values import Constant, Refused, Stream, Value, Weights

TYPES = ("Conv", "MaxPool", "BatchNormalization")


def channels_first(handler: Callable[[Plan, Operation], Value]) -> Callable[[Plan, Operation], Value]:
    """The handler of a node of ONNX as that of the same node in the dialect. A kernel is (c_out, ky, kx, c_in)."""

    def run(plan: Plan, operation: Operation) -> Value:
        source, *rest = operation.inputs
        stream = plan.stream(source)
        if stream.axes != "nhwc":
            raise Refused("its input must be (1, height, width, channels)")
        _rename(plan, source, turned(stream))
        if operation.type == "Conv" and rest:
            value = plan.value(rest[0])
            if isinstance(value, Weights) and value.integers.ndim == 4:
                value = value.map(lambda array: array.transpose(0, 3, 1, 2))
            elif isinstance(value, Constant) and value.value.ndim == 4:
                value = Constant(value.value.transpose(0, 3, 1, 2))
            _rename(plan, rest[0], value)
            rest[0] = _name(rest[0])
        made = handler(plan, replace(operation, inputs=(_name(source), *rest)))
        return turned(made) if isinstance(made, Stream) else made

    return run


def turned(stream: Stream) -> Stream:
    """The same picture, seen with its channels second if they are last, and last if they are second."""
    n, first, second, third = stream.shape
    if stream.axes == "nhwc":
        return replace(stream, axes="nchw", shape=(n, third, first, second))
    return replace(stream, axes="nhwc", shape=(n, second, third, first))


def _name(tensor: str) -> str:
    return f"{tensor}, channels first"


def _rename(plan: Plan, tensor: str, value: Value) -> None:
    plan.values[_name(tensor)] = value
    plan.graph.readers[_name(tensor)] = plan.graph.readers[tensor]
