"""Add: the join of a shortcut, element by element."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hdl.add import Add
from tbn_hw.costs.features import payload_bits, pieces_of
from tbn_hw.costs.piece import Piece
from tbn_hw.streaming.kinds.kind import Group, Job, Kind


class AddKind(Kind):
    """`pe` elements of both inputs at once."""

    ports = ("a", "b")
    group: Group = "join"

    def parts(self, job: Job) -> list[Any]:
        a, b = job.inputs
        return [Add(a_shape=a.shape, b_shape=b.shape, width=job.node.integer("width"), par=job.folding.pe)]


@pieces_of.register
def _pieces(add: Add, family: str) -> Iterator[Piece]:
    yield Piece("add", {"one": 1, "bit": payload_bits(add.o), "lane": add.par})
