"""One topology in the number formats that the TBN article compares."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from quantize.layers import Binary, Conv, Dense, Int8, Ternary
from quantize.model import Model, build_module
from quantize.spec import Spec

Strategy = Literal["full", "BWN", "XNOR", "TBN"]
"""full: real weights and activations; BWN: binary weights, real activations; XNOR: both binary; TBN: the model file."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


def build_strategy(spec: Spec, strategy: Strategy) -> Model:
    """Return a fresh module of a model file's topology. One seed gives all four formats the same real weights.

    Real activations are rectified (ReLU) where the model file has ternary or binary ones. Layers of 8 bits in the model
    file keep 8 bits in BWN and XNOR, and are real in full.

    Raises
    ------
    SpecError
        If a layer that reads ternary activations cannot read binary ones (only with XNOR).
    """
    model = build_module(spec.with_binary() if strategy == "XNOR" else spec)
    if strategy in ("full", "BWN"):
        _rectify(model)
    if strategy == "full":
        for module in model.modules():
            if isinstance(module, Conv | Dense):
                module.weights = "float32"
        _replace(model, (Int8,), nn.Identity)
    return model


def _rectify(model: Model) -> None:
    for module in model.modules():
        if isinstance(module, Conv):
            module.pad_value = 0
    _replace(model, (Ternary, Binary), nn.ReLU)


def _replace(model: nn.Module, old: tuple[type[nn.Module], ...], new: type[nn.Module]) -> None:
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, old):
                setattr(parent, name, new())
