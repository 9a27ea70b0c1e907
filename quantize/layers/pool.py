"""Max and average pools of any windows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quantize.nodes.window import Window


class _Pool(nn.Module):
    """A pool, (n, c, h, w) to (n, c, h', w')."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window


class MaxPool(_Pool):
    """The largest value of each window. Padding has no part in it."""

    def forward(self, x: Tensor) -> Tensor:
        window = self.window
        return F.max_pool2d(bordered(x, window, -torch.inf), window.kernel, window.stride, dilation=window.dilation)


class AvgPool(_Pool):
    """The average of each window. Padding counts as zeros."""

    def forward(self, x: Tensor) -> Tensor:
        window = self.window
        return F.avg_pool2d(bordered(x, window, 0.0), window.kernel, window.stride)


def bordered(x: Tensor, window: Window, value: float) -> Tensor:
    """Return ``x`` with the window's padding around its last two axes."""
    if not any(window.padding):
        return x
    top, left, bottom, right = window.padding
    return F.pad(x, (left, right, top, bottom), value=value)
