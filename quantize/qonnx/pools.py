"""MaxPool, AveragePool and GlobalAveragePool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.nodes.window import Pair, Window
from quantize.qonnx.channels_last import turned
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.values import Refused, Stream, Value
from quantize.qonnx.windows import window_of
from quantize.tensor import TensorType


def max_pool(plan: Plan, operation: Operation) -> Value:
    if len(operation.outputs) > 1:
        raise Refused("its output of indices has no engine")
    stream = _picture(plan, operation)
    window = window_of(operation, None, _size(stream), ceil=bool(operation.attributes.get("ceil_mode", 0)))
    stream = _increasing(plan, operation, stream)
    tensor = plan.emit("max_pool", operation.name, (stream.tensor,), window.attrs(pads=False))
    return replace(stream, tensor=tensor, shape=_shape(plan.types[tensor]), alone=True)


def _increasing(plan: Plan, operation: Operation, stream: Stream) -> Stream:
    """The stream with its decreasing channels negated. The largest integer then stands for the largest real value."""
    kind = plan.types[stream.tensor]
    ends = [stream.chain(np.full(kind.channels, float(end))) for end in (kind.lo, kind.hi)]
    down = ends[1] < ends[0]
    if not down.any():
        return stream
    sign = np.where(down, -1.0, 1.0)
    chain = Chain((*Chain().multiply(sign).operations, *stream.chain.operations))
    item = plan.items.get(stream.tensor)
    if item is not None and item.kind in ("conv", "dense") and stream.alone:
        weights = item.arrays["weights"].astype(np.int64) * sign.astype(np.int64).reshape(-1, 1, 1, 1)
        if weights.max() <= 127:
            plan.change(replace(item, arrays={**item.arrays, "weights": weights.astype(np.int8)}))
            return replace(stream, chain=chain)
    most = max(abs(kind.lo), abs(kind.hi))
    tensor = plan.emit("requantize", f"{operation.name}.requantize", (stream.tensor,),
                       {"shift": 0, "lo": -most, "hi": most},
                       {"mult": sign.astype(np.int16), "bias": np.zeros(len(sign), np.int32)})
    return replace(stream, tensor=tensor, chain=chain, alone=True)


def reduce_mean(plan: Plan, operation: Operation) -> Value:
    """ReduceMean over height and width, which is a global average."""
    given = plan.optional(operation, 1)
    axes = operation.integers("axes", []) if given is None else [int(axis) for axis in given.ravel()]
    stream = plan.stream(operation.inputs[0])
    if len(stream.axes) != 4 or {axis % 4 for axis in axes} != {stream.axes.index(axis) for axis in "hw"}:
        raise Refused("it must average over height and width; use GlobalAveragePool")
    last = stream.axes == "nhwc"
    stream, _ = aligned(plan, stream, np.zeros(()))
    stream = turned(stream) if last else stream
    made = _average(plan, operation, stream, _whole(stream))
    if not int(operation.attributes.get("keepdims", 1)):
        return replace(made, shape=made.shape[:2], axes="nc")
    return turned(made) if last else made


def average_pool(plan: Plan, operation: Operation) -> Value:
    stream = _picture(plan, operation)
    if operation.type == "GlobalAveragePool":
        return _average(plan, operation, stream, _whole(stream))
    window = window_of(operation, None, _size(stream))
    if operation.attributes.get("ceil_mode", 0):
        ends = zip(window.padded(*_size(stream)), window.extent, window.stride, strict=True)
        if any((padded - extent) % stride for padded, extent, stride in ends):
            raise Refused("its last window must not hang over the border; set ceil_mode=0")
    if min(window.count(*_size(stream))) >= 1:  # the network refuses the others
        window = window.trimmed(*_size(stream))
    if any(window.padding) and not operation.attributes.get("count_include_pad", 0):
        raise Refused("its padding must count in its averages; set count_include_pad=1, or pads=0")
    return _average(plan, operation, stream, window)


def _whole(stream: Stream) -> Window:
    """The window of a global pool."""
    return Window(_size(stream), _size(stream))


def _average(plan: Plan, operation: Operation, stream: Stream, window: Window) -> Stream:
    """The average of each window. The stream has its channels second."""
    a, b = plan.affine(stream)
    if any(window.padding) and b.any():
        raise Refused("the zero that it pads with is no integer 0 of its input; set pads=0, or quantise the input to a "
                      "zero point of 0")
    tensor = plan.emit("avg_pool", operation.name, (stream.tensor,), {**window.attrs(pads=False), "shift": 0})
    chain = Chain().multiply((a[0] if (a == a[0]).all() else a) / window.area)
    if b.any():
        chain = chain.add(b)
    chain = chain.cast(stream.chain.dtype)
    return replace(stream, tensor=tensor, shape=_shape(plan.types[tensor]), chain=chain, alone=True)


def _picture(plan: Plan, operation: Operation) -> Stream:
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    if stream.axes != "nchw":
        raise Refused("its input must be (1, channels, height, width)")
    return stream


def _size(stream: Stream) -> Pair:
    """Height and width of a picture."""
    return stream.shape[2], stream.shape[3]


def _shape(kind: TensorType) -> tuple[int, ...]:
    return 1, kind.channels, kind.height, kind.width
