"""QuantizeLinear and DequantizeLinear, the quantisers of ONNX itself.

An activation is quantised by a QuantizeLinear, a Clip if it has fewer bits than the type, and a DequantizeLinear. The
range is known at the last of them, so that one makes the engine. Weights are a DequantizeLinear of constants.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.quant import activation
from quantize.qonnx.quantizer import Quantizer
from quantize.qonnx.values import Constant, Integers, Refused, Stream, Value, Weights
from quantize.tensor import signed_width

TYPES = ("int8", "uint8", "int16", "uint16")
BIASES = ("int32", "int64")
OUTPUT_TYPES = {0: "uint8", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16"}  # ONNX's number of a type -> the type


def quantize(plan: Plan, operation: Operation) -> Value:
    """QuantizeLinear of an activation."""
    stream = plan.stream(operation.inputs[0])
    scale, zeros = _parameters(plan, operation, len(stream.shape))
    zero = int(zeros.ravel()[0])
    if (zeros != zero).any():
        raise Refused("the zero points of an activation must be one number; use per-tensor quantisation")
    kind = zeros.dtype.name
    if plan.optional(operation, 2) is None:
        kind = OUTPUT_TYPES.get(int(operation.attributes.get("output_dtype", 0)), "another type")
    if kind not in TYPES:
        raise Refused(f"it must quantise to {', '.join(TYPES)}, not {kind}; give it a zero point of int8")
    ends = np.iinfo(kind)
    return Integers(operation, scale, zero, (int(ends.min), int(ends.max)), True)


def dequantize(plan: Plan, operation: Operation) -> Value:
    """DequantizeLinear of a QuantizeLinear, of weights, of a bias, or of the graph's integers."""
    name = operation.inputs[0]
    value = plan.value(name)
    if isinstance(value, Constant):
        return _constant(plan, operation, value.value)
    if isinstance(value, Integers):
        return _activation(plan, operation, value)
    stream = plan.stream(name)
    scale, zeros = _parameters(plan, operation, len(stream.shape))
    stream, scale = aligned(plan, stream, scale)
    chain = stream.chain.add(-stream.channelwise(zeros.astype(np.float64))) if zeros.any() else stream.chain
    return replace(stream, chain=chain.multiply(scale).cast(np.float32))


def _activation(plan: Plan, operation: Operation, value: Integers) -> Stream:
    ndim = max(value.scale.ndim, 1)
    scale, zeros = _parameters(plan, operation, ndim)
    if (zeros != value.zero).any() or not np.array_equal(scale.ravel(), value.scale.ravel()):
        raise Refused(f"its scale and zero point must be those of {value.operation.name} before it")
    lo, hi = (end - value.zero for end in value.limits)
    key = (value.operation.name, (lo, hi))
    if key not in plan.quantised:
        form = Quantizer(signed_width(lo, hi), True, False, "ROUND", value.scale, (lo, hi))
        plan.quantised[key] = activation(plan, value.operation, form)
    alone = value.alone and plan.graph.readers[operation.inputs[0]] == 1
    return replace(plan.quantised[key], alone=alone)


def _constant(plan: Plan, operation: Operation, value: np.ndarray) -> Value:
    """Weights of at most 8 bits, or the real numbers of a bias."""
    scale, zeros = _parameters(plan, operation, value.ndim)
    kind = value.dtype.name
    if kind not in (*TYPES, *BIASES):
        raise Refused(f"it must read integers of {', '.join((*TYPES, *BIASES))}, not {kind}")
    integers = value.astype(np.int64) - zeros.astype(np.int64)
    if kind in BIASES or not value.ndim:
        return Constant(np.asarray(integers.astype(scale.dtype) * scale))
    if integers.size and (integers.min() < -128 or integers.max() > 127):
        raise Refused(f"weights less their zero point must be -128 to 127, not {integers.min()} to {integers.max()}; "
                      "quantise them symmetrically to int8")
    scale = scale.reshape((1,) * (value.ndim - scale.ndim) + scale.shape)
    return Weights(integers, scale, 1 if (np.abs(integers) == 1).all() else 8, operation.name)


def _parameters(plan: Plan, operation: Operation, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The scale and the zero point, both of which broadcast to a tensor of so many dimensions."""
    if len(operation.inputs) < 2 or int(operation.attributes.get("block_size", 0)):
        raise Refused("it must have a scale, for the tensor or for each channel; use no blocks")
    scale, zeros = plan.constant(operation.inputs[1]), plan.optional(operation, 2)
    if (scale <= 0).any():
        raise Refused(f"its scale must be positive, not {scale.min():g}")
    if zeros is None:
        zeros = np.zeros(scale.shape, np.uint8)
    if scale.size == 1:
        return scale.reshape(()), zeros.reshape(())
    axis = int(operation.attributes.get("axis", 1)) % dimensions
    shape = tuple(-1 if index == axis else 1 for index in range(dimensions))
    return scale.reshape(shape), zeros.reshape(shape)
