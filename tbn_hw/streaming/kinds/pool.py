"""Max and average pools: windows of each channel by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from amaranth.hdl import Shape

from hdl.avg_pool import AvgPool
from hdl.max_pool import MaxPool
from hdl.pool import BLOCK_ROWS, Pool, overlap_of
from hdl.stream import payload_shape
from hdl.stream_queue import Queue
from quantize.network import Node, TensorType
from quantize.nodes.window import Window
from tbn_hw.costs.features import pieces_of
from tbn_hw.costs.memory import ram
from tbn_hw.costs.piece import Piece, bits_of
from tbn_hw.families.registry import find_family
from tbn_hw.streaming.kinds.kind import Group, Job, Kind, window_ends
from tbn_hw.streaming.terms import Folding


class _PoolKind(Kind):
    """`pe` channels at once."""

    group: Group = "pool"

    def spread(self, node: Node, y: TensorType, folding: Folding, ideal: int) -> int:
        """The last row of its windows gives a row of results at once."""
        return y.size // folding.pe

    def ideal_cycles(self, node: Node, x: TensorType, y: TensorType, folding: Folding, i_par: int) -> int:
        """Padding takes cycles."""
        return max(super().ideal_cycles(node, x, y, folding, i_par), self.places(node, x, folding)[1])

    def window_end(self, node: Node, x: TensorType, y: TensorType) -> np.ndarray:
        """A window that ends in the padding at the bottom waits for the whole picture: the border goes row by row."""
        down, across = window_ends(node, y)
        ends = (down[:, None] - 1) * x.width + np.minimum(across, x.width)
        return np.where(down[:, None] > x.height, x.height * x.width, ends).ravel()

    def places(self, node: Node, x: TensorType, folding: Folding) -> tuple[np.ndarray, int]:
        window, folds = _window(node, x), x.channels // folding.pe
        (height, width), (top, left, _, _) = window.padded(x.height, x.width), window.padding
        pixels = (np.arange(x.height)[:, None] + top) * width + np.arange(x.width) + left
        return (pixels.reshape(-1, 1) * folds + np.arange(folds)).ravel(), height * width * folds

    def reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding) -> tuple[np.ndarray, np.ndarray]:
        window, folds = _window(node, x), x.channels // folding.pe
        (down, across), (top, left, _, _) = window_ends(node, y), window.padding
        pixels = (down[:, None] - 1 + top) * window.padded(x.height, x.width)[1] + across - 1 + left
        read = (pixels.reshape(-1, 1) * folds + np.arange(folds)).ravel()
        return read, np.arange(len(read))

    @staticmethod
    def pool(component: Any, job: Job, **more: int) -> list[Any]:
        """The pool, and in front of it a queue for what comes while a border goes out.

        A converter that makes a word of several beats has no time to catch up. In any other engine the words that wait
        come faster than the border takes time.
        """
        x, window = job.link.tensor, _window(job.node, job.link.tensor)
        pool = component(shape=job.link.shape, height=x.height, width=x.width, channels=x.channels, par=job.folding.pe,
                         **vars(window), **more)
        top, left, bottom, right = window.padding
        border = ((top + bottom) * window.padded(x.height, x.width)[1] + left + right) * pool.folds
        if job.link.par >= pool.par or border < pool.par // job.link.par:
            return [pool]
        return [Queue(shape=payload_shape(pool.i), depth=max(2, -(-border * job.link.par // pool.par) + 1)), pool]


class MaxPoolKind(_PoolKind):
    def parts(self, job: Job) -> list[Any]:
        return self.pool(MaxPool, job)


class AvgPoolKind(_PoolKind):
    def parts(self, job: Job) -> list[Any]:
        x = job.link.tensor
        return self.pool(AvgPool, job, shift=job.node.integer("shift", 0), lo=x.lo, hi=x.hi)


def _window(node: Node, x: TensorType) -> Window:
    """The windows of a pool, without padding that they do not reach: each pixel of it would take a cycle."""
    return Window.of(node).trimmed(x.height, x.width)


@pieces_of.register
def _pieces(pool: Pool, family: str) -> Iterator[Piece]:
    par, luts, ff, blocks, moved, combined, overlapping = pool.par, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    inputs = counters = phases = 0
    for _, axis, depth, before, after in pool.steps:
        taken, width, overlap = Shape.cast(before).width, Shape.cast(after).width, overlap_of(axis)
        if axis.kernel > 1 and depth > 1:
            found = ram(depth, par * overlap * width, family)
            luts, ff, blocks = luts + found[0], ff + found[1], blocks + found[2]
        if axis.kernel > 1 and depth >= BLOCK_ROWS:
            moved += par * (taken + (0 if find_family(family).estimates.reads_into_block else overlap * width))
        combined += par * overlap * width if axis.kernel > 1 else 0
        overlapping += par * (overlap - 1) * width
        phases += overlap * bits_of(overlap * axis.stride)
        inputs += par * taken
        counters += bits_of(axis.size) + bits_of(depth)
    if pool.padded:  # a border has counters of its own, and a multiplexer for each bit
        counters += bits_of(pool.across.padded) + bits_of(pool.down.padded) + bits_of(pool.folds)
        luts += payload_shape(pool.i).size
    yield Piece("max_pool" if isinstance(pool, MaxPool) else "avg_pool", {
        "one": 1,
        "input bit": inputs,
        "combined bit": combined,
        "overlap bit": overlapping,
        "counter bit": counters,
        "phase": phases,
        "ram lut": luts,
        "ram bit": ff,
        "moved bit": moved,
    }, bram=blocks)
