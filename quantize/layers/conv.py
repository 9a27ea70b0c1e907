"""Convolution with binary or 8-bit weights."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quantize.layers.pool import bordered
from quantize.layers.weights import integer_weights
from quantize.nodes.window import Window


class Conv(nn.Module):
    """A convolution without bias, (n, c_in, h, w) to (n, c_out, h', w').

    Padding is 0, or +1 if ``pad_value`` is 1 (binary activations). The output has the weights' type if ``wide``, else
    autocast's.
    """

    wide = True

    def __init__(
        self, inputs: int, outputs: int, *, window: Window, weights: str, pad_value: int = 0
    ) -> None:
        super().__init__()
        self.window, self.weights, self.pad_value = window, weights, pad_value
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *window.kernel))
        bound = math.sqrt(3 / (inputs * window.area))
        nn.init.uniform_(self.weight, -bound, bound)

    def integers(self) -> tuple[Tensor, Tensor]:
        """Return the integer weights and their scale, (c_out, 1, 1, 1) or a single number."""
        return integer_weights(self.weight, self.weights)

    def forward(self, x: Tensor) -> Tensor:
        integers, scale = self.integers()
        window, padding = self.window, self.window.padding[:2]
        if self.pad_value or window.padding[2:] != padding:
            x, padding = bordered(x, window, float(self.pad_value)), (0, 0)
        y = F.conv2d(x, integers * scale, None, window.stride, padding, window.dilation)
        # under autocast the product is bfloat16, but batch norm and thresholds stay in the weights' own type
        return y.to(self.weight.dtype) if self.wide else y
