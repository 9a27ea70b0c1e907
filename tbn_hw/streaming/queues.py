"""How deep the queues in front of a join must be, so that nothing ever deadlocks and nothing is slowed down.

A join (`add`) takes pixel n of both inputs together. Both are made from one tensor, the *source*, the last that all
paths to either lead through; but one path, say a, needs more of the source before it can make pixel n than the other,
b, since its convolutions look ahead. What b makes meanwhile has to wait in a queue.

Why the depth suffices, for any input, folding and stall pattern. Let `required(a, n)` be the number of source pixels
from which path a can make its first n + 1 pixels: a property of kernels, strides and padding alone, since each engine
makes a pixel once its window is there and never waits for more. Suppose the join has taken n pixels and waits for
pixel n of a. For a to be starved, the fork must be stuck before passing `required(a, n)` pixels, which it can only be
because b's queue is full. From that many source pixels b makes `made(b, required(a, n))` pixels, of which the join has
taken n; so a queue of at least max over n of (made(b, required(a, n)) - n) pixels is not full, and the fork not stuck.
Therefore a receives all it needs, and makes pixel n; the join takes it as soon as its reader does. By induction over n
every pixel passes. Blocks nested inside a path are joins with queues of their own, to which the same argument applies
first.

Where paths cross between their source and the join, a fork further on may be stuck because of another join's queue.
Then call `required(a, n)` the demand of a starved join. A full queue holds pixels from n on, and its depth says that
the pixel behind them requires more of the source than the starved side of its join; the fork that feeds it has passed
at least as much. So whichever join is starved by that fork has the larger demand: a cycle of joins that wait for each
other would have demands that rise all the way round.

An eager fork also holds the current beat for the slower branch, so one beat less would just be enough; the tests show
that a queue two beats shallower stops forever.

What throughput asks for beside that is in `tbn_hw.streaming.timetable`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from quantize.network import INPUT, Network, Node, TensorType
from tbn_hw.streaming.kinds import kind_of

FRAMES = 3


def join_depths(network: Network, join: Node) -> tuple[int, int]:
    """Pixels that the queues in front of both inputs of `join` must hold (at least 1) for freedom from deadlock."""
    a, b = join.inputs
    source = common_source(network, a, b)
    return _deadlock_depth(network, source, a, b), _deadlock_depth(network, source, b, a)


def common_source(network: Network, a: str, b: str) -> str:
    """The last tensor that all paths from the network's input to `a` and to `b` lead through."""
    through = {INPUT: {INPUT}}
    for node in network.nodes:
        through[node.name] = set.intersection(*(through[name] for name in node.inputs)) | {node.name}
    order = [INPUT, *(node.name for node in network.nodes)]
    return max(through[a] & through[b], key=order.index)


def required(network: Network, source: str, tensor: str) -> np.ndarray:
    """How many pixels of `source` suffice to make pixel n of `tensor` and all before it, for n in FRAMES frames."""
    def step(node: Node, inputs: list[np.ndarray]) -> np.ndarray:
        return np.maximum.reduce(inputs)

    return _follow(network, source, tensor, np.arange(1, FRAMES * _pixels(network.types[source]) + 1), step)


def _follow(network: Network, source: str, tensor: str, first: np.ndarray,
            step: Callable[[Node, list[np.ndarray]], np.ndarray]) -> np.ndarray:
    """A number for each pixel of `tensor`: of the source `first`, of a node what `step` makes of its last inputs'."""
    found = {source: first}
    for node in network.nodes:
        if tensor in found:
            break
        if node.name != source and all(name in found for name in node.inputs):
            y = network.types[node.name]
            inputs = []
            for name in node.inputs:
                x = network.types[name]
                inputs.append(found[name][_absolute(kind_of(node).window_end(node, x, y), _pixels(x)) - 1])
            found[node.name] = step(node, inputs)
    return found[tensor]


def _deadlock_depth(network: Network, source: str, queue: str, other: str) -> int:
    needed = required(network, source, other)
    made = np.searchsorted(required(network, source, queue), needed, side="right")
    return max(1, int((made - np.arange(len(needed))).max()))


def _pixels(tensor: TensorType) -> int:
    return tensor.height * tensor.width


def _absolute(ends: np.ndarray, pixels: int) -> np.ndarray:
    """`ends` within one frame of `pixels` pixels over FRAMES frames, never falling: pixels are made in order."""
    return np.maximum.accumulate((np.arange(FRAMES)[:, None] * pixels + ends[None, :]).ravel())
