"""Flattening of a picture to one pixel."""

from __future__ import annotations

from torch import Tensor, nn


class Flatten(nn.Module):
    """(n, c, h, w) to (n, h * w * c, 1, 1), channel fastest."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)[:, :, None, None]
