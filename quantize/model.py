"""The torch module of a model file."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from quantize import layer_spec as kinds
from quantize import layers
from quantize.expand import Step
from quantize.spec import Spec

INPUT_STEP = 1 / 128
"""The real value of an integer of 1 in the picture."""


class Model(nn.Module):
    """The network of a model file: uint8 pictures (n, h, w, c) to logits (n, classes).

    ``layers[i]`` belongs to ``spec.steps()[i]``.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.layers = nn.ModuleList(_build(spec.steps()))
        fixed = None
        for layer in self.layers:
            if isinstance(layer, layers.Fixed):
                fixed = layer
            elif isinstance(layer, layers.Residual) and fixed is not None:
                fixed.stage = (*fixed.stage, layer.sum)

    def forward(self, pictures: Tensor) -> Tensor:
        parameter = next(self.parameters())
        x = pictures.permute(0, 3, 1, 2).to(parameter.dtype)  # channels last in memory, as the weights are
        x = (x - 128) * INPUT_STEP
        for layer in self.layers:
            x = layer(x)
        return x.flatten(1)


def build_module(spec: Spec) -> Model:
    """Return a fresh, untrained `Model`; the global torch generator decides its weights."""
    return Model(spec).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@torch.no_grad()
def fault(model: Model) -> str | None:
    """Return a sentence on the first value that training cannot give or integers cannot represent, or None."""
    for name, value in model.state_dict().items():
        if not torch.isfinite(value).all():
            return f"{name} must be finite"
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d) and module.running_var is not None and (module.running_var < 0).any():
            return f"{name}.running_var must not be negative"
        if isinstance(module, layers.Ternary) and module.delta <= 0:
            return f"{name}.delta must be above 0"
        if isinstance(module, layers.Fixed | layers.Int8) and module.peak < 0:
            return f"{name}.peak must not be negative"
        if isinstance(module, layers.Conv | layers.Dense) and not torch.isfinite(module.integers()[1]).all():
            return f"{name}.weight must have a scale that is finite"
    return None


def _build(steps: tuple[Step, ...], domain: str = "input", in_body: bool = False) -> list[nn.Module]:
    modules = []
    for index, step in enumerate(steps):
        last = index == len(steps) - 1 and not in_body
        modules.append(_module(step, domain, last))
        domain = step.domain
    return modules


def _module(step: Step, domain: str, last: bool) -> nn.Module:
    layer, inputs, outputs = step.layer, step.input[2], step.output[2]
    if isinstance(layer, kinds.Conv):
        return layers.Conv(inputs, outputs, window=step.window, weights=layer.weights,
                           pad_value=int(domain == "binary"))
    if isinstance(layer, kinds.Dense):
        return layers.Dense(inputs, outputs, weights=layer.weights, last=last)
    if isinstance(layer, kinds.BatchNorm):
        return nn.BatchNorm2d(inputs, eps=layer.eps, momentum=layer.momentum)
    if isinstance(layer, kinds.Ternary):
        return layers.Ternary(delta=layer.delta, gradient=layer.gradient, scale=layer.scale, momentum=layer.momentum)
    if isinstance(layer, kinds.Fixed):
        return layers.Fixed(width=layer.width)
    if isinstance(layer, kinds.MaxPool):
        return layers.MaxPool(step.window)
    if isinstance(layer, kinds.AvgPool):
        return layers.AvgPool(step.window)
    if isinstance(layer, kinds.Residual):
        return layers.Residual(_build(step.body, "fixed", in_body=True), inputs=inputs, outputs=outputs,
                               stride=layer.stride)
    plain = {"relu": nn.ReLU, "binary": layers.Binary, "int8": layers.Int8, "flatten": layers.Flatten}
    return plain[step.kind]()
