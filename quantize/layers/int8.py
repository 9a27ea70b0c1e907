"""8-bit activations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Quantise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor) -> Tensor:
        integers = torch.floor(x / scale + 0.5)
        ctx.save_for_backward((integers >= -128) & (integers <= 127))
        return integers.clamp_(-128, 127) * scale

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (inside,) = ctx.saved_tensors
        return grad * inside, None


class Int8(nn.Module):
    """Rounds to integers of -128..127 times one scale; ``peak``, the running maximum of ``|x|``, sets the scale."""

    peak: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("peak", torch.tensor(0.0))

    def step(self) -> Tensor:
        """Return the real value of an integer of 1."""
        return self.peak.clamp_min(1e-6) / 127

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                peak = x.abs().amax().to(self.peak.dtype)
                self.peak.copy_(torch.where(self.peak == 0, peak, self.peak.lerp(peak, 0.05)))
        return _Quantise.apply(x, self.step().clone())
