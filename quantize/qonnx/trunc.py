"""Trunc, which drops the low bits of a sum. It stands behind an average pool."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.quant import activation
from quantize.qonnx.quantizer import MODES, Quantizer
from quantize.qonnx.values import Refused, Stream

MOST_DROPPED = 16


def trunc(plan: Plan, operation: Operation) -> Stream:
    """Opset 1 (5 inputs) keeps the scale. Opset 2 (6 inputs) has a scale and a range of its result."""
    if len(operation.inputs) not in (5, 6):
        raise Refused(f"it must have 5 inputs, or 6 from opset 2 on, not {len(operation.inputs)}")
    values = [plan.constant(name) for name in operation.inputs[1:]]
    if any(value.size != 1 for value in values):
        raise Refused("its scale, zero point and bit widths must be single numbers; use a per-tensor scale")
    scale, zero, before, *rest = (float(value.ravel()[0]) for value in values)
    out = rest[0] if len(rest) == 2 else scale
    if zero:
        raise Refused(f"its zero point must be 0, not {zero:g}; quantise symmetrically")
    if scale <= 0 or out <= 0:
        raise Refused(f"its scales must be positive, not {scale:g} and {out:g}")
    dropped = round(np.log2(out / scale)) if len(rest) == 2 else round(before - rest[-1])
    mode = str(operation.attributes.get("rounding_mode", "FLOOR")).upper()
    if not 0 <= dropped <= MOST_DROPPED or mode not in MODES:
        raise Refused(f"it must drop 0 to {MOST_DROPPED} bits and round by one of {', '.join(MODES)}, not {dropped} "
                      f"and {mode!r}")
    stream = _whole(plan, operation, scale)
    form = _form(plan, operation, stream, dropped, mode, round(rest[-1]) if len(rest) == 2 else None)
    made = activation(plan, replace(operation, inputs=(_named(plan, operation, stream),)), form)
    shift = made.chain.affine(plan.types[made.tensor].channels)[1] / 2.0**dropped
    chain = Chain().add(shift) if shift.any() else Chain()
    return replace(made, chain=chain.multiply(out).cast(np.float32))


def _whole(plan: Plan, operation: Operation, scale: float) -> Stream:
    """The input in units of the scale. Its values are whole numbers."""
    stream, _ = aligned(plan, plan.stream(operation.inputs[0]), np.zeros(()))
    a, b = (part / scale for part in plan.affine(stream))
    whole = [np.rint(part) for part in (a, b)]
    if not np.allclose(a, whole[0], rtol=1e-5, atol=0) or not np.allclose(b, whole[1], rtol=0, atol=1e-3):
        raise Refused(f"its input must be whole multiples of its scale {scale:g}, not of {a[0] * scale:g}; set the "
                      "scale to that of the sums before it")
    chain = Chain().multiply(whole[0])
    return replace(stream, chain=(chain.add(whole[1]) if whole[1].any() else chain).cast(np.float32))


def _form(plan: Plan, operation: Operation, stream: Stream, dropped: int, mode: str, bits: int | None) -> Quantizer:
    """The quantiser that drops the bits: of the result's range, or without `bits` of all that the input can hold."""
    scale = np.asarray(2.0**dropped, np.float32)
    signed, narrow = (bool(operation.attributes.get(key, value)) for key, value in (("signed", 1), ("narrow", 0)))
    if bits is not None:
        if not 2 <= bits <= 24:
            raise Refused(f"its output must have 2 to 24 bits, not {bits}")
        form = Quantizer(bits, signed, narrow, mode, scale)
        return replace(form, limits=form.range)
    kind = plan.types[stream.tensor]
    ends = [stream.chain(np.full(kind.channels, float(end))) / 2**dropped for end in (kind.lo, kind.hi)]
    most = int(np.ceil(np.abs(ends).max())) + 1
    return Quantizer(24, True, False, mode, scale, (-most, most))


def _named(plan: Plan, operation: Operation, stream: Stream) -> str:
    """A name under which the quantiser finds the stream."""
    name = f"{operation.inputs[0]}, whole"
    plan.values[name], plan.graph.readers[name] = stream, 1
    return name
