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

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantize.chain import first_true
from quantize.item import ExportError, Item
from quantize.nodes import infer
from quantize.nodes.window import Window
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


@dataclass(frozen=True)
class Tie:
    """Integers of a threshold's input that lie so near a crossing that the order of the float additions decides them.

    `integers` counts them in all channels, `channels` is the number of channels that have some.
    """

    name: str
    integers: int
    channels: int

    def __str__(self) -> str:
        return (f"{self.name}: {self.integers} sums in {self.channels} channels lie on a tie of the float arithmetic; "
                "they are rounded once here, and after every addition in the float network, which may differ by one "
                "level there")


def find_ties(items: tuple[Item, ...], source: TensorType) -> list[Tie]:
    """Return the ties of a plan, one entry for each threshold that has some.

    A float network rounds each partial sum. Its sum may therefore differ from the exact one by a rounding of the
    largest sum that the tensor can hold. Sums whose partial sums are all exact have no ties.
    """
    types, sums, found = {"input": source}, dict[str, np.ndarray](), []
    for item in items:
        tensor = item.inputs[0]
        kind = types[tensor]
        if item.kind in ("conv", "dense"):
            sums[item.name] = np.array([row.size for row in item.arrays["weights"]]) > 1
        elif item.kind == "avg_pool":
            sums[item.name] = np.ones(kind.channels, bool)
        elif item.kind == "max_pool" and tensor in sums:
            sums[item.name] = sums[tensor]
        elif item.kind == "flatten" and tensor in sums:
            sums[item.name] = np.tile(sums[tensor], kind.height * kind.width)
        if item.kind != "threshold":
            types[item.name] = infer(Node(item.kind, item.name, item.inputs, item.attrs, item.arrays),
                                     [types[name] for name in item.inputs])
            continue
        types[item.name] = TensorType(kind.shape, item.attrs["levels"], -1, 1)
        if tensor in sums:
            counts = _tied(item, kind, sums[tensor])
            if counts.any():
                found.append(Tie(item.name, int(counts.sum()), int((counts > 0).sum())))
    return found


def _tied(item: Item, kind: TensorType, sums: np.ndarray) -> np.ndarray:
    """Return int64 (channels): how many integers of a threshold's input are tied."""
    chain, most = item.chain, max(abs(kind.lo), abs(kind.hi))
    unit, offset, _ = chain.before_cast().affine(kind.channels)
    with np.errstate(all="ignore"):  # a unit of 0 has no ties
        peak = np.nan_to_num(most + np.abs(offset / unit))
        exact = _exact(unit, peak, chain.dtype) & (offset / unit == np.rint(offset / unit))
    error = np.where(sums & ~exact, peak * float(np.finfo(chain.dtype).eps) / 2, 0.0)
    first, last = (chain(np.full(kind.channels, float(end))) for end in (kind.lo, kind.hi))
    sign = np.where(last < first, -1, 1)
    lo, hi = np.where(sign < 0, -kind.hi, kind.lo), np.where(sign < 0, -kind.lo, kind.hi)
    deltas = (0.0,) if item.attrs["levels"] == "binary" else (item.delta, float(np.nextafter(-item.delta, np.inf)))
    counts = np.zeros(kind.channels, np.int64)
    for delta in deltas:
        ends = [first_true(lambda a, e=e, d=delta: chain(sign * a + e) >= d, -most, most, kind.channels)  # type: ignore
                for e in (-sign * error, sign * error)]
        counts += ends[0].clip(lo, hi + 1) - ends[1].clip(lo, hi + 1)
    return counts


def _exact(unit: np.ndarray, most: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Tell whether a float type holds ``unit`` times every integer up to ``most``."""
    mantissa = np.abs(np.frexp(unit)[0] * 2.0**53).astype(np.int64)
    odd = mantissa // np.maximum(mantissa & -mantissa, 1)
    return np.asarray(odd * most < 2.0 ** (np.finfo(dtype).nmant + 1))


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
                if item.kind == "conv" and any(Window.of(item).padding) and self.types[item.inputs[0]].kind == "binary":
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
