"""The node kinds of a network, one file each: what a node must hold, and the type of the tensor it makes.

A kind's file has one function `infer(node, inputs) -> TensorType` that raises NetworkError for a node that breaks the
kind's rules. Adding a kind is adding a file here and a line to `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

KINDS: dict[str, Callable[[Node, Sequence[TensorType]], TensorType]] = {
    "add": add.infer,
    "avg_pool": avg_pool.infer,
    "conv": conv.infer,
    "dense": dense.infer,
    "flatten": flatten.infer,
    "max_pool": max_pool.infer,
    "pad_channels": pad_channels.infer,
    "requantize": requantize.infer,
    "threshold": threshold.infer,
    "top_k": top_k.infer,
}

_INPUTS = {"add": 2}


def infer(node: Node, inputs: Sequence[TensorType]) -> TensorType:
    """The type of `node`'s output; raises NetworkError for an unknown kind or a node that breaks its kind's rules."""
    if node.kind not in KINDS:
        raise NetworkError(f"{node.name}: kind must be one of {', '.join(sorted(KINDS))}, not {node.kind!r}")
    expected = _INPUTS.get(node.kind, 1)
    if len(inputs) != expected:
        raise NetworkError(f"{node.name}: {node.kind} must have {expected} input(s), not {len(inputs)}")
    found = KINDS[node.kind](node, inputs)
    if found.lo < -(1 << 31) or found.hi >= 1 << 31:
        raise NetworkError(f"{node.name}: its integers must fit 32 bits, not range from {found.lo} to {found.hi}")
    return found
