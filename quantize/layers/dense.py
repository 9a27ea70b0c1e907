"""Fully connected layer with binary or 8-bit weights."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from quantize.layers.weights import integer_weights


class Dense(nn.Module):
    """A dense layer, (n, c_in, 1, 1) to (n, c_out, 1, 1).

    In the ``last`` layer binary weights share one scale, so that integer logits keep the order of the real ones, and
    8-bit weights have a bias.
    """

    def __init__(self, inputs: int, outputs: int, *, weights: str, last: bool) -> None:
        super().__init__()
        self.weights, self.last = weights, last
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        bound = math.sqrt(3 / inputs)
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(outputs)) if last and weights == "int8" else None

    def integers(self) -> tuple[Tensor, Tensor]:
        """Return the integer weights and their scale, (c_out, 1) or a single number."""
        return integer_weights(self.weight, self.weights, per_tensor=self.last)

    def forward(self, x: Tensor) -> Tensor:
        integers, scale = self.integers()
        y = F.linear(x.flatten(1), integers * scale, self.bias).to(self.weight.dtype)
        return y[:, :, None, None]
