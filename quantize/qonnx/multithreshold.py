"""MultiThreshold of FINN: the number of thresholds that an activation reaches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain
from quantize.qonnx.elementwise import aligned
from quantize.qonnx.graph import Operation
from quantize.qonnx.plan import Plan
from quantize.qonnx.requantize import emit_requantize, note_differences
from quantize.qonnx.values import Refused, Stream

MOST = 255
LAYOUTS = {"": "nchw", "NCHW": "nchw", "NHWC": "nhwc", "NC": "nc"}


def multi_threshold(plan: Plan, operation: Operation) -> Stream:
    """One threshold is a binary activation, two are a ternary one, and more are a requantize if they are even."""
    stream, thresholds = _thresholds(plan, operation)
    scale, bias = (float(operation.attributes.get(f"out_{key}", value)) for key, value in (("scale", 1), ("bias", 0)))
    if not np.isfinite([scale, bias]).all() or scale == 0:
        raise Refused(f"its out_scale must be finite and not 0, and its out_bias finite, not {scale:g} and {bias:g}")
    if len(thresholds) > 2:
        return _even(plan, operation, stream, thresholds, scale, bias)
    if len(thresholds) == 1:
        made = {"levels": "binary"}
        chain, delta, unit, middle = stream.chain.add(-thresholds[0]), 0.0, scale / 2, bias + scale / 2
    else:
        made = {"levels": "ternary"}
        chain, delta, unit, middle = stream.chain.count(*thresholds).add(-1.0), 1.0, scale, bias + scale
    tensor = plan.emit("threshold", operation.name, (stream.tensor,), made, chain=chain, delta=delta)
    after = Chain().multiply(unit)
    if middle:
        after = after.add(middle)
    return replace(stream, tensor=tensor, chain=after.cast(np.float32), alone=True)


def _thresholds(plan: Plan, operation: Operation) -> tuple[Stream, np.ndarray]:
    """The stream, and the thresholds (n, channels) or (n, 1) in ascending order."""
    stream, table = plan.stream(operation.inputs[0]), plan.constant(operation.inputs[1])
    layout = str(operation.attributes.get("data_layout", ""))
    if stream.axes != "nc" and LAYOUTS.get(layout) != stream.axes:
        raise Refused(f"its data_layout must be that of its input, {stream.axes.upper()}, not {layout!r}")
    channels = stream.shape[stream.axes.index("c")]
    if table.ndim != 2 or table.shape[0] not in (1, channels) or not 1 <= table.shape[1] <= MOST:
        raise Refused(f"its thresholds must be ({channels} or 1, 1 to {MOST}), not {table.shape}")
    rows = np.sort(table, axis=1).T
    stream, _ = aligned(plan, stream, rows[0].reshape((-1, 1, 1) if stream.axes == "nchw" else -1))
    if stream.order is not None and len(table) > 1:
        ordered = np.empty_like(rows)
        ordered[:, stream.order] = rows
        rows = ordered
    return stream, rows


def _even(plan: Plan, operation: Operation, stream: Stream, thresholds: np.ndarray, scale: float,
          bias: float) -> Stream:
    """Thresholds at equal distances, to within the integers between them, as a requantize that rounds down."""
    a, b = plan.affine(stream)
    if (a == 0).any():
        raise Refused("its input is constant in some channels; remove these channels")
    sign, most = np.sign(a), len(thresholds)
    ends = np.ceil((thresholds - b) / np.abs(a)) - 0.5  # x * sign reaches the threshold where it is above this
    first, step = _line(ends)
    if not (step > 0).all() or (np.abs(first + step * np.arange(most)[:, None] - ends) > 1 + step / 256).any():
        raise Refused(f"its {most} thresholds must lie at equal distances in each channel; use 1 or 2 thresholds, or a "
                      "quantiser with one step")
    zero = round(bias / scale)
    exact = bool(np.isclose(bias / scale, zero, rtol=0, atol=1e-6))
    move = zero if exact else 0
    out = emit_requantize(plan, operation.name, stream, sign / step, 1 - first / step + move, move, most + move,
                          floor=True)

    def wanted(x: np.ndarray) -> np.ndarray:
        value = stream.chain(np.broadcast_to(x, (len(x), len(a))))
        columns = np.broadcast_to(thresholds.astype(np.float64), (most, len(a))).T
        counts = [np.searchsorted(column, row, "right") for column, row in zip(columns, value.T, strict=True)]
        return np.stack(counts, 1) + move

    note_differences(plan, operation.name, stream, out, wanted, "the thresholds")
    after = Chain().multiply(scale)
    return replace(out, chain=(after if exact else after.add(bias)).cast(np.float32))


def _line(ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The begin and the step of a row of numbers at equal distances, for each column of `ends` (n, channels).

    The row is nowhere more than a half off `ends`, if there is such a row.
    """
    distances = range(1, len(ends))
    step = (np.max([((ends[d:] - ends[:-d] - 1) / d).max(axis=0) for d in distances], axis=0)
            + np.min([((ends[d:] - ends[:-d] + 1) / d).min(axis=0) for d in distances], axis=0)) / 2
    rest = ends - step * np.arange(len(ends))[:, None]
    return (rest.max(axis=0) + rest.min(axis=0)) / 2, step
