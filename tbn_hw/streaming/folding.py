"""Folding: how many multiply-accumulates, and how many stream elements, each engine handles at once.

A conv or dense engine has `pe` output channels and `simd` inputs at once; every other engine has `pe` elements a beat
(its `simd` is 1). Foldings stated in the model file, or in the file of `--folding` in its place, are taken as they are;
the rule below decides the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

from quantize.folding_spec import AUTO, Stated, divisors, indivisible
from quantize.network import Network, Node, TensorType
from tbn_hw.shared.errors import ModelRefused

CYCLES_PER_PIXEL = 32
"""The rule's aim, in clock cycles for each pixel of the input picture."""

CHEAP_SIMD = 16
"""Inputs at once with which an engine of given lanes costs the fewest LUTs."""


@dataclass(frozen=True)
class Folding:
    """`pe` output elements at once, each of `simd` inputs; `weights` says where these lie, as in a folding file."""

    pe: int
    simd: int = 1
    weights: str = AUTO

    @property
    def lanes(self) -> int:
        return self.pe * self.simd


def fold(network: Network, stated: Mapping[str, Stated]) -> dict[str, Folding]:
    """A folding for each node of `network`, by name.

    Raises ModelRefused when a stated folding names no node, or does not divide what it folds.
    """
    for name, entry in stated.items():
        wrong = objection(network, name, *entry[:2])
        if wrong is not None:
            raise ModelRefused(f"{name}: {wrong}")
    aim = _aim(network, stated)
    foldings = {}
    for node in network.nodes:
        inputs = [network.types[name] for name in node.inputs]
        if node.name in stated:
            foldings[node.name] = Folding(*stated[node.name])
        elif network.macs(node.name):
            foldings[node.name] = _matrix_folding(node, inputs[0], network.types[node.name], aim)
        else:
            foldings[node.name] = Folding(_elements_at_once(node, inputs[0], network.types[node.name], aim))
    return foldings


def ideal_cycles(node: Node, inputs: list[TensorType], output: TensorType, folding: Folding, i_par: int) -> int:
    """Clock cycles a frame that no engine of this folding can beat: the most of its work, its input and its output.

    `i_par` is the number of elements in one beat of the engine's input, or behind its width converter if fewer.
    """
    beats = max(inputs[0].size // i_par, output.size // (1 if node.kind == "top_k" else folding.pe))
    if node.kind == "top_k":
        beats = inputs[0].size // i_par
    if node.kind not in ("conv", "dense"):
        return beats
    weights = node.arrays["weights"]
    return max(beats, output.height * output.width * weights.size // folding.lanes)


def word(node: Node, channels: int, folding: Folding) -> int:
    """Elements in one input beat of an engine: what a window buffer stores side by side, or the elements at once."""
    return gcd(folding.simd, channels) if node.kind in ("conv", "dense") else folding.pe


def objection(network: Network, name: str, pe: int, simd: int) -> str | None:
    """What is wrong with a stated folding, as a sentence about the node; None if nothing is."""
    node = network.by_name.get(name)
    if node is None:
        return f"a folding is stated for what is no node of {network.name}"
    if node.kind == "flatten":
        return "a flatten has no engine to fold"
    if network.macs(name):
        mh, mw = _matrix_shape(node)
        sizes = [("PE", pe, "matrix height", mh), ("SIMD", simd, "matrix width", mw)]
    else:
        if simd != 1:
            return f"SIMD of a {node.kind} must be 1, not {simd}"
        sizes = [("PE", pe, "channels", foldable(node, network.types[node.inputs[0]]))]
    for what, value, of, size in sizes:
        wrong = indivisible(what, value, of, size)
        if wrong is not None:
            return wrong
    return None


def _aim(network: Network, stated: Mapping[str, Stated]) -> int:
    cycles = [network.macs(name) // (entry[0] * entry[1]) for name, entry in stated.items() if network.macs(name)]
    return max(cycles, default=CYCLES_PER_PIXEL * network.input.height * network.input.width)


def _matrix_shape(node: Node) -> tuple[int, int]:
    weights = node.arrays["weights"]
    return len(weights), weights.size // len(weights)


def _matrix_folding(node: Node, x: TensorType, y: TensorType, aim: int) -> Folding:
    """The fewest lanes that need at most `aim` cycles; among equals the SIMD that makes the cheapest engine.

    A SIMD that does not divide the channels reads several words of the window buffer at once, each from a copy of it.
    Otherwise few inputs cost accumulators, and many cost a wide window buffer: of 128 lanes of a 64-channel 3x3 layer
    with SIMD 4, 8, 16, 32, 64, Yosys makes 1814, 1242, 957, 1283 and 1415 ECP5 LUTs.
    """
    mh, mw = _matrix_shape(node)
    best, best_key = Folding(mh, mw), None
    for pe in divisors(mh):
        for simd in divisors(mw):
            folding = Folding(pe, simd)
            if ideal_cycles(node, [x], y, folding, word(node, x.channels, folding)) > aim:
                continue
            key = (simd != gcd(simd, x.channels), pe * simd, max(simd / CHEAP_SIMD, CHEAP_SIMD / simd))
            if best_key is None or key < best_key:
                best, best_key = folding, key
    return best


def _elements_at_once(node: Node, x: TensorType, y: TensorType, aim: int) -> int:
    channels = foldable(node, x)
    fitting = [par for par in divisors(channels) if max(x.size, y.size) // par <= aim]
    return fitting[0] if fitting else channels


def foldable(node: Node, x: TensorType) -> int:
    """The number that the elements at once of an engine without a matrix must divide."""
    if node.kind == "pad_channels":
        return gcd(x.channels, node.integer("before"), node.integer("after"))
    return x.channels
