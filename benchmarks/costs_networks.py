"""Random networks with random foldings. Their engines are the sweep that the cost models are fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from quantize.network import INPUT, Network
from quantize.nodes import infer
from quantize.tensor import Attr, Node, TensorType
from tbn_hw.families.registry import FAMILIES
from tbn_hw.streaming.accelerator import Engine
from tbn_hw.streaming.folding import objection
from tbn_hw.streaming.kinds.matrix import in_logic
from tbn_hw.streaming.plan import plan
from tbn_hw.streaming.terms import Folding, divisors

TABLE_BITS = max(family.estimates.table_bits for family in FAMILIES.values())
PICTURES = (7, 8, 10, 12, 14, 16, 20, 24, 28, 32)
CHANNELS = (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
STYLES = {"plain": CHANNELS, "deep": (32, 40, 48, 64), "wide": (64, 96, 128, 192, 256), "unrolled": CHANNELS,
          "stem": CHANNELS, "unrolled binary": CHANNELS, "narrow": (3, 4, 5, 6)}
"""The numbers of channels that a style's networks choose from. The styles differ in more:

deep, wide        engines without a matrix take one element at once
unrolled          engines have their weights in the logic
unrolled binary   the same, after binary activations
stem              engines multiply integers with binary weights
narrow            sums have few bits, so that one lookup table compares a sum with its constants
"""
MOST_LANES, LEAST_LANES = 320, 4
MOST_PARALLEL = 8
"""The most elements at once of an engine without a matrix."""
CONSTANT_CHANCE, CONSTANT_WEIGHTS = 0.15, 2500
"""The chance that a matrix of at most so many weights has them in the logic."""
CHANCES = {"int8 stem": 0.4, "ternary": 0.75, "pool": 0.5, "residual": 0.5}


def engines(seed: int, family: str, style: str = "plain") -> list[Engine]:
    """The engines of the random network with this seed, in a style of STYLES."""
    rng = np.random.default_rng(seed)
    residual = rng.random() < CHANCES["residual"] and style not in ("wide", "stem")
    sizes = [size for size in PICTURES if not (residual and size % 2)]
    builder = _Builder(rng, sizes, STYLES[style])
    network = builder.residual() if residual else builder.chain()
    return list(plan(network, dict(_foldings(network, rng, style)), family).engines)


def _foldings(network: Network, rng: np.random.Generator, style: str) -> Iterator[tuple[str, Folding]]:
    for node in network.nodes:
        if node.kind == "flatten":
            yield node.name, Folding(1)
        elif network.macs(node.name):
            weights = node.arrays["weights"]
            mh, mw = len(weights), weights.size // len(weights)
            if node.attrs["weights"] == "binary" and weights.size <= CONSTANT_WEIGHTS and (
                    rng.random() < CONSTANT_CHANCE or style.startswith("unrolled")):
                yield node.name, Folding(mh, mw)
                continue
            pairs = [Folding(pe, simd) for pe in divisors(mh) for simd in divisors(mw)
                     if LEAST_LANES <= pe * simd <= min(MOST_LANES, mh * mw // 2)]
            yield node.name, pairs[rng.integers(len(pairs))] if pairs else Folding(1)
        else:
            channels = network.types[node.inputs[0]].channels
            fitting = [par for par in divisors(channels) if par <= (1 if style in ("deep", "wide") else MOST_PARALLEL)
                       and objection(network, node.name, par, 1) is None]
            yield node.name, Folding(int(rng.choice(fitting)))


def is_unrolled(engine: Engine) -> bool:
    """Whether an engine has its weights in the logic."""
    assert engine.node is not None
    return in_logic(engine.node, engine.links[0].tensor, engine.folding)


def is_stem(engine: Engine) -> bool:
    """Whether an engine multiplies integers with binary weights."""
    assert engine.node is not None
    return engine.node.attrs["weights"] == "binary" and engine.links[0].tensor.kind == "int"


def is_unrolled_binary(engine: Engine) -> bool:
    """Whether an engine has its weights in the logic and binary activations."""
    return is_unrolled(engine) and engine.links[0].tensor.kind == "binary"


def is_narrow(engine: Engine) -> bool:
    """Whether one lookup table compares each element, and all channels are done at once, without a threshold memory."""
    link = engine.links[0]
    return link.shape.width <= TABLE_BITS and engine.folding.pe == link.tensor.channels


ONLY = {"unrolled": is_unrolled, "stem": is_stem, "unrolled binary": is_unrolled_binary, "narrow": is_narrow}
"""The engines that are taken from a style's networks. Styles that are not named give all engines."""


class _Builder:
    """Grows a network node by node. A method with an underscore adds nodes and returns the last tensor's name."""

    def __init__(self, rng: np.random.Generator, sizes: Sequence[int], channels: Sequence[int]) -> None:
        self._rng, self._channels = rng, channels
        size = self._choice(sizes)
        self._types = {INPUT: TensorType((size, size, self._choice((1, 3))), "int", -128, 127)}
        self._nodes: list[Node] = []

    def chain(self) -> Network:
        """A network of convolutions, thresholds and max pools, with a classifier at its end."""
        x = self._conv(INPUT, self._choice(self._channels), "int8" if self._chance("int8 stem") else "binary")
        for _ in range(self._choice((1, 2, 3))):
            if self._types[x].height >= 6 and self._chance("pool"):
                x = self._pool(x) if self._chance("pool") else self._pool(self._threshold(x))
            x = self._threshold(x) if self._types[x].kind == "int" else x
            x = self._conv(x, self._choice(self._channels), "binary")
        x = self._threshold(x)
        while self._types[x].size > 1500:
            x = self._pool(x)
        return self._classifier(x, "binary")

    def residual(self) -> Network:
        """A network of a stem, a block that keeps the shape, a block that halves it, and a classifier."""
        channels = self._choice([c for c in self._channels if 3 < c <= 32])
        x = self._requantize(self._conv(INPUT, channels, "int8", 1), 16)
        x = self._block(self._block(x, channels, 1), 2 * channels, 2)
        x = self._requantize(x, 8)
        x = self._node("avg_pool", [x], {"kernel": self._types[x].height, "stride": 1, "shift": 0})
        return self._classifier(x, "int8")

    def _classifier(self, x: str, weights: str) -> Network:
        x = self._node("flatten", [x])
        classes = self._choice((5, 8, 10, 12))
        arrays = {"weights": self._weights((classes, self._types[x].channels), weights),
                  "bias": self._rng.integers(-1000, 1000, classes).astype(np.int32)}
        logits = self._node("dense", [x], {"weights": weights}, arrays)
        best = self._node("top_k", [logits], {"k": self._choice((1, 2, 3))})
        return Network("sweep", self._types[INPUT], tuple(self._nodes), (logits, best))

    def _block(self, x: str, channels: int, stride: int) -> str:
        main = self._conv(self._threshold(x), channels, "binary", stride)
        main = self._requantize(self._conv(self._threshold(main), channels, "binary", 1), 16)
        grown = channels - self._types[x].channels
        if stride == 2:
            x = self._node("avg_pool", [x], {"kernel": 2, "stride": 2, "shift": 2})
        if grown:
            x = self._node("pad_channels", [x], {"before": grown // 2, "after": grown - grown // 2})
        return self._node("add", [main, x], {"width": 16})

    def _conv(self, x: str, channels: int, weights: str, stride: int = 0) -> str:
        tensor = self._types[x]
        block = stride > 0
        kernel = self._choice([k for k in (1, 3, 3, 5) if k <= tensor.height])
        padding = kernel // 2 if block else self._choice([p for p in (0, 1, 2) if p < kernel])
        if stride == 2 and kernel == 1:
            kernel, padding = 3, 1
        return self._node("conv", [x], {"kernel": kernel, "stride": max(1, stride), "padding": padding,
                                        "weights": weights},
                          {"weights": self._weights((channels, kernel, kernel, tensor.channels), weights)})

    def _threshold(self, x: str) -> str:
        """Add thresholds where a trained network has them: a few standard deviations of the sums around 0."""
        tensor = self._types[x]
        spread = max(2, int((tensor.hi - tensor.lo) ** 0.5))
        middle = self._rng.integers(-spread, spread + 1, tensor.channels).astype(np.int32)
        width = self._rng.integers(1, spread + 1, tensor.channels).astype(np.int32)
        if self._chance("ternary"):
            return self._node("threshold", [x], {"levels": "ternary"}, {"hi": middle + width, "lo": middle - width})
        return self._node("threshold", [x], {"levels": "binary"}, {"hi": middle})

    def _requantize(self, x: str, bits: int) -> str:
        channels, top = self._types[x].channels, 1 << bits - 1
        mult = self._rng.integers(20, self._choice((60, 600, 6000)), channels).astype(np.int16)
        if bits > 8:
            mult *= self._rng.choice((-1, 1), channels).astype(np.int16)
        bias = self._rng.integers(-5000, 5000, channels).astype(np.int32)
        return self._node("requantize", [x], {"shift": self._choice((4, 8, 10)), "lo": 0 if bits == 8 else -top,
                                              "hi": top - 1}, {"mult": mult, "bias": bias})

    def _pool(self, x: str) -> str:
        return self._node("max_pool", [x], {"kernel": 2, "stride": 2})

    def _weights(self, shape: tuple[int, ...], kind: str) -> np.ndarray:
        values = self._rng.choice([-1, 1], shape) if kind == "binary" else self._rng.integers(-128, 128, shape)
        return values.astype(np.int8)

    def _node(self, kind: str, inputs: list[str], attrs: Mapping[str, Attr] | None = None,
              arrays: Mapping[str, np.ndarray] | None = None) -> str:
        node = Node(kind, f"{kind}{len(self._nodes)}", tuple(inputs), attrs or {}, arrays or {})
        self._types[node.name] = infer(node, [self._types[name] for name in inputs])
        self._nodes.append(node)
        return node.name

    def _choice(self, values: object) -> int:
        return int(self._rng.choice(values))  # type: ignore[call-overload]

    def _chance(self, name: str) -> bool:
        return bool(self._rng.random() < CHANCES[name])


def kinds(wanted: Mapping[str, int], family: str, first_seed: int, style: str) -> list[Engine]:
    """Engines of random networks with seeds from `first_seed` on, as many of each kind as `wanted` says.

    In the styles of ONLY, only the engines that it selects are taken.
    """
    left, found, seed = dict(wanted), [], first_seed
    while any(left.values()):
        for engine in engines(seed, family, style):
            if left.get(engine.kind, 0) and (style not in ONLY or ONLY[style](engine)):
                left[engine.kind] -= 1
                found.append(engine)
        seed += 1
    return found
