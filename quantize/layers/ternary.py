"""Ternary activations of TBN."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Ternarise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: Tensor, gradient: str) -> Tensor:
        ctx.save_for_backward(x, delta)
        ctx.gradient = gradient
        return torch.sign(x).mul_(x.abs() >= delta)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        x, delta = ctx.saved_tensors
        if ctx.gradient == "straight_through":
            return torch.ops.aten.hardtanh_backward(grad, x, -1.0, 1.0), None, None
        u = x / delta  # the distance to the nearest multiple of 2, at most 1: 0 at 0 and 2 delta, 1 at delta
        saw = 1 - (u.abs() - 1).abs()
        return grad * (2 * saw).clamp_min(0), None, None


class Ternary(nn.Module):
    """``t = [x >= delta] - [x <= -delta]``, times 1 or ``2 * delta``.

    A running ``delta`` is the running mean of ``0.5 * E|x|`` in training, and constant in evaluation. The gradient
    passes where ``|x| <= 1`` (straight_through), or with the slope ``2 * |saw(x / delta)|`` where ``|x| <= 2 * delta``.
    """

    delta: Tensor

    def __init__(self, *, delta: float | str, gradient: str, scale: str, momentum: float) -> None:
        super().__init__()
        self.running = delta == "running"
        self.gradient, self.scale, self.momentum = gradient, scale, momentum
        self.register_buffer("delta", torch.tensor(0.4 if isinstance(delta, str) else delta))

    def step(self) -> Tensor:
        """Return the real value of a trit of +1."""
        return 2 * self.delta if self.scale == "two_delta" else torch.ones_like(self.delta)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.running:
            with torch.no_grad():
                mean = 0.5 * x.abs().mean(dtype=torch.float32)
                self.delta.lerp_(mean.clamp_min(1e-6).to(self.delta.dtype), self.momentum)
        t: Tensor = _Ternarise.apply(x, self.delta.detach().clone() if self.training else self.delta, self.gradient)
        return t * self.step() if self.scale == "two_delta" else t
