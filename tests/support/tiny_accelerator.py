"""Inputs of the accelerator of `tiny.v`, and the outputs that it must give."""

from pathlib import Path

import numpy as np

TINY = [Path(__file__).with_name("tiny.v")]


def frames(count, fault=0, at=0):
    """(pictures (n, 3, 4, 2), values of the stream `mid`, logits, classes). Picture `at` turns on `fault`."""
    images = np.random.default_rng(1).integers(-127, 128, (count, 3, 4, 2)).astype(np.int8)
    if fault:
        images[at, 0, 0] = -128, fault
    a, b = images[..., 0].astype(int), images[..., 1].astype(int)
    middle = np.stack([a - b, a + b], axis=-1)
    logits = middle.sum(axis=(1, 2))
    return images, middle, logits, (logits[:, 1:] > logits[:, :1]).astype(int)
