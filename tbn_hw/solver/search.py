"""Which folding a build gets: the cheapest that is fast enough, or the fastest that fits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quantize.network import Network
from tbn_hw.costs.model import cost_model
from tbn_hw.families.cells import FIGURES
from tbn_hw.families.registry import board_facts, find_family
from tbn_hw.shared.errors import DoesNotFit
from tbn_hw.solver.options import Candidates
from tbn_hw.solver.problem import Solution, cheapest, is_possible
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.kinds import kind_of
from tbn_hw.streaming.terms import divisors
from tbn_hw.targets.catalogue import WORDS, Target

BLOCK_FILL = 0.98
"""The part of block RAMs that a design may fill. Estimates miss by one in a hundred."""

FAR_BLOCK_FILL = 0.86
"""The same where wire is limited, because the last block RAMs are far away. With 203 of an LFE5U-85F's 208 block RAMs,
tbn_cnv took 14 % more wire than with 177 (85 %), although it took 4,000 LUTs fewer."""


@dataclass(frozen=True)
class Wish:
    """A target, the assumed clock in MHz, and the wanted frames a second; None asks for the most."""

    target: Target
    clock_mhz: float
    fps: float | None

    @property
    def limits(self) -> dict[str, float]:
        """The COSTS that a design may have."""
        fill, part = find_family(self.target.family).fill, self.target.part
        blocks = BLOCK_FILL if part.wire is None else FAR_BLOCK_FILL
        share = {"lut": fill, "ff": fill, "bram": blocks, "dsp": 1.0}
        reserved = board_facts(self.target.family).reserved if self.target.board else dict.fromkeys(FIGURES, 0)
        limits = {name: getattr(part, name) * share[name] - reserved[name] for name in FIGURES}
        return limits if part.wire is None else limits | {"wire": part.wire}

    def rate(self, cycles: int) -> float:
        """Frames a second of a design of so many cycles a frame."""
        return 1e6 * self.clock_mhz / cycles


def solve(network: Network, wish: Wish) -> Solution:
    """The folding for a wish. Raises DoesNotFit, with what would fit, if there is none."""
    candidates = Candidates(network, fold(network, {}), cost_model(wish.target.family))
    if wish.fps is None:
        found = fastest(candidates, wish)
        if found is None:
            raise DoesNotFit(f"{wish.target.name} ({wish.target.part_name}): no folding of {network.name} fits; "
                             + _smallest(candidates, wish))
    else:
        found = cheapest(candidates, int(1e6 * wish.clock_mhz / wish.fps), wish.limits)
        if found is None:
            raise DoesNotFit(_too_fast(candidates, wish))
    again = cheapest(Candidates(network, found.foldings, candidates.model), found.cycles, wish.limits)
    return again or found  # with queues between its own engines, not those of the first plan


def fastest(candidates: Candidates, wish: Wish) -> Solution | None:
    """The cheapest foldings with the fewest cycles a frame that fit; None if nothing fits."""
    steps = sorted(set(_intervals(candidates.network)))
    low, high = 0, len(steps) - 1
    while low < high:  # the relaxed problem is solved in no time, and is possible whenever the whole one is
        middle = (low + high) // 2
        if is_possible(candidates, steps[middle], wish.limits):
            high = middle
        else:
            low = middle + 1
    for cycles in steps[low:]:
        found = cheapest(candidates, cycles, wish.limits)
        if found is not None:
            return found
    return None


def _intervals(network: Network) -> Iterator[int]:
    """The cycles a frame that engines of the network may have."""
    for node in network.nodes:
        x, y = network.types[node.inputs[0]], network.types[node.name]
        if kind_of(node).has_engine:
            yield from (tensor.size // number for tensor in (x, y) for number in divisors(tensor.channels))
        if kind_of(node).has_weights:
            yield from (y.height * y.width * number for number in divisors(node.arrays["weights"].size))


def _too_fast(candidates: Candidates, wish: Wish) -> str:
    """Why a rate is out of reach: what it asks for, which layer binds, and the best that there is."""
    assert wish.fps is not None
    cycles = int(1e6 * wish.clock_mhz / wish.fps)
    start = (f"{wish.target.name} ({wish.target.part_name}): {wish.fps:,.10g} frames a second at "
             f"{wish.clock_mhz:g} MHz leave {cycles:,} cycles a frame")
    best = fastest(candidates, wish)
    end = _smallest(candidates, wish) if best is None else (
        f"the fastest folding that fits makes {wish.rate(best.cycles):,.0f} frames a second, in {best.cycles:,} cycles")
    slow = {node.name: min(_least(candidates, node.name)) for node in candidates.nodes}
    slowest = max(slow, key=lambda name: slow[name])
    if slow[slowest] > cycles:
        return f"{start}, but {slowest} needs {slow[slowest]:,} at least; {end}"
    wanted = cheapest(candidates, cycles, {name: limit for name, limit in wish.limits.items()
                                                if name not in ("lut", "wire")})
    wanted = wanted or cheapest(candidates, cycles, {})
    assert wanted is not None
    return f"{start}, and the cheapest folding then {excess(wanted.nodes, wish, wanted.figures)}; {end}"


def excess(nodes: Mapping[str, Mapping[str, float]], wish: Wish,
           total: Mapping[str, float] | None = None) -> str | None:
    """A phrase about the resources that a design has too much of; None if it fits.

    It names the node with the most of the first such resource. `nodes` are the FIGURES or COSTS by node, and `total`
    those of all nodes, if that is more than their sum.
    """
    names = next(iter(nodes.values()))
    total = total or {name: sum(figures[name] for figures in nodes.values()) for name in names}
    words = WORDS | {"wire": "tiles of wire"}
    over = [name for name in words if name in total and total[name] > wish.limits.get(name, math.inf)]
    if not over:
        return None
    much = [f"{total[name]:,.0f} {words[name]} of {wish.limits[name]:,.0f} that "
            + ("can be routed" if name == "wire" else "may be filled") for name in over]
    largest = max(nodes, key=lambda node: nodes[node][over[0]])
    return f"takes about {' and '.join(much)}, {nodes[largest][over[0]]:,.0f} {words[over[0]]} of them in {largest}"


def _smallest(candidates: Candidates, wish: Wish) -> str:
    """What the smallest design of a network asks for."""
    steps = sorted(set(_intervals(candidates.network)))
    found = cheapest(candidates, steps[-1], {})
    assert found is not None
    return f"the smallest folding {excess(found.nodes, wish, found.figures)}"


def _least(candidates: Candidates, name: str) -> Iterator[int]:
    """Fewest cycles a frame of a node, which then does as much at once as it can."""
    network = candidates.network
    node = network.by_name[name]
    x, y = network.types[node.inputs[0]], network.types[name]
    if kind_of(node).has_weights:
        yield max(x.height * x.width, y.height * y.width)
    else:
        yield min(option.cycles for option in candidates.options(node, 1 << 62))
