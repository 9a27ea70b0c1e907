"""Nodes that fold into the float chain: arithmetic with constants, batch norm, ReLU, and nodes without effect."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.shortcut import shortcut
from quantize.qonnx.values import (
    Constant,
    Integers,
    Refused,
    Stream,
    Unknown,
    UnknownInputError,
    Value,
    Weights,
)

FLOATS = {1: np.dtype(np.float32), 11: np.dtype(np.float64)}  # ONNX's number of a type -> the type


def arithmetic(plan: Plan, operation: Operation) -> Value:
    """Add, Sub, Mul or Div with a constant. An Add of two streams is a shortcut."""
    if len(operation.inputs) != 2:
        raise Refused(f"it must have 2 inputs, not {len(operation.inputs)}")
    a, b = (plan.value(name) for name in operation.inputs)
    if isinstance(a, Unknown) or isinstance(b, Unknown):
        raise UnknownInputError
    if isinstance(a, Stream) and isinstance(b, Stream):
        if operation.type != "Add":
            raise Refused(f"{operation.type} of two activations has no engine; only Add of two is a shortcut")
        return shortcut(plan, operation, *(plan.stream(name) for name in operation.inputs))
    swapped = isinstance(b, Stream)
    name, other = operation.inputs[::-1] if swapped else operation.inputs
    stream, value = aligned(plan, plan.stream(name), plan.constant(other))
    if operation.type == "Div":
        if swapped or (value == 0).any():
            raise Refused("it must divide an activation by a constant other than 0")
        return replace(stream, chain=stream.chain.divide(value))
    if operation.type == "Mul":
        return replace(stream, chain=stream.chain.multiply(value))
    if operation.type == "Sub" and swapped:
        return replace(stream, chain=stream.chain.multiply(-1.0).add(value))
    return replace(stream, chain=stream.chain.add(-value if operation.type == "Sub" else value))


def aligned(plan: Plan, stream: Stream, value: np.ndarray) -> tuple[Stream, np.ndarray]:
    """The stream, and the constant in the order of its channels. Raises Refused when padding is pending."""
    if stream.padded:
        raise Refused("a Pad must stand directly before a Conv")
    if stream.axes == "nc" and value.size > 1:
        stream = plan.flattened(stream)
    return stream, stream.channelwise(value)


def weights_arithmetic(operation: Operation, weights: Weights, other: np.ndarray) -> Weights:
    """Mul or Div of quantised weights by a constant. The constant goes into their scale."""
    scale = np.asarray(weights.scale * other if operation.type == "Mul" else weights.scale / other)
    if np.broadcast_shapes(scale.shape, weights.integers.shape) != weights.integers.shape:
        raise Refused("the constant must broadcast to the weights' shape")
    return replace(weights, scale=scale)


def batch_normalization(plan: Plan, operation: Operation) -> Value:
    if operation.attributes.get("training_mode", 0):
        raise Refused("it is in training mode; export the model after model.eval()")
    if len(operation.inputs) != 5:
        raise Refused(f"it must have 5 inputs, not {len(operation.inputs)}")
    values = [plan.constant(name) for name in operation.inputs[1:]]
    stream = plan.stream(operation.inputs[0])
    epsilon = float(operation.attributes.get("epsilon", 1e-5))
    if stream.axes == "nhwc":
        raise Refused("it must stand where channels come second; put it before the Transpose")
    if (values[3] + epsilon <= 0).any():
        raise Refused("its variance must be positive")
    shape = (-1, *[1] * (len(stream.shape) - 2))
    stream, first = aligned(plan, stream, values[0].reshape(shape))
    rest = [stream.channelwise(value.reshape(shape)) for value in values[1:]]
    return replace(stream, chain=stream.chain.normalise(first, *rest, epsilon, fused=False))


def relu(plan: Plan, operation: Operation) -> Value:
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    return replace(stream, chain=stream.chain.relu())


def unchanged(plan: Plan, operation: Operation) -> Value:
    """Identity, a cast, or Dropout outside training: the input's stream."""
    if operation.type == "CastLike" and not isinstance(plan.value(operation.inputs[0]), Stream):
        return Constant(plan.constant(operation.inputs[0]).astype(plan.stream(operation.inputs[1]).chain.dtype))
    stream = plan.stream(operation.inputs[0])
    if operation.type == "Cast":
        dtype = FLOATS.get(int(operation.attributes.get("to", 1)))
    elif operation.type == "CastLike":
        like = plan.value(operation.inputs[1])
        dtype = like.chain.dtype if isinstance(like, Stream) else plan.constant(operation.inputs[1]).dtype
    else:
        return stream
    if dtype not in FLOATS.values():
        raise Refused("it must cast an activation to float or double")
    return replace(stream, chain=stream.chain.cast(dtype))


def clip(plan: Plan, operation: Operation) -> Value:
    """The stream, clipped; as it is, if none of its values is clipped."""
    ends = [float(operation.attributes.get(key, limit)) for key, limit in (("min", -np.inf), ("max", np.inf))]
    for index in (1, 2):
        end = plan.optional(operation, index)
        if end is not None:
            ends[index - 1] = float(end.reshape(()))
    value = plan.value(operation.inputs[0])
    if isinstance(value, Integers):
        lo, hi = (int(min(max(limit, ends[0]), ends[1])) for limit in value.limits)
        return replace(value, limits=(lo, hi), alone=value.alone and plan.graph.readers[operation.inputs[0]] == 1)
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    kind = plan.types[stream.tensor]
    values = [stream.chain(np.full(kind.channels, float(end))) for end in (kind.lo, kind.hi)]
    if ends[0] <= np.min(values) and np.max(values) <= ends[1]:
        return stream
    return replace(stream, chain=stream.chain.clip(*ends))
