"""Binary activations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Binarise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(grad, x, -1.0, 1.0)


class Binary(nn.Module):
    """``x >= 0 ? +1 : -1``; the gradient passes where ``|x| <= 1``."""

    def forward(self, x: Tensor) -> Tensor:
        return _Binarise.apply(x)
