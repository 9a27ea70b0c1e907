"""What the streaming architecture knows of a node kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from quantize.network import Node, TensorType
from quantize.nodes.window import Window
from tbn_hw.streaming.terms import Folding, Link

Group = Literal["matrix", "scale", "pool", "join", "move"]
"""Engines that a report draws alike."""


@dataclass(frozen=True)
class Job:
    """What an engine is made for: a node, the links that it reads, its folding, and the family of its cells.

    `o_par` is the number of elements in a beat of its output, 0 for all that it makes at once.
    """

    node: Node
    inputs: Sequence[Link]
    folding: Folding
    family: str = "portable"
    o_par: int = 0

    @property
    def link(self) -> Link:
        """The first input. Most nodes have only one."""
        return self.inputs[0]

    @property
    def pixels(self) -> int:
        """Pixels of a frame of the first input."""
        return self.link.tensor.height * self.link.tensor.width


class Kind(ABC):
    """One node kind. The defaults are right for an engine that turns beats of `pe` elements into beats of `pe`
    elements, pixel by pixel or window by window.

    Methods take the type `x` of the node's first input and the type `y` of its output.
    """

    has_engine = True
    """Whether a node has an engine. Without one, its stream is that of its input under another shape."""

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
        """The components that do the work, one behind the other. A join has one component, with the join's ports."""

    def sizes(self, node: Node, x: TensorType) -> Mapping[str, int]:
        """The size that PE must divide, and the one that SIMD must divide, by name. With one size only, SIMD is 1."""
        return {"channels": x.channels}

    def word(self, node: Node, channels: int, folding: Folding) -> int:
        """Elements in one input beat of the parts, for an input of `channels` channels."""
        return folding.pe

    def made(self, node: Node, folding: Folding) -> int:
        """Elements that the parts make at once."""
        return folding.pe

    def ideal_cycles(self, node: Node, x: TensorType, y: TensorType, folding: Folding, i_par: int) -> int:
        """Fewest clock cycles a frame of any engine of this folding: the most of its work, its input and its output.

        `i_par` is the number of elements in one beat of its input, or behind its width converter if there are fewer.
        """
        return max(x.size // i_par, y.size // self.made(node, folding))

    def spread(self, node: Node, y: TensorType, folding: Folding, ideal: int) -> int:
        """Cycles over which the beats of a frame come, out of its `ideal` ones.

        These are all, unless the engine gives no beats for some rows and then one after the other.
        """
        return ideal

    def window_end(self, node: Node, x: TensorType, y: TensorType) -> np.ndarray:
        """How many input pixels, in stream order, each output pixel of a frame waits for: (output pixels,)."""
        rows, columns = (np.minimum(axis, size) for axis, size in zip(window_ends(node, y), x.shape[:2], strict=True))
        return ((rows[:, None] - 1) * x.width + columns[None, :]).ravel()

    def places(self, node: Node, x: TensorType, folding: Folding) -> tuple[np.ndarray, int]:
        """(places, count): the places of a frame's input words among the `count` words that the parts work on.

        The others are padding, which the engine makes. Kinds with weights are not asked.
        """
        words = x.size // folding.pe
        return np.arange(words), words

    def reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding) -> tuple[np.ndarray, np.ndarray]:
        """(words, beats) of a frame. `words` has the place of the last word that each beat of the parts needs.

        `beats` has the numbers of the beats that pass a word on, so that the word leaves with them. Kinds with weights
        are not asked.
        """
        folds = x.channels // folding.pe
        return self._reads(node, x, y, folding, np.arange(folds), np.arange(folds))

    def _reads(self, node: Node, x: TensorType, y: TensorType, folding: Folding, words: np.ndarray,
               own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same, from those of one pixel: the word that each of its beats needs, and its beats that pass one on."""
        pixels = self.window_end(node, x, y) - 1
        read = pixels[:, None] * (x.channels // folding.pe) + words
        return read.ravel(), (np.arange(len(pixels))[:, None] * len(words) + own).ravel()


def window_ends(node: Node, y: TensorType) -> tuple[np.ndarray, np.ndarray]:
    """The row and the column behind the last ones of each window, not clipped: (rows of windows,), (windows in a row,).
    """
    window = Window.of(node)
    down, across = (np.arange(count) * stride - before + extent for count, stride, before, extent in
                    zip(y.shape[:2], window.stride, window.padding[:2], window.extent, strict=True))
    return down, across
