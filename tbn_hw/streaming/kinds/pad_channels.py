"""Pad channels: zeros before and behind the channels of each pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import gcd
from typing import Any

import numpy as np

from hdl.pad_channels import PadChannels
from quantize.network import Node, TensorType
from tbn_hw.costs.features import payload_bits, pieces_of
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.streaming.kinds.kind import Group, Job, Kind
from tbn_hw.streaming.terms import Folding


class PadChannelsKind(Kind):
    """`pe` elements at once, either all inserted zeros or all elements of the input."""

    group: Group = "join"

    def parts(self, job: Job) -> list[Any]:
        return [PadChannels(shape=job.link.shape, channels=job.link.tensor.channels, before=job.node.integer("before"),
                            after=job.node.integer("after"), par=job.folding.pe, pixels=job.pixels)]

    def sizes(self, node: Node, x: TensorType) -> Mapping[str, int]:
        return {"channels": gcd(x.channels, node.integer("before"), node.integer("after"))}

    def reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding) -> tuple[np.ndarray, np.ndarray]:
        """The zeros before a pixel leave while its first word waits. The zeros behind it leave after its last word."""
        folds = x.channels // folding.pe
        own = node.integer("before") // folding.pe + np.arange(folds)
        words = np.clip(np.arange(y.channels // folding.pe) - own[0], 0, folds - 1)
        return self._reads(node, x, y, folding, words, own)


@pieces_of.register
def _pieces(pad: PadChannels, family: str) -> Iterator[Piece]:
    yield Piece("pad_channels", {"one": 1, "bit": payload_bits(pad.i), "counter bit": bits_of(pad.folds)})
