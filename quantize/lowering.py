"""Lowers a trained module to a plan of integer weights, float chains and multipliers, without integer thresholds.

The plan has two readers. `quantize.export` finds the thresholds, and `quantize.exact` evaluates the chains.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from quantize import layers
from quantize.chain import Chain, multiplier
from quantize.expand import Step
from quantize.item import ExportError, Item
from quantize.model import INPUT_STEP, Model, fault

__all__ = ["ExportError", "HEADROOM", "Item", "lower"]

HEADROOM = 1.25
"""The largest value that a shortcut can hold, divided by the largest one met in training."""


def lower(model: Model) -> tuple[Item, ...]:
    """Return the plan of a trained model.

    Raises
    ------
    ExportError
        If the module holds values that are not usable (`quantize.model.fault`), a bias beyond 32 bits, or a chain
        without an integer form.
    """
    wrong = fault(model)
    if wrong is not None:
        raise ExportError(f"{model.spec.name}: {wrong}")
    folder = _Folder(next(model.parameters()).dtype)
    for step, module in zip(model.spec.steps(), model.layers, strict=True):
        folder.layer(step, module)
    return tuple(folder.items)


class _Folder:
    """Walks the layers. ``tensor`` names the last tensor, and its integers stand for the values ``chain(integer)``.

    A chain rounds to the module's own precision, and begins with the sum rounded once.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = np.float64 if dtype == torch.float64 else np.float32
        self.items: list[Item] = []
        self.tensor = "input"
        self.chain = Chain().multiply(INPUT_STEP).cast(self.dtype)
        self.unit = INPUT_STEP  # the real value of 1 in the last quantised tensor
        self.fixed_unit, self.fixed_width = 1.0, 16
        self.peak: dict[str, float] = {}

    def layer(self, step: Step, module: nn.Module) -> None:
        getattr(self, f"_{step.kind}")(step, module)

    def _emit(self, kind: str, name: str, inputs: tuple[str, ...] | None = None, **rest: Any) -> None:
        self.items.append(Item(kind, name, inputs or (self.tensor,), **rest))
        self.tensor = name

    def _weights(self, step: Step, module: layers.Conv | layers.Dense) -> dict[str, np.ndarray]:
        integers, scale = module.integers()
        w = integers.detach().double().cpu().numpy()
        w = w.transpose(0, 2, 3, 1) if w.ndim == 4 else w
        real = scale.detach().double().cpu().numpy().reshape(-1) * self.unit
        arrays = {"weights": np.ascontiguousarray(w.astype(np.int8))}
        if isinstance(module, layers.Dense) and module.bias is not None:
            bias = np.rint(_array(module.bias) / real)
            if np.abs(bias).max() >= 2**31:
                raise ExportError(f"{step.name}: bias must fit 32 bits")
            arrays["bias"] = bias.astype(np.int32)
        self.chain = Chain().multiply(real).cast(self.dtype)
        return arrays

    def _conv(self, step: Step, module: layers.Conv) -> None:
        attrs = {**module.window.attrs(pads=True), "weights": module.weights}
        self._emit("conv", step.name, attrs=attrs, arrays=self._weights(step, module))

    def _dense(self, step: Step, module: layers.Dense) -> None:
        self._emit("dense", step.name, attrs={"weights": module.weights}, arrays=self._weights(step, module))

    def _batch_norm(self, step: Step, module: nn.BatchNorm2d) -> None:
        assert module.running_mean is not None and module.running_var is not None
        values = (module.weight, module.bias, module.running_mean, module.running_var)
        self.chain = self.chain.normalise(*map(_array, values), module.eps, fused=True)

    def _relu(self, step: Step, module: nn.Module) -> None:
        self.chain = self.chain.relu()

    def _quantised(self, unit: float) -> None:
        self.unit, self.chain = unit, Chain().multiply(unit).cast(self.dtype)

    def _ternary(self, step: Step, module: layers.Ternary) -> None:
        self._emit("threshold", step.name, attrs={"levels": "ternary"}, chain=self.chain, delta=float(module.delta))
        self._quantised(float(module.step()))

    def _binary(self, step: Step, module: nn.Module) -> None:
        self._emit("threshold", step.name, attrs={"levels": "binary"}, chain=self.chain)
        self._quantised(1.0)

    def _requantize(self, name: str, channels: int, unit: float, lo: int, hi: int) -> None:
        try:
            a, b, limits = self.chain.affine(channels)
            form = multiplier(a / unit, b / unit)
        except ValueError as error:
            raise ExportError(f"{name}: {error}") from None
        attrs = {"shift": form.shift, "lo": 0 if limits else lo, "hi": hi}  # the only limits here are those of a relu
        self._emit("requantize", name, attrs=attrs, arrays={"mult": form.mult, "bias": form.bias})
        self._quantised(unit)

    def _int8(self, step: Step, module: layers.Int8) -> None:
        self._requantize(step.name, step.input[2], float(module.step()), -128, 127)

    def _fixed(self, step: Step, module: layers.Fixed) -> None:
        self.fixed_width, most = module.width, (1 << (module.width - 1)) - 1
        self.fixed_unit = 2.0 ** -math.floor(math.log2(most / (HEADROOM * max(module.stage_peak, 1e-3))))
        self._requantize(step.name, step.input[2], self.fixed_unit, -most - 1, most)

    def _residual(self, step: Step, module: layers.Residual) -> None:
        shortcut, chain, name = self.tensor, self.chain, step.name
        for inner, layer in zip(step.body, module.body, strict=True):
            self.layer(inner, layer)
        most = (1 << (self.fixed_width - 1)) - 1
        self._requantize(f"{name}.requantize", step.output[2], self.fixed_unit, -most - 1, most)
        body, self.tensor = self.tensor, shortcut
        if module.stride == 2:
            self._emit("avg_pool", f"{name}.avg_pool", attrs={"kernel": 2, "stride": 2, "shift": 2})
        if module.before or module.after:
            self._emit("pad_channels", f"{name}.pad_channels", attrs={"before": module.before, "after": module.after})
        self._emit("add", f"{name}.add", (self.tensor, body), attrs={"width": self.fixed_width})
        self.chain = chain

    def _max_pool(self, step: Step, module: layers.MaxPool) -> None:
        self._emit("max_pool", step.name, attrs=module.window.attrs(pads=False))

    def _avg_pool(self, step: Step, module: layers.AvgPool) -> None:
        self._emit("avg_pool", step.name, attrs={**module.window.attrs(pads=False), "shift": 0})
        self._quantised(self.unit / module.window.area)

    def _flatten(self, step: Step, module: nn.Module) -> None:
        if step.input[:2] != (1, 1):
            self._emit("flatten", step.name)


def _array(value: torch.Tensor) -> np.ndarray:
    return value.detach().double().cpu().numpy()
