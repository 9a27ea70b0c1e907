"""Quant and BipolarQuant. A quantised constant is weights; a quantised activation is a threshold or a requantize."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.quantizer import NEAR, Quantizer, quantizer
from quantize.qonnx.requantize import emit_requantize, note_differences
from quantize.qonnx.values import Refused, Stream, Unknown, UnknownInputError, Value, Weights

MOST_BITS = 24
NEAREST = ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN")


def quant(plan: Plan, operation: Operation) -> Value:
    constants = [plan.constant(name) for name in operation.inputs[1:]]
    form = quantizer(operation, constants)
    value = plan.value(operation.inputs[0])
    if isinstance(value, Unknown):
        _check_activation(form)
        raise UnknownInputError
    if isinstance(value, Stream):
        _check_activation(form)
        return activation(plan, operation, form)
    real = plan.constant(operation.inputs[0])
    if np.broadcast_shapes(form.scale.shape, real.shape) != real.shape:
        raise Refused(f"its scale's shape {form.scale.shape} must broadcast to the constant's {real.shape}")
    scale = form.scale.reshape((1,) * (real.ndim - form.scale.ndim) + form.scale.shape)
    if form.bits == 1 and not form.signed:
        raise Refused("weights of 0 and 1 have no engine; use BipolarQuant")
    integers = form.integers(real / scale)
    return Weights(integers.astype(np.int64), scale, form.bits, operation.name)


def _check_activation(form: Quantizer) -> None:
    if form.bipolar or form.ternary or 2 <= form.bits <= MOST_BITS:
        if form.ternary and form.mode not in NEAR:
            raise Refused(f"a ternary activation must round to nearest, not {form.mode}")
        return
    if form.bits == 1:
        raise Refused("a 1-bit activation must be -1 or +1; use BipolarQuant")
    raise Refused(f"activations must have at most {MOST_BITS} bits, not {form.bits}")


def activation(plan: Plan, operation: Operation, form: Quantizer) -> Stream:
    """The input of `operation` in integers, by a threshold, a requantize or what made them."""
    stream, scale = aligned(plan, plan.stream(operation.inputs[0]), form.scale)
    after = Chain().multiply(scale).cast(stream.chain.dtype if operation.type == "BipolarQuant" else np.float32)
    if form.bipolar:
        tensor = plan.emit("threshold", operation.name, (stream.tensor,), {"levels": "binary"}, chain=stream.chain)
        return replace(stream, tensor=tensor, chain=after, alone=True)
    if form.ternary:
        chain = stream.chain.divide(scale)
        tensor = plan.emit("threshold", operation.name, (stream.tensor,), {"levels": "ternary"}, chain=chain,
                           delta=form.least(chain.dtype))
        return replace(stream, tensor=tensor, chain=after, alone=True)
    return _integers(plan, operation, form, stream, scale, after)


def _integers(plan: Plan, operation: Operation, form: Quantizer, stream: Stream, scale: np.ndarray,
              after: Chain) -> Stream:
    kind, (lo, hi) = plan.types[stream.tensor], form.range
    try:
        a, b, limits = stream.chain.affine(kind.channels)
    except ValueError:
        raise Refused("only the quantiser may follow a Relu or a Clip; move the Relu behind the BatchNormalization"
                      ) from None
    a, b = a / scale, b / scale
    if limits is None:
        same = _unchanged(plan, form, stream, a, b)
        if same is not None:
            return replace(same, chain=Chain((*same.chain.operations, *after.operations)))
    else:
        ends = [form.integers(np.atleast_1d(end / scale)) for end in limits]
        if any((end != end[0]).any() for end in ends):
            raise Refused("behind a Clip it must have one scale; use a per-tensor scale")
        lo, hi = (int(end[0]) for end in ends)
    if form.mode not in (*NEAREST, "FLOOR"):
        raise Refused(f"a quantiser of {form.bits} bits must round to nearest or down, not {form.mode}")
    chain = stream.chain.divide(scale)

    def wanted(x: np.ndarray) -> np.ndarray:
        return form.integers(chain(x))

    out = emit_requantize(plan, operation.name, stream, a, b, lo, hi, floor=form.mode == "FLOOR", wanted=wanted)
    note_differences(plan, operation.name, stream, out, wanted, "the quantiser")
    return replace(out, chain=after)


def _unchanged(plan: Plan, form: Quantizer, stream: Stream, a: np.ndarray, b: np.ndarray) -> Stream | None:
    """The stream itself, if the quantiser only adds whole numbers to its integers or its node can do the work.

    An add can saturate to the quantiser's width, and an average pool can shift. None if a requantize is needed.
    """
    kind, (lo, hi) = plan.types[stream.tensor], form.range
    item, shift = plan.items.get(stream.tensor), np.rint(b)
    if np.allclose(a, 1, rtol=1e-6, atol=0) and np.allclose(b, shift, atol=1e-4):
        if kind.lo + shift.min() >= lo and kind.hi + shift.max() <= hi:
            return replace(stream, chain=Chain().add(shift) if shift.any() else Chain())
        if not shift.any() and item is not None and item.kind == "add" and stream.alone and lo == -hi - 1:
            plan.change(replace(item, attrs={"width": form.bits}))
            return replace(stream, chain=Chain())
    if form.mode == "FLOOR" and item is not None and item.kind == "avg_pool" and stream.alone and not b.any():
        down = round(-np.log2(a[0]))
        if down > 0 and (a == 2.0**-down).all() and kind.lo >> down >= lo and kind.hi >> down <= hi:
            plan.change(replace(item, attrs={**item.attrs, "shift": down}))
            return replace(stream, chain=Chain())
    return None
