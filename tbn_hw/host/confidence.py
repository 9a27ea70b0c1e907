"""Confidence of a network whose logits are integers of no known scale: softmax at a fitted temperature."""

from __future__ import annotations

import numpy as np

STEPS = 60
LEAST, MOST = 1e-3, 1e6


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities (n, classes) of logits (n, classes) divided by a temperature."""
    scaled = np.asarray(logits, float) / temperature
    grown = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature at which the probabilities of labelled pictures fit best (Guo et al., ICML 2017).

    It minimises the cross-entropy. A share of 1 / (n + 2) of each target is spread evenly over all classes. So the
    network does not become certain when all n pictures are classified correctly.
    """
    count, classes = logits.shape
    spread = 1 / (count + 2)
    targets = np.eye(classes)[np.asarray(labels)] * (1 - spread) + spread / classes

    def loss(exponent: float) -> float:
        chances = softmax(logits, float(np.exp(exponent)))
        return float(-(targets * np.log(np.maximum(chances, 1e-300))).sum())

    low, high = np.log(LEAST), np.log(MOST)  # the loss has one minimum in 1 / temperature: golden section
    ratio = (5**0.5 - 1) / 2
    for _ in range(STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
