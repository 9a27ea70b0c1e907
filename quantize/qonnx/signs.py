"""Signs of activations: Sign, comparisons with a constant, and what makes numbers of them.

A quantiser of a quantiser's result is none. Where it only drops the zeros of a ternary one, both are one binary
threshold. tf2onnx writes Larq's `sign(sign(x) + 0.1)` so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from quantize.chain import Chain
from quantize.item import Item
from quantize.qonnx.elementwise import FLOATS, aligned, unchanged
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.values import Condition, Refused, Stream, Unknown, UnknownInputError, Value

COMPARISONS = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
MIRRORED = {"Greater": "Less", "GreaterOrEqual": "LessOrEqual", "Less": "Greater", "LessOrEqual": "GreaterOrEqual"}
LEAST = float(np.nextafter(0.0, 1.0))


def sign(plan: Plan, operation: Operation) -> Stream:
    """Sign of an activation: ternary levels, with every positive value above the threshold."""
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    return _threshold(plan, operation, stream, "ternary", LEAST)


def comparison(plan: Plan, operation: Operation) -> Condition:
    """An activation compared with a constant, on either side."""
    first, second = (plan.value(name) for name in operation.inputs)
    if isinstance(first, Unknown) or isinstance(second, Unknown):
        raise UnknownInputError
    swapped = isinstance(second, Stream)
    if swapped and isinstance(first, Stream):
        raise Refused(f"{operation.type} of two activations has no engine; compare with a constant")
    name, other = operation.inputs[::-1] if swapped else operation.inputs
    stream, value = aligned(plan, plan.stream(name), plan.constant(other))
    kind = MIRRORED[operation.type] if swapped else operation.type
    falling = kind.startswith("Less")
    dtype = stream.chain.dtype
    bound = value.astype(dtype)
    if falling:  # -x is compared with -bound
        stream, bound = replace(stream, chain=stream.chain.multiply(-1.0)), -bound
    if not kind.endswith("OrEqual"):
        bound = np.nextafter(bound, dtype.type(np.inf))
    return Condition(replace(stream, chain=stream.chain.add(-bound)))


def negation(plan: Plan, operation: Operation) -> Condition:
    """Not of a comparison."""
    stream = _condition(plan, operation.inputs[0]).stream
    dtype = stream.chain.dtype
    least = np.nextafter(dtype.type(0), dtype.type(1))
    return Condition(replace(stream, chain=stream.chain.multiply(-1.0).add(-least)))


def where(plan: Plan, operation: Operation) -> Stream:
    """A number where a comparison is true, and another number elsewhere."""
    condition = _condition(plan, operation.inputs[0])
    values = [plan.value(name) for name in operation.inputs[1:]]
    if any(isinstance(value, Stream) for value in values):
        raise Refused("it must choose between two numbers, not activations; use Clip or Relu")
    yes, no = (np.unique(plan.constant(name)) for name in operation.inputs[1:])
    if yes.size != 1 or no.size != 1 or yes[0] == no[0]:
        raise Refused("it must choose between two different numbers, the same ones everywhere")
    return _chosen(plan, operation, condition.stream, float(yes[0]), float(no[0]))


def cast(plan: Plan, operation: Operation) -> Value:
    """Cast of an activation. A comparison becomes 1 and 0."""
    if not isinstance(plan.value(operation.inputs[0]), Condition):
        return unchanged(plan, operation)
    stream = _condition(plan, operation.inputs[0]).stream
    dtype = FLOATS.get(int(operation.attributes.get("to", 1)))
    if dtype is None:
        raise Refused("it must cast a comparison to float or double")
    made = _chosen(plan, operation, stream, 1.0, 0.0)
    return replace(made, chain=made.chain.cast(dtype))


def _condition(plan: Plan, name: str) -> Condition:
    """The comparison in a tensor."""
    value = plan.value(name)
    if isinstance(value, Unknown):
        raise UnknownInputError
    if not isinstance(value, Condition):
        raise Refused(f"its input {name!r} must be the result of {', '.join(COMPARISONS)}")
    return Condition(replace(value.stream, alone=value.stream.alone and plan.graph.readers[name] == 1))


def _chosen(plan: Plan, operation: Operation, stream: Stream, yes: float, no: float) -> Stream:
    """The stream of a binary threshold whose levels stand for these two numbers."""
    made = _threshold(plan, operation, stream, "binary", 0.0)
    chain = made.chain if (yes, no) == (1.0, -1.0) else made.chain.multiply((yes - no) / 2).add((yes + no) / 2)
    return replace(made, chain=chain)


def _threshold(plan: Plan, operation: Operation, stream: Stream, levels: str, delta: float) -> Stream:
    """The stream of a threshold with these levels, or of an earlier one that does its work."""
    after = Chain().cast(stream.chain.dtype)
    item = plan.items.get(stream.tensor)
    if item is not None and item.kind == "threshold":
        levels_of = _levels(plan, stream, levels, delta)
        if levels_of == ((-1, 1) if item.attrs["levels"] == "binary" else (-1, 0, 1)):
            return replace(stream, chain=after)
        if levels_of in ((-1, 1, 1), (-1, -1, 1)):
            chain = _without_zeros(item, up=levels_of == (-1, 1, 1))
            tensor = plan.emit("threshold", operation.name, item.inputs, {"levels": "binary"}, chain=chain)
            return replace(stream, tensor=tensor, chain=after, alone=True)
    tensor = plan.emit("threshold", operation.name, (stream.tensor,), {"levels": levels}, chain=stream.chain,
                       delta=delta)
    return replace(stream, tensor=tensor, chain=after, alone=True)


def _levels(plan: Plan, stream: Stream, levels: str, delta: float) -> tuple[int, ...] | None:
    """What a threshold makes of each level of the stream, if it makes the same in all channels."""
    kind = plan.types[stream.tensor]
    found = []
    for level in (-1, 1) if kind.kind == "binary" else (-1, 0, 1):
        value = stream.chain(np.full(kind.channels, float(level)))
        made = np.where(value >= delta, 1, -1) if levels == "binary" else 1 * (value >= delta) - (value <= -delta)
        if (made != made[0]).any():
            return None
        found.append(int(made[0]))
    return tuple(found)


def _without_zeros(item: Item, *, up: bool) -> Chain:
    """The chain of a ternary threshold as that of a binary one. Its zeros become +1 if `up`, else -1."""
    dtype: np.dtype[Any] = item.chain.dtype
    bound = -item.delta if up else item.delta
    least = dtype.type(bound)  # the least value of that precision which is above -delta, or at least delta
    if float(least) <= bound if up else float(least) < bound:
        least = np.nextafter(least, dtype.type(np.inf))
    return item.chain.add(-float(least))
