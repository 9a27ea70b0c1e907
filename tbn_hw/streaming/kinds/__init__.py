"""The node kinds of a network in the streaming architecture, one entry each.

A kind's file says all that this architecture knows of it: the components of its engine, the sizes of its streams, its
cycles, what it waits for, how a report draws it, and what its own component costs (registered with
`tbn_hw.costs.features.pieces_of`). A new kind needs a file here and a line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping

from quantize.network import Node
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.streaming.kinds.add import AddKind
from tbn_hw.streaming.kinds.flatten import FlattenKind
from tbn_hw.streaming.kinds.kind import Job, Kind
from tbn_hw.streaming.kinds.matrix import MatrixKind
from tbn_hw.streaming.kinds.pad_channels import PadChannelsKind
from tbn_hw.streaming.kinds.pool import AvgPoolKind, MaxPoolKind
from tbn_hw.streaming.kinds.requantize import RequantizeKind
from tbn_hw.streaming.kinds.threshold import ThresholdKind
from tbn_hw.streaming.kinds.top_k import TopKKind

__all__ = ["KINDS", "Job", "Kind", "kind_of"]

KINDS: Mapping[str, Kind] = {
    "add": AddKind(),
    "avg_pool": AvgPoolKind(),
    "conv": MatrixKind(),
    "dense": MatrixKind(),
    "flatten": FlattenKind(),
    "max_pool": MaxPoolKind(),
    "pad_channels": PadChannelsKind(),
    "requantize": RequantizeKind(),
    "threshold": ThresholdKind(),
    "top_k": TopKKind(),
}


def kind_of(node: Node) -> Kind:
    """The entry of a node's kind; raises ModelRefused where there is none."""
    if node.kind not in KINDS:
        raise ModelRefused(f"{node.name}: the streaming architecture has no engine of kind {node.kind!r}")
    return KINDS[node.kind]
