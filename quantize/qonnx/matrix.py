"""Conv, MatMul and Gemm: the nodes with weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from quantize.chain import Chain
from quantize.nodes.window import Window
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.requantize import emit_requantize
from quantize.qonnx.values import (
    Condition,
    Constant,
    Integers,
    Refused,
    Stream,
    Unknown,
    UnknownInputError,
    Value,
    Weights,
)
from quantize.qonnx.windows import window_of


@dataclass(frozen=True)
class Matrix:
    """Integer weights with the output channel first. `scale` is the real value of 1 in each row.

    `kind` is "binary" or "int8".
    """

    integers: np.ndarray
    scale: np.ndarray
    kind: str


def matrix(plan: Plan, name: str) -> Matrix:
    """The weights (c_out, ...) in a tensor. Raises Refused when they are not 1 or 8 bits wide with one scale a row."""
    value = plan.value(name)
    if isinstance(value, Unknown):
        raise UnknownInputError
    if isinstance(value, Stream | Integers | Condition):
        raise Refused(f"its weights {name!r} must be a constant, not an activation")
    if isinstance(value, Constant):
        return _plain(plan.constant(name))
    if value.bits not in (1, 8):
        raise Refused(f"weights must have 1 bit or 8 bits, not {value.bits}; use BipolarQuant, or a bit width of 8",
                      value.source)
    scale = np.broadcast_to(value.scale, value.integers.shape).reshape(len(value.integers), -1).astype(np.float64)
    if not np.allclose(scale, scale[:, :1], rtol=1e-6, atol=0):
        raise Refused("weights must have one scale, or one for each output channel", value.source)
    if value.integers.min() < -128 or value.integers.max() > 127:
        raise Refused("weights of 8 bits must be signed; set signed=1", value.source)
    return Matrix(value.integers, scale[:, 0], "binary" if value.bits == 1 else "int8")


def _plain(value: np.ndarray) -> Matrix:
    """Weights without a quantiser in the graph: binary or ternary with a scale for each row, or 8-bit integers.

    tf2onnx multiplies the factors of a batch norm into them. Raises Refused for others.
    """
    if value.ndim < 2:
        raise Refused(f"its weights must have at least two dimensions, not {value.ndim}")
    rows = np.abs(value.reshape(len(value), -1))
    scale = rows.max(axis=1, initial=0)
    ternary = value.dtype.kind == "f" and _one_of(rows, scale[:, None])
    if not (ternary and rows.all()) and np.isin(value, range(-128, 128)).all():
        return Matrix(value.astype(np.int64), np.ones(len(value)), "int8")
    if ternary:
        scale = np.where(scale > 0, scale, 1).astype(np.float64)
        return Matrix(np.sign(value).astype(np.int64), scale, "binary" if rows.all() else "int8")
    raise Refused("its weights are not quantised; put a BipolarQuant, or a Quant of 8 bits, on them")


def _one_of(rows: np.ndarray, scale: np.ndarray) -> bool:
    """Whether every number is 0 or the scale of its row."""
    return bool(((rows == 0) | np.isclose(rows, scale, rtol=1e-6, atol=0)).all())


def conv(plan: Plan, operation: Operation) -> Value:
    if int(operation.attributes.get("group", 1)) != 1:
        raise Refused("grouped and depthwise convolutions have no engine; use group=1")
    weights = matrix(plan, operation.inputs[1])
    if weights.integers.ndim != 4:
        raise Refused(f"its weights must have four dimensions, not {weights.integers.ndim}; a convolution of one "
                      "dimension is one of a picture of height 1")
    bias = plan.optional(operation, 2)
    stream = plan.stream(operation.inputs[0])
    if stream.axes != "nchw":
        raise Refused("its input must be (1, channels, height, width)")
    if weights.integers.shape[1] != stream.shape[1]:
        raise Refused(f"its weights take {weights.integers.shape[1]} channels, its input has {stream.shape[1]}")
    kernel, size = weights.integers.shape[2:], (stream.shape[2], stream.shape[3])
    window, border = window_of(operation, (kernel[0], kernel[1]), size), 0.0
    if stream.padded:
        if any(window.padding):
            raise Refused("it must not pad behind a Pad; put all padding into one of them")
        window, border = window.with_padding(stream.pad[0]), stream.pad[1]
    turned = replace(weights, integers=weights.integers.transpose(0, 2, 3, 1))
    return _emit(plan, operation, stream, turned, window, border, bias)


def matmul(plan: Plan, operation: Operation) -> Value:
    value = plan.value(operation.inputs[1])
    if isinstance(value, Unknown):
        raise UnknownInputError
    if isinstance(value, Stream | Integers | Condition):
        raise Refused("its second input must be weights; a product of two activations has no engine")
    return _dense(plan, operation, transposed=True, bias=None)


def gemm(plan: Plan, operation: Operation) -> Value:
    if operation.attributes.get("transA", 0) or float(operation.attributes.get("alpha", 1.0)) != 1.0:
        raise Refused("it must have transA=0 and alpha=1")
    bias = plan.optional(operation, 2)
    if bias is not None:
        bias = bias * float(operation.attributes.get("beta", 1.0))
    return _dense(plan, operation, transposed=not operation.attributes.get("transB", 0), bias=bias)


def _dense(plan: Plan, operation: Operation, *, transposed: bool, bias: np.ndarray | None) -> Value:
    name = operation.inputs[1]
    value = plan.values[name]
    if transposed and not isinstance(value, Unknown | Stream | Integers | Condition):
        changed = value.map(np.transpose) if isinstance(value, Weights) else Constant(value.value.T)
        name = f"{name}, transposed"
        plan.values[name] = changed
    weights = matrix(plan, name)
    stream = plan.stream(operation.inputs[0])
    if stream.axes != "nc" or weights.integers.ndim != 2:
        raise Refused("its input must be flat (1, features); put a Flatten before it")
    if weights.integers.shape[1] != stream.shape[1]:
        raise Refused(f"its weights take {weights.integers.shape[1]} features, its input has {stream.shape[1]}")
    stream = plan.flattened(stream)
    if stream.order is not None:
        ordered = np.empty_like(weights.integers)
        ordered[:, stream.order] = weights.integers
        weights = replace(weights, integers=ordered)
    out = _emit(plan, operation, stream, weights, None, 0.0, bias)
    return replace(out, order=None)


def _emit(plan: Plan, operation: Operation, stream: Stream, weights: Matrix, window: Window | None,
          border: float, bias: np.ndarray | None) -> Stream:
    """Add a conv item, or a dense one without a window.

    The scale and the offset of its input's integers go into the result's chain.
    """
    a, b = plan.quantised_input(stream)
    unit = float(np.abs(a).max())
    if unit == 0 or not np.allclose(np.abs(a), unit, rtol=1e-6, atol=0):
        raise Refused("its input's channels must have one scale; scale the weights instead, or use per-tensor scales")
    sign = np.sign(a)
    if window is not None and any(window.padding):
        stream, b, arrays = _border(plan, operation, stream, a, b, border)
    else:
        arrays = {}
    integers = weights.integers * sign.astype(np.int64)
    if integers.max() > 127:
        raise Refused("its 8-bit weights must be narrow where a channel of its input is negated; set narrow=1")
    arrays = {"weights": np.ascontiguousarray(integers.astype(np.int8)), **arrays}
    attrs = window.attrs(pads=True) if window is not None else {}
    tensor = plan.emit("conv" if attrs else "dense", operation.name, (stream.tensor,),
                       {**attrs, "weights": weights.kind}, arrays)
    scale = weights.scale[0] if (weights.scale == weights.scale[0]).all() else weights.scale
    chain = Chain().multiply(unit * scale)
    if b.any():
        chain = chain.add(weights.scale * (weights.integers * b).reshape(len(integers), -1).sum(axis=1))
    chain = chain.cast(stream.chain.dtype)  # the sum, rounded once
    if bias is not None:
        chain = chain.add(np.broadcast_to(bias.reshape(-1), (len(integers),)))
    kind = plan.types[tensor]
    shape = (1, kind.channels, kind.height, kind.width) if attrs else (1, kind.channels)
    return Stream(tensor, shape, stream.axes, chain)


def _border(plan: Plan, operation: Operation, stream: Stream, a: np.ndarray, b: np.ndarray,
            border: float) -> tuple[Stream, np.ndarray, dict[str, np.ndarray]]:
    """The stream, its offset b, and the arrays of the conv (`pad` or none), for a border of the real value `border`.

    Engines pad integers with 0. If the border stands for another integer, a requantize moves the stream's integers.
    """
    kind = plan.types[stream.tensor].kind
    value = (border - b) / a
    if kind == "binary":
        pad = np.rint(value)
        if not np.allclose(value, pad, atol=1e-4) or not np.isin(pad, (-1, 1)).all():
            raise Refused("binary activations have no zero to pad with; put a Pad with the quantiser's scale as value "
                          "before it and no pads in it, or use ternary activations")
        return stream, b, {} if (pad == 1).all() else {"pad": pad.astype(np.int8)}
    if not value.any():
        return stream, b, {}
    zero = np.rint(value)
    if kind != "int" or not np.allclose(value, zero, atol=1e-4) or not (zero == zero[0]).all():
        raise Refused("the value it pads with is no integer of its input; pad with 0, or quantise the input to a "
                      "zero point of 0")
    source, move = plan.types[stream.tensor], -int(zero[0])
    moved = emit_requantize(plan, f"{operation.name}.requantize", stream, np.ones(len(a)), np.full(len(a), float(move)),
                            source.lo + move, source.hi + move)
    return replace(stream, tensor=moved.tensor), b - a * move, {}
