"""Max and average pools: windows of each channel by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hdl.avg_pool import AvgPool
from hdl.max_pool import MaxPool
from hdl.pool import BLOCK_ROWS, Pool
from quantize.network import Node, TensorType
from tbn_hw.costs.features import pieces_of
from tbn_hw.costs.memory import ram
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.families.registry import find_family
from tbn_hw.streaming.kinds.kind import Group, Job, Kind, geometry
from tbn_hw.streaming.terms import Folding


class _PoolKind(Kind):
    """`pe` channels at once."""

    group: Group = "pool"

    def spread(self, node: Node, y: TensorType, folding: Folding, ideal: int) -> int:
        """The last row of its windows gives a row of results at once."""
        return y.size // folding.pe

    @staticmethod
    def pool(component: Any, job: Job, **more: int) -> Any:
        x, (kernel, stride, _) = job.link.tensor, geometry(job.node)
        return component(shape=job.link.shape, height=x.height, width=x.width, channels=x.channels, kernel=kernel,
                         stride=stride, par=job.folding.pe, **more)


class MaxPoolKind(_PoolKind):
    def parts(self, job: Job) -> list[Any]:
        return [self.pool(MaxPool, job)]


class AvgPoolKind(_PoolKind):
    def parts(self, job: Job) -> list[Any]:
        x = job.link.tensor
        return [self.pool(AvgPool, job, shift=job.node.integer("shift", 0), lo=x.lo, hi=x.hi)]


@pieces_of.register
def _pieces(pool: Pool, family: str) -> Iterator[Piece]:
    i_width, line, window = (shape.width if hasattr(shape, "width") else 1 for shape in pool.shapes)
    par, kernel, stride, folds = pool.par, pool.kernel, pool.stride, pool.folds
    overlap = -(-kernel // stride)
    luts = ff = blocks = moved = 0.0
    for depth, taken, width in ((folds, i_width, line), (pool.out_width * folds, line, window)):
        if kernel > 1 and depth > 1:
            found = ram(depth, par * overlap * width, family)
            luts, ff, blocks = luts + found[0], ff + found[1], blocks + found[2]
        if kernel > 1 and depth >= BLOCK_ROWS:
            moved += par * (taken + (0 if find_family(family).estimates.reads_into_block else overlap * width))
    yield Piece("max_pool" if isinstance(pool, MaxPool) else "avg_pool", {
        "one": 1,
        "input bit": par * (i_width + line),
        "combined bit": par * overlap * (line + window) if kernel > 1 else 0,
        "overlap bit": par * (overlap - 1) * (line + window),
        "counter bit": bits_of(pool.width) + bits_of(pool.height) + bits_of(folds) + bits_of(pool.out_width * folds),
        "phase": 2 * overlap * bits_of(overlap * stride),
        "ram lut": luts,
        "ram bit": ff,
        "moved bit": moved,
    }, bram=blocks)
