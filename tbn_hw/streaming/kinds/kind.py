"""What the streaming architecture knows of a node kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from quantize.network import Node, TensorType
from tbn_hw.streaming.terms import Folding, Link

Group = Literal["matrix", "scale", "pool", "join", "move"]
"""Engines that a report draws alike."""


@dataclass(frozen=True)
class Job:
    """What an engine is made for: a node, the links that it reads, its folding, and the family of its cells.

    `o_par` is the number of elements in a beat of its output, 0 for as many as it makes at once.
    """

    node: Node
    inputs: Sequence[Link]
    folding: Folding
    family: str = "portable"
    o_par: int = 0

    @property
    def link(self) -> Link:
        """The first input, of most nodes the only one."""
        return self.inputs[0]

    @property
    def pixels(self) -> int:
        """Pixels of a frame of the first input."""
        return self.link.tensor.height * self.link.tensor.width


class Kind(ABC):
    """One node kind. What is not overridden is right for an engine that turns beats of `pe` elements into beats of `pe`
    elements, pixel by pixel or window by window.

    Methods take the type `x` of the node's first input and the type `y` of its output.
    """

    has_engine = True
    """Whether a node has an engine; the stream of one that has none is its input's under another shape."""

    has_weights = False
    """Whether it multiplies a matrix of weights, `node.arrays["weights"]`, behind a sliding window."""

    ports: tuple[str, ...] = ("i",)
    """The engine's input ports, in the order of the node's inputs."""

    group: Group = "move"

    @property
    def joins(self) -> bool:
        """Whether the engine takes two streams together, which need queues in front of it."""
        return len(self.ports) > 1

    @abstractmethod
    def parts(self, job: Job) -> list[Any]:
        """The components that do the work, one behind the other; of a join, the one with its ports."""

    def sizes(self, node: Node, x: TensorType) -> Mapping[str, int]:
        """What PE must divide, and SIMD, by name; SIMD is 1 where there is one size only."""
        return {"channels": x.channels}

    def word(self, node: Node, channels: int, folding: Folding) -> int:
        """Elements in one input beat of the parts, of an input of so many channels."""
        return folding.pe

    def made(self, node: Node, folding: Folding) -> int:
        """Elements that the parts make at once."""
        return folding.pe

    def ideal_cycles(self, node: Node, x: TensorType, y: TensorType, folding: Folding, i_par: int) -> int:
        """Clock cycles a frame that no engine of this folding can beat: the most of its work, its input and its output.

        `i_par` is the number of elements in one beat of its input, or behind its width converter if fewer.
        """
        return max(x.size // i_par, y.size // self.made(node, folding))

    def spread(self, node: Node, y: TensorType, folding: Folding, ideal: int) -> int:
        """Cycles over which an engine's beats come, of a frame's `ideal` ones: all, unless it has none to give for rows
        and then one after the other."""
        return ideal

    def window_end(self, node: Node, x: TensorType, y: TensorType) -> np.ndarray:
        """How many pixels of the input, in stream order, each pixel of the output waits for, within one frame."""
        kernel, stride, padding = geometry(node)
        rows = np.minimum(np.arange(y.height) * stride - padding + kernel, x.height)
        columns = np.minimum(np.arange(y.width) * stride - padding + kernel, x.width)
        return ((rows[:, None] - 1) * x.width + columns[None, :]).ravel()

    def reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding) -> tuple[np.ndarray, np.ndarray]:
        """Which of a frame's words that the parts take is the last before each beat that they make, by number; and
        which of these beats pass that word on, so that they leave with it. Not asked of kinds with weights."""
        folds = x.channels // folding.pe
        return self._reads(node, x, y, folding, np.arange(folds), np.arange(folds))

    def _reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding, words: np.ndarray,
               own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same from one pixel's: the word of each of its beats, and those of its beats that pass a word on."""
        pixels = self.window_end(node, x, y) - 1
        read = pixels[:, None] * (x.channels // folding.pe) + words
        return read.ravel(), (np.arange(len(pixels))[:, None] * len(words) + own).ravel()


def geometry(node: Node) -> tuple[int, int, int]:
    """Kernel, stride and padding of a node's windows: single pixels where it has none."""
    return node.integer("kernel", 1), node.integer("stride", 1), node.integer("padding", 0)
