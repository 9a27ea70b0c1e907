"""The node kinds of a network, one file each: what a node must hold, and the type of the tensor it makes.

A kind's file has one function `infer(node, inputs) -> TensorType` that raises NetworkError for a node that breaks the
kind's rules. For networks of a new kind, add a file here and a line to `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from quantize.nodes import (
    add,
    avg_pool,
    conv,
    dense,
    flatten,
    max_pool,
    pad_channels,
    requantize,
    threshold,
    top_k,
)
from quantize.tensor import NetworkError, Node, TensorType


class Kind(NamedTuple):
    """The rules of a kind, and how many tensors it reads."""

    infer: Callable[[Node, Sequence[TensorType]], TensorType]
    inputs: int = 1


KINDS = {
    "add": Kind(add.infer, inputs=2),
    "avg_pool": Kind(avg_pool.infer),
    "conv": Kind(conv.infer),
    "dense": Kind(dense.infer),
    "flatten": Kind(flatten.infer),
    "max_pool": Kind(max_pool.infer),
    "pad_channels": Kind(pad_channels.infer),
    "requantize": Kind(requantize.infer),
    "threshold": Kind(threshold.infer),
    "top_k": Kind(top_k.infer),
}


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    """The type of `node`'s output; raises NetworkError for an unknown kind or a node that breaks its kind's rules."""
    if node.kind not in KINDS:
        raise NetworkError(f"{node.name}: kind must be one of {', '.join(sorted(KINDS))}, not {node.kind!r}")
    kind = KINDS[node.kind]
    if len(inputs) != kind.inputs:
        raise NetworkError(f"{node.name}: {node.kind} must have {kind.inputs} input(s), not {len(inputs)}")
    found = kind.infer(node, inputs)
    if found.lo < -(1 << 31) or found.hi >= 1 << 31:
        raise NetworkError(f"{node.name}: its integers must fit 32 bits, not range from {found.lo} to {found.hi}")
    return found
