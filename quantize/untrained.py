"""The network of a model file that nobody has trained: its nodes and shapes, with random weights and thresholds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from quantize import layer_spec as kinds
from quantize.chain import multiplier
from quantize.expand import Step
from quantize.network import INPUT, Network
from quantize.nodes import infer
from quantize.spec import Spec
from quantize.tensor import Node, TensorType

__all__ = ["SEED", "untrained"]

SEED = 1
"""The seed of the weights. The same model file always gets the same ones."""


def untrained(spec: Spec) -> Network:
    """The network that `quantize.export` makes of a trained model, with random arrays in it.

    Nodes, shapes and widths are those of the trained network. A batch norm's factors are positive, so no requantize
    stands before a threshold. Raises NetworkError if an accumulator or a range does not fit.
    """
    draw = _Draw(TensorType(spec.input.shape, "int", -128, 127), spec.steps()[-1].name)
    for step in spec.steps():
        draw.layer(step)
    outputs: tuple[str, ...] = (draw.tensor,)
    if spec.top_k is not None:
        draw.emit("top_k", "top_k", {"k": spec.top_k})
        outputs = (*outputs, draw.tensor)
    return Network(spec.name, draw.types[INPUT], tuple(draw.nodes), outputs, spec.classes)


class _Draw:
    """Walks the layers. `tensor` names the last tensor, and `spread` is about the deviation of its integers."""

    def __init__(self, source: TensorType, last: str) -> None:
        self.last = last
        self.random = np.random.default_rng(SEED)
        self.nodes: list[Node] = []
        self.types = {INPUT: source}
        self.tensor, self.spread = INPUT, source.hi / 2
        self.rectified, self.width = False, 0

    def emit(self, kind: str, name: str, attrs: dict[str, Any] | None = None,
             arrays: dict[str, np.ndarray] | None = None, inputs: tuple[str, ...] | None = None) -> None:
        node = Node(kind, name, inputs or (self.tensor,), attrs or {}, arrays or {})
        self.types[name] = infer(node, [self.types[name] for name in node.inputs])
        self.nodes.append(node)
        self.tensor = name

    def layer(self, step: Step) -> None:
        layer, name = step.layer, step.name
        match layer:
            case kinds.Conv():
                shape = (step.output[2], *step.window.kernel, step.input[2])
                self._matrix("conv", name, {**step.window.attrs(pads=True), "weights": layer.weights}, shape)
            case kinds.Dense():
                self._matrix("dense", name, {"weights": layer.weights}, (step.output[2], step.input[2]))
            case kinds.Relu():
                self.rectified = True
            case kinds.Ternary() | kinds.Binary():
                self._threshold(name, layer.kind, step.output[2])
            case kinds.Int8():
                self._requantize(name, step.output[2], 127)
            case kinds.Fixed():
                self.width = layer.width
                self._requantize(name, step.output[2], (1 << layer.width - 1) - 1)
            case kinds.MaxPool() | kinds.AvgPool():
                averages = isinstance(layer, kinds.AvgPool)
                attrs = step.window.attrs(pads=False)
                self.emit(layer.kind, name, {**attrs, "shift": 0} if averages else attrs)
                self.spread *= math.sqrt(step.window.area) if averages else 1
            case kinds.Residual():
                self._residual(step, layer)
            case kinds.Flatten():
                if step.input[:2] != (1, 1):
                    self.emit("flatten", name)

    def _matrix(self, kind: str, name: str, attrs: dict[str, Any], shape: tuple[int, ...]) -> None:
        if attrs["weights"] == "binary":
            weights = 1 - 2 * self.random.integers(0, 2, shape, np.int8)
        else:
            weights = self.random.integers(-127, 128, shape, np.int8)
        arrays = {"weights": weights}
        if name == self.last and attrs["weights"] == "int8":  # as `quantize.layers.Dense`
            arrays["bias"] = np.rint(self.random.normal(0, 100, len(weights))).astype(np.int32)
        self.emit(kind, name, attrs, arrays)
        self.spread *= math.sqrt(math.prod(shape[1:])) * (1 if attrs["weights"] == "binary" else 127 / math.sqrt(3))

    def _threshold(self, name: str, levels: str, channels: int) -> None:
        hi = np.rint(self.spread * self.random.uniform(0.2, 0.8, channels)).astype(np.int32) + 1
        self.emit("threshold", name, {"levels": levels}, {"hi": hi, "lo": -hi} if levels == "ternary" else {"hi": hi})
        self.spread, self.rectified = 1.0, False

    def _requantize(self, name: str, channels: int, most: int) -> None:
        """A requantize to -most - 1..most. It brings four deviations to the end of the range."""
        factors = self.random.uniform(0.5, 1, channels) * min(most / (4 * self.spread), 1000)
        form = multiplier(factors, np.zeros(channels))
        attrs = {"shift": form.shift, "lo": 0 if self.rectified else -most - 1, "hi": most}
        self.emit("requantize", name, attrs, {"mult": form.mult, "bias": form.bias})
        self.spread, self.rectified = most / 4, False

    def _residual(self, step: Step, layer: kinds.Residual) -> None:
        shortcut, name, outputs = self.tensor, step.name, step.output[2]
        for inner in step.body:
            self.layer(inner)
        self._requantize(f"{name}.requantize", outputs, (1 << self.width - 1) - 1)
        body, self.tensor = self.tensor, shortcut
        if layer.stride == 2:
            self.emit("avg_pool", f"{name}.avg_pool", {"kernel": 2, "stride": 2, "shift": 2})
        before = (outputs - step.input[2]) // 2
        after = outputs - step.input[2] - before
        if before or after:
            self.emit("pad_channels", f"{name}.pad_channels", {"before": before, "after": after})
        self.emit("add", f"{name}.add", {"width": self.width}, inputs=(self.tensor, body))
