"""The changes of a training step: the optimizer, its schedule, and the rules of binary weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from quantize.layers import Conv, Dense
from quantize.spec import Train


def binary_layers(model: nn.Module) -> list[Conv | Dense]:
    """Return the layers with binary weights."""
    return [module for module in model.modules() if isinstance(module, Conv | Dense) and module.weights == "binary"]


def build_optimizer(model: nn.Module, recipe: Train) -> torch.optim.Optimizer:
    """Return the recipe's optimizer. Weight decay applies to matrices, except those of binary weights."""
    weights = [layer.weight for layer in binary_layers(model)]
    binary = {id(weight) for weight in weights}
    plain = [p for p in model.parameters() if id(p) not in binary]
    groups = [{"params": weights, "weight_decay": 0.0},
              {"params": [p for p in plain if p.dim() > 1], "weight_decay": recipe.weight_decay},
              {"params": [p for p in plain if p.dim() == 1], "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.Adam(groups, lr=recipe.learning_rate)


def restore(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put an optimizer into the ``state`` of an earlier one of the same recipe and model.

    Raises
    ------
    ValueError
        If the state is of another optimizer, or not whole.
    """
    own = [_settings(group) for group in optimizer.param_groups]
    try:
        optimizer.load_state_dict(state)
        whole = [_settings(group) for group in optimizer.param_groups] == own and all(
            _is_whole(optimizer, group, parameter) for group in optimizer.param_groups for parameter in group["params"])
    except Exception:  # torch raises many kinds
        whole = False
    if not whole:
        raise ValueError("the state is not that of this optimizer")


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    """The settings of a group that the recipe decides. The rate is not among them: each step sets it."""
    return {key: value for key, value in group.items() if key not in ("params", "lr", "initial_lr")}


def _is_whole(optimizer: torch.optim.Optimizer, group: dict[str, Any], parameter: Tensor) -> bool:
    held = optimizer.state[parameter]
    averages = {"exp_avg", "exp_avg_sq"} if isinstance(optimizer, torch.optim.Adam) else {"momentum_buffer"}
    if not group.get("momentum", True):
        averages = set()
    steps = {"step"} if isinstance(optimizer, torch.optim.Adam) else set()
    return (set(held) == averages | steps and all(held[name].shape == parameter.shape for name in averages)
            and all(value.is_floating_point() and bool(torch.isfinite(value).all()) for value in held.values())
            and all(held[name].shape == () and held[name] >= 0 for name in steps))


def real_epochs(recipe: Train) -> int:
    """Return the number of epochs, at the start, in which binary weights are still real."""
    return int(recipe.real_weights * recipe.epochs)


def learning_rate(recipe: Train, step: int, steps: int) -> float:
    """Return the rate of a step: in each stage a linear warm-up, then a cosine to zero. An epoch has ``steps``."""
    first = real_epochs(recipe) * steps
    if step < first:
        last = first
    else:
        step, last = step - first, recipe.epochs * steps - first
    warm_up = min(recipe.warm_up * steps, last)
    if step < warm_up:
        return recipe.learning_rate * (step + 1) / (warm_up + 1)
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(last - warm_up, 1)))


@torch.no_grad()
def constrain(layers: list[Conv | Dense], balance: bool) -> None:
    """Keep the real weights behind binary ones within -1..1, where gradients pass. Balanced ones get a mean of zero.

    The mean is over an output channel, so about as many weights become -1 as +1. The idea is that of Qin et al.,
    arXiv 1909.10788. Here it is applied to the weights themselves, so the hardware has nothing to do for it.
    """
    for layer in layers:
        if balance:
            layer.weight.sub_(layer.weight.mean(tuple(range(1, layer.weight.dim())), keepdim=True))
        layer.weight.clamp_(-1, 1)
