"""The points of an exploration: the cheapest design for a target and a number of cycles a frame, estimated.

The functions take and return only plain values, so they may run in any process on any machine that has this package.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quantize.network import Network
from tbn_hw.costs.model import cost_model
from tbn_hw.families.cells import FIGURES
from tbn_hw.solver.options import Candidates
from tbn_hw.solver.problem import Solution, cheapest
from tbn_hw.solver.search import Wish, fastest
from tbn_hw.streaming import folding_file
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import find_target

STEP = 2 ** 0.5
"""The ratio of the cycles of one point to those of its neighbour."""


def sweep(network: Network) -> list[int]:
    """Limits on the cycles a frame to ask for. The least takes one input beat a cycle. The greatest reaches the cycles
    of the layer with the most work on a single lane."""
    least = network.input.height * network.input.width
    most = max(least, *(network.macs(node.name) for node in network.nodes))
    found, cycles = [], float(least)
    while cycles < STEP * most:
        found.append(round(cycles))
        cycles *= STEP
    return found


def estimated(network: bytes, target: str, most_cycles: int | None) -> dict[str, Any]:
    """The cheapest folding that fits the target and needs at most `most_cycles` a frame; None asks for the fastest.

    Returns cycles, frames a second at the part's `clock_mhz`, FIGURES, and the text of the folding's file. All are None
    if no folding fits.
    """
    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(network)
        file.flush()
        read = Network.load(Path(file.name))
    device = find_target(target)
    wish = Wish(device, device.part.clock_mhz, None)
    found = _solved(read, wish, most_cycles)
    if found is None:
        return dict.fromkeys(("cycles", "fps", *FIGURES, "folding"))
    foldings, model = {**fold(read, {}), **found.foldings}, cost_model(device.family)
    engines = [model.engine(engine) for engine in plan(read, foldings, device.family).engines]  # ports and forks too
    return {"cycles": found.cycles, "fps": round(wish.rate(found.cycles), 2),
            **{figure: round(sum(figures[figure] for figures in engines)) for figure in FIGURES},
            "folding": folding_file.text_of(found.foldings)}


def _solved(network: Network, wish: Wish, most_cycles: int | None) -> Solution | None:
    candidates = Candidates(network, fold(network, {}), cost_model(wish.target.family))
    if most_cycles is None:
        return fastest(candidates, wish)
    return cheapest(candidates, most_cycles, wish.limits)


def distinct(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The points that fit, each folding of a target once, and whether it is on the target's `front`.

    A point is on the front if no other point is faster with no more LUTs, and none is as fast with fewer.
    """
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for point in points:
        if point["folding"] is not None:
            first.setdefault((point["target"], point["folding"]), dict(point))
    found = list(first.values())
    for point in found:
        point["front"] = not any(
            other["target"] == point["target"] and other["cycles"] <= point["cycles"] and other["lut"] <= point["lut"]
            and (other["cycles"], other["lut"]) != (point["cycles"], point["lut"]) for other in found)
    return found
