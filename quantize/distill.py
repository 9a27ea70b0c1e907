"""Distillation: a network learns from the outputs of another one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from quantize.spec import Distill


def distill_loss(logits: Tensor, taught: Tensor, labels_loss: Tensor, recipe: Distill) -> Tensor:
    """Return the loss of a batch from its own and the teacher's logits (n, classes) and the labels' loss.

    Formula: Hinton et al., "Distilling the knowledge in a neural network", arXiv 1503.02531.
    """
    student, teacher = (torch.log_softmax(x / recipe.temperature, 1) for x in (logits, taught))
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return (1 - recipe.weight) * labels_loss + recipe.weight * recipe.temperature**2 * divergence
