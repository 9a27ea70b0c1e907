"""Maps integers to integers at another scale. It is exact where the factors are binary fractions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from quantize.chain import Chain, Multiplier, multiplier
from quantize.qonnx.plan import Plan
from quantize.qonnx.steps import Levels, stepped
from quantize.qonnx.values import Refused, Stream

MOST_SHIFT = 47
MOST_SAMPLES = 1 << 13
"""Integers that a requantize is looked at for: all of its input's, or so many spread over a wider range."""


def exact_floor(a: np.ndarray, b: np.ndarray) -> Multiplier | None:
    """The multiplier that gives exactly ``floor(a * x + b)``, or None if there is none."""
    for shift in range(MOST_SHIFT + 1):
        mult, bias = a * 2.0**shift, b * 2.0**shift
        if np.abs(mult).max() > 32767 or np.abs(bias).max() > 2**31 - 1:
            return None
        if (mult == np.rint(mult)).all() and (bias == np.rint(bias)).all():
            return Multiplier(mult.astype(np.int16), bias.astype(np.int32), shift)
    return None


def emit_requantize(plan: Plan, name: str, stream: Stream, a: np.ndarray, b: np.ndarray, lo: int, hi: int, *,
                    floor: bool = False, wanted: Levels | None = None) -> Stream:
    """Add a requantize that rounds ``a * integer + b`` to nearest, or down if ``floor``, and clips it to lo..hi.

    `wanted` is what it stands for, as `stepped` takes it. Returns its stream, with the identity as chain. Raises
    Refused when no 16-bit multiplier fits.
    """
    try:
        form = (exact_floor(a, b) if floor else None) or multiplier(a, b - 0.5 if floor else b)
    except ValueError as error:
        raise Refused(f"its scale is out of reach of 16-bit multipliers; {error}") from None
    if wanted is not None:
        form = stepped(form, wanted, plan.types[stream.tensor], lo, hi)
    tensor = plan.emit("requantize", name, (stream.tensor,), {"shift": form.shift, "lo": lo, "hi": hi},
                       {"mult": form.mult, "bias": form.bias})
    return replace(stream, tensor=tensor, chain=Chain(), alone=True)


def note_differences(plan: Plan, name: str, stream: Stream, out: Stream, wanted: Levels, whose: str) -> None:
    """Note how many integers of `stream` the requantize `out` rounds differently from what it stands for."""
    kind, item = plan.types[stream.tensor], plan.items[out.tensor]
    x = np.unique(np.linspace(kind.lo, kind.hi, min(kind.hi - kind.lo + 1, MOST_SAMPLES)).astype(np.int64))[:, None]
    want = wanted(x.astype(np.float64))
    lo, hi = (int(item.attrs[key]) for key in ("lo", "hi"))
    got = np.clip((x * item.arrays["mult"].astype(np.int64) + item.arrays["bias"]) >> item.attrs["shift"], lo, hi)
    wrong = int((got != want).any(axis=1).sum())
    if wrong:
        plan.notes.append(f"{name}: its multiplier of 16 bits differs from {whose} by at most "
                          f"{int(np.abs(got - want).max())} on {wrong} of {len(x)} integers")
