"""Weights in the hardware's form: binary with a scale, or 8-bit integers with a scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Sign(torch.autograd.Function):
    """``w >= 0 ? +1 : -1``; the gradient passes where ``|w| <= 1``."""

    @staticmethod
    def forward(ctx: Any, w: Tensor) -> Tensor:
        ctx.save_for_backward(w)
        return torch.where(w >= 0, 1.0, -1.0).to(w.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (w,) = ctx.saved_tensors
        return grad * (w.abs() <= 1)


class _Round(torch.autograd.Function):
    """The nearest integer; the gradient passes."""

    @staticmethod
    def forward(ctx: Any, w: Tensor) -> Tensor:
        return torch.round(w)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad


def integer_weights(w: Tensor, form: str, per_tensor: bool = False) -> tuple[Tensor, Tensor]:
    """Split real weights of shape (c_out, ...) into integers and a scale that broadcasts to (c_out, 1, ...).

    ``form`` is 'binary' (integers -1 and +1; the scale is ``mean|w|`` per output channel, or one number if
    ``per_tensor``) or 'int8' (integers -127..127 at one scale). 'float32' occurs only in training and leaves the
    weights as they are. All carry gradients.
    """
    if form == "float32":
        return w, w.new_ones(())
    if form == "binary":
        over = tuple(range(0 if per_tensor else 1, w.dim()))
        return _Sign.apply(w), w.abs().mean(over, keepdim=True)
    scale = w.detach().abs().amax().clamp_min(1e-12) / 127
    return _Round.apply(w / scale), scale
