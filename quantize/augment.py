"""Random flips, shifts and cuts of a batch of pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def augment(images: np.ndarray, names: Sequence[str], random: np.random.Generator) -> np.ndarray:
    """Return a changed copy of uint8 pictures (n, h, w, c).

    ``flip`` mirrors each left-right with a chance of one half. ``crop`` moves each by up to 4 pixels in each direction,
    and ``shift`` by up to 1. Black pixels come in at the edges.
    """
    n, height, width, _ = images.shape
    for name in names:
        if name == "flip":
            mirrored = np.asarray(random.random(n) < 0.5)
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        else:
            by = {"crop": 4, "shift": 1}[name]
            padded = np.pad(images, ((0, 0), (by, by), (by, by), (0, 0)))
            views = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
            top, left = random.integers(0, 2 * by + 1, (2, n))
            images = np.moveaxis(views[np.arange(n), top, left], 1, -1)  # (n, c, h, w) to (n, h, w, c)
    return np.ascontiguousarray(images)


def cut(images: np.ndarray, size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Cut each picture to ``size`` = (height, width) at a random place. Pictures of that size pass unchanged."""
    if images.shape[1:3] == size:
        return images
    views = np.lib.stride_tricks.sliding_window_view(images, size, axis=(1, 2))
    n, rows, columns = views.shape[:3]
    top, left = random.integers(0, rows, n), random.integers(0, columns, n)
    return np.ascontiguousarray(np.moveaxis(views[np.arange(n), top, left], 1, -1))
