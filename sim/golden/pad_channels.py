"""Pad channels: zeros before and after a tensor's channels, for a ResNet's option-A shortcuts (He et al., 2015)."""

from __future__ import annotations

import numpy as np


def pad_channels(x: np.ndarray, *, before: int, after: int) -> np.ndarray:
    """(n, h, w, c) to (n, h, w, before + c + after)."""
    out = np.zeros((*x.shape[:3], before + x.shape[3] + after), x.dtype)
    out[..., before:before + x.shape[3]] = x
    return out
