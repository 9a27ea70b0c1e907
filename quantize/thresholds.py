"""Turns a plan into the nodes of a `Network`: finds thresholds by bisection and makes decreasing chains increase.

A chain decreases in the channels where its batch norm has a negative factor. There are three exact remedies, and the
first that is possible is taken:

1. Negate the channel's row of weights. The chain's input must be a convolution or dense layer with no other consumer.
2. Negate the trit, for ``-t`` has an increasing chain. All consumers must be convolutions or dense layers, directly or
   behind a flatten or an average pool. Their weights for this channel are negated as well, and so is the value that
   a convolution pads a binary input with.
3. Negate the integers by a requantize in front of the threshold. A max pool of the trits needs this, because the
   largest of ``-t`` is not minus the largest of ``t``.

The first two are also impossible where a weight to be negated is -128, because +128 is no int8.
"""

from __future__ import annotations

import numpy as np

from quantize.chain import first_true
from quantize.item import ExportError, Item
from quantize.nodes import infer
from quantize.tensor import Node, TensorType


def find_thresholds(items: tuple[Item, ...], source: TensorType) -> tuple[Node, ...]:
    """Return the nodes of a network for a plan. The plan's input has the type ``source``.

    Raises
    ------
    ExportError
        If a threshold does not fit 32 bits.
    NetworkError
        If an accumulator or a range does not fit.
    """
    finder = _Finder(items, source)
    for item in items:
        finder.add(item)
    return tuple(finder.nodes.values())


class _Finder:
    def __init__(self, items: tuple[Item, ...], source: TensorType) -> None:
        self.items = items
        self.nodes: dict[str, Node] = {}
        self.types = {"input": source}
        self.negated: dict[str, np.ndarray] = {}  # tensor -> bool (channels), true where it holds -t

    def add(self, item: Item) -> None:
        if item.kind == "threshold":
            self._threshold(item)
            return
        negated = self.negated.get(item.inputs[0])
        arrays = dict(item.arrays)
        if negated is not None:
            if item.kind in ("conv", "dense"):
                arrays["weights"] = np.where(negated, -arrays["weights"], arrays["weights"]).astype(np.int8)
                if item.kind == "conv" and item.attrs["padding"] and self.types[item.inputs[0]].kind == "binary":
                    arrays["pad"] = np.where(negated, -1, 1).astype(np.int8)
            elif item.kind == "flatten":
                height, width, _ = self.types[item.inputs[0]].shape
                self.negated[item.name] = np.tile(negated, height * width)
            elif item.kind == "avg_pool":
                self.negated[item.name] = negated
            else:
                raise ExportError(f"{item.name}: no exact form of a negated input")
        self._emit(Node(item.kind, item.name, item.inputs, item.attrs, arrays))

    def _emit(self, node: Node) -> None:
        self.nodes[node.name] = node
        self.types[node.name] = infer(node, [self.types[name] for name in node.inputs])

    def _threshold(self, item: Item) -> None:
        tensor, chain, delta = item.inputs[0], item.chain, item.delta
        kind = self.types[tensor]
        ends = [chain(np.full(kind.channels, float(end))) for end in (kind.lo, kind.hi)]
        down = ends[1] < ends[0]
        sign, flip = np.ones(kind.channels), np.zeros(kind.channels, bool)
        if down.any():
            tensor, sign, flip = self._turn(item, down)
        kind = self.types[tensor]

        def above(a: np.ndarray) -> np.ndarray:
            value = chain(a * sign)
            if item.attrs["levels"] == "binary":
                return np.asarray(np.where(flip, value < 0, value >= 0))
            return np.asarray(np.where(flip, value <= -delta, value >= delta))

        def not_below(a: np.ndarray) -> np.ndarray:
            value = chain(a * sign)
            return np.asarray(~np.where(flip, value >= delta, value <= -delta))

        arrays = {"hi": _int32(item, first_true(above, kind.lo, kind.hi, kind.channels))}
        if item.attrs["levels"] == "ternary":
            arrays["lo"] = _int32(item, first_true(not_below, kind.lo, kind.hi, kind.channels) - 1)
        self._emit(Node("threshold", item.name, (tensor,), item.attrs, arrays))
        if flip.any():
            self.negated[item.name] = flip

    def _turn(self, item: Item, down: np.ndarray) -> tuple[str, np.ndarray, np.ndarray]:
        """Return the threshold's new input, the sign of its integers by channel, and which channels give -t."""
        tensor = item.inputs[0]
        sign, none = np.where(down, -1.0, 1.0), np.zeros(len(down), bool)
        node = self.nodes.get(tensor)
        alone = len(self._consumers(tensor)) == 1
        if node is not None and node.kind in ("conv", "dense") and alone and _has_negative(
                node.arrays["weights"][down]):
            weights = node.arrays["weights"]
            rows = down.reshape(-1, *[1] * (weights.ndim - 1))
            arrays = {**node.arrays, "weights": np.where(rows, -weights, weights).astype(np.int8)}
            self._emit(Node(node.kind, node.name, node.inputs, node.attrs, arrays))
            return tensor, sign, none
        if self._odd(item.name):
            return tensor, np.ones(len(down)), down
        kind, name = self.types[tensor], f"{item.name}.requantize"
        most = max(abs(kind.lo), abs(kind.hi))
        arrays = {"mult": sign.astype(np.int16), "bias": np.zeros(len(down), np.int32)}
        self._emit(Node("requantize", name, (tensor,), {"shift": 0, "lo": -most, "hi": most}, arrays))
        return name, sign, none

    def _consumers(self, tensor: str) -> list[Item]:
        return [item for item in self.items if tensor in item.inputs]

    def _odd(self, tensor: str) -> bool:
        """Tell whether every consumer of a tensor can read its negative instead."""
        return all(
            (item.kind in ("conv", "dense") and _has_negative(item.arrays["weights"]))
            or (item.kind in ("flatten", "avg_pool") and self._odd(item.name))
            for item in self._consumers(tensor)
        )


def _has_negative(weights: np.ndarray) -> bool:
    """Tell whether the negatives of int8 weights are int8 too. That of -128 is not."""
    return bool((weights != -128).all())


def _int32(item: Item, values: np.ndarray) -> np.ndarray:
    if values.min() < -(2**31) or values.max() >= 2**31:
        raise ExportError(f"{item.name}: thresholds must fit 32 bits")
    return values.astype(np.int32)
