"""How deep the queues in front of a join must be, so that nothing ever deadlocks.

A join (`add`) takes pixel n of both inputs together. Both inputs are made from one tensor, the *source*: the last
tensor that all paths to either input lead through. The convolutions of one path, say a, may look further ahead. Then a
needs more of the source before it can make pixel n than the other path, b. What b makes meanwhile has to wait in a
queue.

Why the depth suffices, for any input, folding and stall pattern:

1. Let `required(a, n)` be the number of source pixels from which path a can make its first n + 1 pixels. It depends on
   kernels, strides and padding alone: an engine makes a pixel once its window is there, and never waits for more.
2. Suppose the join has taken n pixels and waits for pixel n of a. If a is starved, the fork is stuck before it has
   passed `required(a, n)` pixels. The only possible cause is that b's queue is full.
3. From that many source pixels b makes `made(b, required(a, n))` pixels, and the join has taken n of them. So a queue
   of at least max over n of (made(b, required(a, n)) - n) pixels is not full, and the fork is not stuck.
4. Therefore a receives all it needs and makes pixel n. The join takes it as soon as the join's reader is ready. By
   induction over n every pixel passes.

Blocks nested inside a path are joins with queues of their own. The same argument applies to them first.

Paths may cross between their source and the join. Then a fork further on may be stuck because of another join's queue.
Call `required(a, n)` the demand of a starved join. A full queue holds pixels from n on. By its depth, the pixel behind
them requires more of the source than the starved side of its join does, and the fork that feeds the queue has passed at
least that much. So any join that this fork starves has the larger demand. Joins that wait for each other in a cycle
would have demands that rise all the way round, which is impossible.

An eager fork also holds the current beat for the slower branch, so one beat less would be just enough. The tests show
that a queue two beats shallower stops forever.

`tbn_hw.streaming.timetable` adds what throughput needs.
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
    """The last tensor on all paths from the network's input to `a` and to `b`."""
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
    """A number for each pixel of `tensor`. Those of the source are `first`.

    For a node, `step` makes them of the numbers of the last pixel that it waits for, of each input.
    """
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
