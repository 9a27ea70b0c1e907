"""Threshold: integers to trits by two integer thresholds a channel, or to bits by one.

Attribute `levels`: "ternary" (`t = [a >= hi] - [a <= lo]`) or "binary" (`a >= hi ? +1 : -1`). Arrays `hi` (c) and, for
ternary, `lo` (c) with lo < hi. A channel that never switches has thresholds outside its input's range.
"""

from __future__ import annotations

from collections.abc import Sequence

from quantize.tensor import NetworkError, Node, TensorType


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    (x,) = inputs
    levels = node.choice("levels", ("binary", "ternary"))
    node.only(("levels",), ("hi", "lo") if levels == "ternary" else ("hi",))
    hi = node.array("hi", (x.channels,), 33)
    if levels == "binary":
        return TensorType(x.shape, "binary", -1, 1)
    lo = node.array("lo", (x.channels,), 33)
    if not (lo < hi).all():
        channel = int((lo >= hi).argmax())
        raise NetworkError(f"{node.name}: lo must be below hi in every channel; in channel {channel} "
                           f"lo is {lo[channel]} and hi is {hi[channel]}")
    return TensorType(x.shape, "ternary", -1, 1)
