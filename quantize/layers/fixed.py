"""The fixed point of the sums of residual blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Fixed(nn.Module):
    """Passes values on and remembers their running maximum ``peak``. The exporter takes the scale from it."""

    peak: Tensor
    stage: tuple[Fixed, ...] = ()
    """The sums of all residual blocks that share the scale."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("peak", torch.tensor(0.0))

    @property
    def stage_peak(self) -> float:
        """Return the running maximum of the stage."""
        return max(float(fixed.peak) for fixed in (self, *self.stage))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.peak.copy_(torch.maximum(x.abs().amax().to(self.peak.dtype), self.peak * 0.995))
        return x
