"""MaxPool, AveragePool and GlobalAveragePool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.channels_last import turned
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.values import Refused, Stream, Value
from quantize.tensor import TensorType


def max_pool(plan: Plan, operation: Operation) -> Value:
    window = _window(operation)
    if len(operation.outputs) > 1:
        raise Refused("its output of indices has no engine")
    stream = _picture(plan, operation)
    _fits(operation, stream, window)
    stream = _increasing(plan, operation, stream)
    tensor = plan.emit("max_pool", operation.name, (stream.tensor,), {"kernel": window[0], "stride": window[1]})
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
    made = _average(plan, operation, turned(stream) if last else stream, None)
    if not int(operation.attributes.get("keepdims", 1)):
        return replace(made, shape=made.shape[:2], axes="nc")
    return turned(made) if last else made


def average_pool(plan: Plan, operation: Operation) -> Value:
    window = None if operation.type == "GlobalAveragePool" else _window(operation)
    return _average(plan, operation, _picture(plan, operation), window)


def _average(plan: Plan, operation: Operation, stream: Stream, window: tuple[int, int] | None) -> Stream:
    """The average of each window, or without a window of each channel. The stream has its channels second."""
    height, width = stream.shape[2:]
    if window is None and height != width:
        raise Refused(f"its input must be square, not {height}x{width}")
    kernel, stride = window or (height, height)
    _fits(operation, stream, (kernel, stride))
    a, b = plan.affine(stream)
    tensor = plan.emit("avg_pool", operation.name, (stream.tensor,), {"kernel": kernel, "stride": stride, "shift": 0})
    chain = Chain().multiply((a[0] if (a == a[0]).all() else a) / kernel**2)
    if b.any():
        chain = chain.add(b)
    chain = chain.cast(stream.chain.dtype)
    return replace(stream, tensor=tensor, shape=_shape(plan.types[tensor]), chain=chain, alone=True)


def _window(operation: Operation) -> tuple[int, int]:
    """The kernel and the stride of a pool."""
    kernel = operation.integers("kernel_shape", [])
    strides = operation.integers("strides", [1] * len(kernel))
    if len(kernel) != 2 or len(set(kernel)) != 1 or len(set(strides)) != 1:
        raise Refused(f"kernel {kernel} and strides {strides} must be the same in both directions")
    if any(operation.integers("pads", [])) or operation.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise Refused("pools must not pad; set pads=0, and choose the picture's size so that the windows fit")
    if set(operation.integers("dilations", [1, 1])) != {1}:
        raise Refused("dilated pools have no engine; use dilation 1")
    return kernel[0], strides[0]


def _picture(plan: Plan, operation: Operation) -> Stream:
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    if stream.axes != "nchw":
        raise Refused("its input must be (1, channels, height, width)")
    return stream


def _fits(operation: Operation, stream: Stream, window: tuple[int, int]) -> None:
    kernel, stride = window
    if operation.attributes.get("ceil_mode", 0) and any((side - kernel) % stride for side in stream.shape[2:]):
        raise Refused("its last window must not hang over the border; set ceil_mode=0")


def _shape(kind: TensorType) -> tuple[int, ...]:
    return 1, kind.channels, kind.height, kind.width
