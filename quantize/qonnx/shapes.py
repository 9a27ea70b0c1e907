"""Nodes that change a tensor's shape or order: Reshape, Flatten, Transpose, Pad, Squeeze and Unsqueeze."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from quantize.network import INPUT
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.values import Constant, Refused, Stream, Value


def shape_of(plan: Plan, operation: Operation) -> Value:
    """The sizes of a tensor from `start` to before `end`. torch asks so for the batch alone."""
    start, end = operation.attributes.get("start", 0), operation.attributes.get("end")
    return Constant(np.array(plan.stream(operation.inputs[0]).shape[start:end], np.int64))


def reshape(plan: Plan, operation: Operation) -> Value:
    wanted = [int(size) for size in plan.constant(operation.inputs[1]).ravel()]
    stream = plan.stream(operation.inputs[0])
    if not operation.attributes.get("allowzero", 0):
        wanted = [stream.shape[i] if size == 0 and i < len(stream.shape) else size for i, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        rest = math.prod(size for size in wanted if size != -1)
        wanted[wanted.index(-1)] = math.prod(stream.shape) // max(rest, 1)
    return _reshaped(plan, operation, stream, tuple(wanted))


def flatten(plan: Plan, operation: Operation) -> Value:
    axis = int(operation.attributes.get("axis", 1))
    stream = plan.stream(operation.inputs[0])
    if axis % len(stream.shape) != 1:
        raise Refused(f"its axis must be 1, not {axis}")
    return _reshaped(plan, operation, stream, (1, math.prod(stream.shape)))


def squeeze(plan: Plan, operation: Operation) -> Value:
    """Squeeze or Unsqueeze of the height and width of a 1x1 picture."""
    axes = plan.optional(operation, 1)
    chosen = [int(axis) for axis in axes.ravel()] if axes is not None else operation.integers("axes", [])
    stream = plan.stream(operation.inputs[0])
    if operation.type == "Squeeze" and stream.axes == "nchw" and sorted(a % 4 for a in chosen) == [2, 3]:
        return _reshaped(plan, operation, stream, stream.shape[:2])
    if operation.type == "Unsqueeze" and stream.axes == "nc" and sorted(a % 4 for a in chosen) == [2, 3]:
        return _reshaped(plan, operation, stream, (*stream.shape, 1, 1))
    raise Refused("it must take away or add the axes 2 and 3; use Flatten or Reshape instead")


def _reshaped(plan: Plan, operation: Operation, stream: Stream, wanted: tuple[int, ...]) -> Stream:
    stream, _ = aligned(plan, stream, np.zeros(()))
    if wanted == stream.shape:
        return stream
    if stream.tensor == INPUT and stream.axes == "nc" and len(wanted) == 4 and min(wanted[2:]) > 1:
        return _picture(plan, stream, wanted)
    if math.prod(wanted) != math.prod(stream.shape):
        raise Refused(f"its shape {wanted} must have as many elements as its input's {stream.shape}")
    if len(wanted) == 2 and wanted[0] == 1:
        kind, order = plan.types[stream.tensor], None
        if stream.axes == "nchw" and kind.height * kind.width > 1 and kind.channels > 1:
            order = np.arange(kind.size).reshape(kind.shape).transpose(2, 0, 1).ravel()
        return replace(stream, shape=wanted, axes="nc", order=order, flatten=operation.name)
    if len(wanted) == 4 and _moved(stream) == wanted:
        return replace(stream, shape=wanted, axes="nchw" if stream.axes == "nhwc" else "nhwc")
    if len(stream.shape) == 2 and wanted == (*stream.shape, 1, 1):
        flat = plan.flattened(stream)
        if flat.order is None:
            return replace(flat, shape=wanted, axes="nchw")
    raise Refused(f"it must flatten to (1, {math.prod(stream.shape)}), not to {wanted}")


def _moved(stream: Stream) -> tuple[int, ...]:
    """The shape with channels first if they come last, or last if first. Empty if a Reshape cannot move them.

    It can where there is one channel or one pixel, and tf2onnx writes such a Transpose so.
    """
    if stream.axes == "nhwc":
        n, height, width, channels = stream.shape
        moved = (n, channels, height, width)
    elif stream.axes == "nchw":
        n, channels, height, width = stream.shape
        moved = (n, height, width, channels)
    else:
        return ()
    return moved if channels == 1 or height * width == 1 else ()


def _picture(plan: Plan, stream: Stream, wanted: tuple[int, ...]) -> Stream:
    """A flat input as a picture of one channel, which the network's input becomes."""
    kind = plan.types[INPUT]
    plain = all(array.size == 1 for _, arrays in stream.chain.operations for array in arrays)
    if math.prod(wanted) != kind.size or wanted[:2] != (1, 1) or plan.read(INPUT) or not plain:
        raise Refused(f"a flat input can become a picture of one channel, and only at the graph's begin; let the "
                      f"graph's input be {wanted} and leave it out")
    plan.types[INPUT] = replace(kind, shape=(wanted[2], wanted[3], 1))
    return replace(stream, shape=wanted, axes="nchw")


def transpose(plan: Plan, operation: Operation) -> Value:
    stream = plan.stream(operation.inputs[0])
    order = operation.integers("perm", list(range(len(stream.shape)))[::-1])
    axes = "".join(stream.axes[axis] for axis in order)
    if axes not in ("nchw", "nhwc", "nc"):
        raise Refused(f"it must turn (n, c, h, w) into (n, h, w, c) or back, not into ({', '.join(axes)})")
    return replace(stream, axes=axes, shape=tuple(stream.shape[axis] for axis in order))


def pad(plan: Plan, operation: Operation) -> Value:
    if operation.attributes.get("mode", "constant") != "constant":
        raise Refused("it must pad with a constant; set mode to constant")
    pads, value, axes = (plan.optional(operation, index) for index in (1, 2, 3))
    amounts = operation.integers("pads", []) if pads is None else [int(amount) for amount in pads.ravel()]
    border = float(operation.attributes.get("value", 0.0)) if value is None else float(np.ravel(value)[0])
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    names = stream.axes if axes is None else "".join(stream.axes[int(axis)] for axis in axes.ravel())
    if len(stream.axes) != 4 or len(amounts) != 2 * len(names):
        raise Refused("it must pad a picture, by a number before and one behind for each axis")
    ends = zip(amounts[:len(names)], amounts[len(names):], strict=True)
    around = dict.fromkeys("nchw", (0, 0)) | dict(zip(names, ends, strict=True))
    if any(around["n"]) or min(amounts) < 0:
        raise Refused(f"it must pad channels or pixels, by no negative amount, not {amounts}")
    (top, bottom), (left, right) = around["h"], around["w"]
    sides = (top, left, bottom, right)
    if not any(sides):
        return _channels(plan, operation, stream, *around["c"], border)
    if any(around["c"]):
        raise Refused("it must pad channels in a Pad of their own")
    return replace(stream, shape=_longer(stream, {"h": top + bottom, "w": left + right}), pad=(sides, border))


def _longer(stream: Stream, more: dict[str, int]) -> tuple[int, ...]:
    return tuple(size + more.get(axis, 0) for axis, size in zip(stream.axes, stream.shape, strict=True))


def _channels(plan: Plan, operation: Operation, stream: Stream, before: int, after: int, border: float) -> Stream:
    if not before and not after:
        return stream
    a, b = plan.affine(stream)
    if border or b.any() or not np.allclose(a, a[0], rtol=1e-6, atol=0):
        raise Refused("channels must be padded with 0, behind a quantiser with one scale")
    tensor = plan.emit("pad_channels", operation.name, (stream.tensor,), {"before": before, "after": after})
    return replace(stream, tensor=tensor, shape=_longer(stream, {"c": before + after}), alone=True)
