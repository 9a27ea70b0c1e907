"""Folding: how many multiply-accumulates, and how many stream elements, each engine handles at once.

An engine with weights handles `pe` output channels and `simd` inputs at once. Every other engine handles `pe` elements
a beat, and its `simd` is 1. Foldings stated in the model file are taken as they are; a file given by `--folding`
replaces them. The rule below decides all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

from quantize.folding_spec import Stated, indivisible
from quantize.network import Network, Node, TensorType
from tbn_hw.shared.errors import ModelRefused
from tbn_hw.streaming.kinds import kind_of
from tbn_hw.streaming.terms import Folding, divisors

__all__ = ["CHEAP_SIMD", "CYCLES_PER_PIXEL", "Folding", "divisors", "fold", "objection"]

CYCLES_PER_PIXEL = 32
"""The rule's aim, in clock cycles for each pixel of the input picture."""

CHEAP_SIMD = 16
"""The SIMD with which an engine of a given number of lanes costs the fewest LUTs."""


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
        elif kind_of(node).has_weights:
            foldings[node.name] = _matrix_folding(node, inputs[0], network.types[node.name], aim)
        else:
            foldings[node.name] = Folding(_elements_at_once(node, inputs[0], network.types[node.name], aim))
    return foldings


def objection(network: Network, name: str, pe: int, simd: int) -> str | None:
    """What is wrong with a stated folding, as a sentence about the node; None if nothing is."""
    node = network.by_name.get(name)
    if node is None:
        return f"a folding is stated for what is no node of {network.name}"
    kind, folding = kind_of(node), {"PE": pe, "SIMD": simd}
    if not kind.has_engine:
        return f"a {node.kind} has no engine to fold"
    sizes = kind.sizes(node, network.types[node.inputs[0]])
    if len(sizes) == 1 and simd != 1:
        return f"SIMD of a {node.kind} must be 1, not {simd}"
    for (what, value), (of, size) in zip(folding.items(), sizes.items(), strict=False):
        wrong = indivisible(what, value, of, size)
        if wrong is not None:
            return wrong
    return None


def _aim(network: Network, stated: Mapping[str, Stated]) -> int:
    cycles = [network.macs(name) // (entry[0] * entry[1]) for name, entry in stated.items() if network.macs(name)]
    return max(cycles, default=CYCLES_PER_PIXEL * network.input.height * network.input.width)


def _matrix_folding(node: Node, x: TensorType, y: TensorType, aim: int) -> Folding:
    """The best folding that needs at most `aim` cycles; all lanes at once if there is none.

    A SIMD that divides the channels comes first: any other reads several words of the window buffer at once, each from
    its own copy. Then come the fewest lanes, and then the SIMD with the cheapest engine: a small SIMD costs
    accumulators, a large one a wide window buffer. These are the ECP5 LUTs that Yosys makes of 128 lanes of a
    64-channel 3x3 layer:

    | SIMD | 4 | 8 | 16 | 32 | 64 |
    |---|---|---|---|---|---|
    | LUTs | 1814 | 1242 | 957 | 1283 | 1415 |
    """
    kind = kind_of(node)
    mh, mw = kind.sizes(node, x).values()
    best, best_key = Folding(mh, mw), None
    for pe in divisors(mh):
        for simd in divisors(mw):
            folding = Folding(pe, simd)
            if kind.ideal_cycles(node, x, y, folding, kind.word(node, x.channels, folding)) > aim:
                continue
            key = (simd != gcd(simd, x.channels), pe * simd, max(simd / CHEAP_SIMD, CHEAP_SIMD / simd))
            if best_key is None or key < best_key:
                best, best_key = folding, key
    return best


def _elements_at_once(node: Node, x: TensorType, y: TensorType, aim: int) -> int:
    (channels,) = kind_of(node).sizes(node, x).values()
    fitting = [par for par in divisors(channels) if max(x.size, y.size) // par <= aim]
    return fitting[0] if fitting else channels
