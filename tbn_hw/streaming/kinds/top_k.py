"""Top k: the channels of the largest elements, of a frame of one pixel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hdl.top_k import TopK
from quantize.network import Node, TensorType
from tbn_hw.costs.features import payload_bits, pieces_of
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.streaming.kinds.kind import Group, Job, Kind
from tbn_hw.streaming.terms import Folding


class TopKKind(Kind):
    """`pe` elements come at once, and one beat of `k` indices goes."""

    group: Group = "pool"

    def parts(self, job: Job) -> list[Any]:
        return [TopK(shape=job.link.shape, channels=job.link.tensor.channels, k=job.node.integer("k"),
                     par=job.folding.pe)]

    def made(self, node: Node, folding: Folding) -> int:
        return node.integer("k")

    def reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding) -> tuple[np.ndarray, np.ndarray]:
        """The indices need all elements, and pass none of them on."""
        return np.array([x.size // folding.pe - 1]), np.arange(0)


@pieces_of.register
def _pieces(top: TopK, family: str) -> Iterator[Piece]:
    value, index = top.shape.width, bits_of(top.channels)
    entry = value + index + 1
    yield Piece("top_k", {"one": 1, "compared bit": top.k * value, "entry bit": top.k * entry,
                          "passed bit": (top.k - 1) * entry, "beat bit": payload_bits(top.i) if top.par > 1 else 0,
                          "index bit": index})
