"""Pre-activation residual block."""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from quantize.layers.fixed import Fixed


class Residual(nn.Module):
    """``shortcut(x) + body(x)``. The shortcut is the identity, or a 2x2 average with zero channels on both sides."""

    def __init__(self, body: Iterable[nn.Module], *, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.ModuleList(body)
        self.stride = stride
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before
        self.sum = Fixed(width=0)

    def forward(self, x: Tensor) -> Tensor:
        x, shortcut = self.enter(x)
        for layer in self.body[1:]:
            x = layer(x)
        if self.stride == 2:
            shortcut = F.avg_pool2d(shortcut, 2)
        if self.before or self.after:
            shortcut = F.pad(shortcut, (0, 0, 0, 0, self.before, self.after))
        return self.add(x, shortcut)

    def enter(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output of the body's first layer for ``x``, and ``x``."""
        return self.body[0](x), x

    def add(self, x: Tensor, shortcut: Tensor) -> Tensor:
        total: Tensor = self.sum(x + shortcut)
        return total
