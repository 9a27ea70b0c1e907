"""The accuracy of a network in the golden model's integer arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantize.network import Network
from sim.golden.runner import run
from sim.golden.top_k import top_k


@dataclass(frozen=True)
class Accuracy:
    """`correct` of `images` pictures were classified correctly."""

    images: int
    correct: int

    @property
    def percent(self) -> float:
        return 100 * self.correct / self.images


def accuracy(network: Network, images: np.ndarray, labels: np.ndarray, *,
             progress: Callable[[int], None] | None = None) -> Accuracy:
    """Accuracy on `images` (n, h, w, c), int8, with `labels` (n).

    The class is the index of the largest logit, the lowest index in a tie. `progress` is called with the number of
    images that have just been finished. Raises ValueError when there are no images, or not one label for each.
    """
    if not len(images) or labels.shape != (len(images),):
        raise ValueError(f"labels must be one for each of at least one image, not {labels.shape} for {len(images)}")
    logits = run(network, images, keep=network.outputs[:1], progress=progress)[network.outputs[0]]
    return Accuracy(len(images), int((top_k(logits, k=1).reshape(-1) == labels).sum()))
