"""The end of a graph: its logits as integers, and TopK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Logits, Plan
from quantize.qonnx.values import Refused, Stream

MOST_MULT = 32767
SUM_BITS = 30


def logits(plan: Plan, stream: Stream, name: str) -> Logits:
    """Make a stream the logits. Their integers have the order of the real values, to within `Logits.error`.

    Raises Refused when the stream is not flat, is quantised to 1 or 2 bits, or is constant.
    """
    key = (stream.tensor, id(stream.chain))  # a TopK and the graph's output may ask for the same logits
    if key not in plan.logits:
        plan.logits[key] = _logits(plan, stream, name)
    return plan.logits[key]


def _logits(plan: Plan, stream: Stream, name: str) -> Logits:
    kind = plan.types[stream.tensor]
    if stream.padded or kind.shape[:2] != (1, 1) or (stream.order is not None and len(stream.order) > 1):
        raise Refused(f"the graph's output must be (1, classes), not {kind.channels} channels of {kind.height}x"
                      f"{kind.width} pixels; end with a MatMul or Gemm, or with a GlobalAveragePool and a Flatten")
    if kind.kind != "int":
        raise Refused("the graph's output must be sums or 8-bit values, not quantised to 1 or 2 bits; remove its "
                      "last quantiser")
    a, b = plan.affine(stream)
    unit = float(np.abs(a).max())
    if unit == 0:
        raise Refused("the graph's output is constant")
    uniform = bool((a > 0).all() and np.allclose(a, unit, rtol=1e-6, atol=0))
    if uniform and (b == b[0]).all():
        return Logits(stream.tensor, unit, float(b[0]), 0.0)
    bias = np.rint(b / unit)
    item = plan.items.get(stream.tensor)
    if uniform and np.allclose(bias, b / unit, rtol=0, atol=1e-6) and item is not None and item.kind == "dense" \
            and not plan.read(stream.tensor) and np.abs(bias).max() < 2**31:
        plan.change(replace(item, arrays={**item.arrays, "bias": bias.astype(np.int32)}))
        return Logits(stream.tensor, unit, 0.0, 0.0)
    return _scaled(plan, stream, a, b, name)


def _scaled(plan: Plan, stream: Stream, a: np.ndarray, b: np.ndarray, name: str) -> Logits:
    """Logits with a scale for each channel, or with offsets that are no integers: as multiples of one fine unit."""
    kind = plan.types[stream.tensor]
    most = max(abs(kind.lo), abs(kind.hi), 1)
    peak = float((np.abs(a) * most + np.abs(b)).max())
    unit = max(float(np.abs(a).max()) / MOST_MULT, peak / 2**SUM_BITS)
    if (a == a[0]).all():  # make a whole multiple of the unit, so that only the offset is rounded
        unit = abs(float(a[0])) / max(1, 1 << int(np.log2(abs(float(a[0])) / unit)))
    mult, bias = np.rint(a / unit), np.rint(b / unit)
    limit = 2 ** (SUM_BITS + 1) - 1
    tensor = plan.emit("requantize", f"{name}.requantize", (stream.tensor,), {"shift": 0, "lo": -limit, "hi": limit},
                       {"mult": mult.astype(np.int16), "bias": bias.astype(np.int32)})
    error = float((np.abs(a - mult * unit) * most + np.abs(b - bias * unit)).max())
    return Logits(tensor, unit, 0.0, error)


def top_k(plan: Plan, operation: Operation) -> Stream:
    """Add a top_k item, and make the stream that it reads the logits. The result is the stream of indices."""
    count = plan.optional(operation, 1)
    k = int(operation.attributes["k"]) if count is None else int(np.ravel(count)[0])
    if int(operation.attributes.get("largest", 1)) != 1 or k < 1:
        raise Refused("it must give the largest values; set largest=1")
    return _best(plan, operation, k, int(operation.attributes.get("axis", -1)))


def arg_max(plan: Plan, operation: Operation) -> Stream:
    """Add a top_k item of the best class. The smallest index wins among equals."""
    if int(operation.attributes.get("select_last_index", 0)):
        raise Refused("it must give the first of equal values; set select_last_index=0")
    return _best(plan, operation, 1, int(operation.attributes.get("axis", 0)))


def _best(plan: Plan, operation: Operation, k: int, axis: int) -> Stream:
    stream = plan.stream(operation.inputs[0])
    if axis % len(stream.shape) != 1:
        raise Refused("it must run along the classes; set axis to 1")
    if any(plan.graph.readers[name] for name in operation.outputs if name not in plan.graph.outputs):
        raise Refused("its outputs must be outputs of the graph; remove what reads them")
    found = logits(plan, stream, operation.name)
    tensor = plan.emit("top_k", operation.name, (found.tensor,), {"k": k})
    return Stream(tensor, (1, k), "nc", Chain())
