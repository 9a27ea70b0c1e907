"""Place and route of a board's top level. The PLL is set to a clock that the routed design can run at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tbn_hw.boards.netlist import mapped
from tbn_hw.boards.top import BoardTop, for_target
from tbn_hw.families.frequency import MHZ
from tbn_hw.families.registry import board_facts, place_and_route_of
from tbn_hw.host.protocol import line_rate
from tbn_hw.routing.route import Placeable, missed, route
from tbn_hw.shared.design import Design
from tbn_hw.shared.errors import DoesNotFit, UsageError
from tbn_hw.targets.catalogue import Target

OF_ALL_SEEDS = ("seeds", "seeds_without_place", "median_mhz", "least_mhz")
"""Figures over all seeds. The last run routes the best seed alone and does not have them."""


def route_board(design: Design, placeable: Placeable, target: Target, file: Path, *, seeds: Sequence[int],
                clock_mhz: float | None = None, required_mhz: float | None = None, workers: int | None = None,
                progress: Callable[[str, int, int], None] | None = None) -> dict[str, Any]:
    """Place and route a design behind its serial line, with the pins and the PLL of `target`'s board.

    `placeable` has the design's own netlists.

    Without `clock_mhz` there are two runs. The first routes every seed and finds the usable clock. The PLL is then set
    to that clock, or to the nearest one below it that it can make. The second run routes the best seed again with the
    same aim. Tops of two clocks have the same cells and wires, so the second run gives the same result as the first.
    nextpnr's figures therefore describe the very file that is written. A PLL below `required_mhz` is refused.

    Returns the figures of `tbn_hw.routing.route.route`. Beside `file` the folder `board` gets the top level's Verilog
    and its constraint file. Raises as `route` does, and UsageError for a clock that the board cannot have.
    """
    report = progress or (lambda name, done, total: None)
    usable, steps = board_facts(target.family).usable, len(seeds) + (clock_mhz is None)
    aim = clock_mhz / usable if clock_mhz else place_and_route_of(target.family).aim_mhz
    work = file.parent / ".board"

    def run(top: BoardTop, constraints: str, **how: Any) -> dict[str, Any]:
        pins = _written(top, constraints, file.parent / "board", target.family)
        netlists = mapped(top, design, target.family, work)
        whole = replace(placeable, netlists=[*placeable.netlists, *netlists], top=top.name, constraints=pins,
                        clock="clock" if top.pll else "clk", inside="accelerator")
        figures = route(whole, target, file, workers=workers, usable=usable, **how)
        rate = line_rate(top.identity, top.baud)
        return {**figures, "clock_mhz": clock_mhz, "board": {"clock_mhz": top.clock_hz / MHZ, **rate}}

    def first(name: str, done: int, total: int) -> None:
        report(name, done, steps)

    top, constraints = for_target(design, target, clock_mhz=clock_mhz or aim)
    if clock_mhz is not None:
        figures = run(top, constraints, seeds=seeds, clock_mhz=aim, required_mhz=clock_mhz, progress=first)
    else:
        found = run(top, constraints, seeds=seeds, clock_mhz=aim, pack=False, progress=first)
        found["required_mhz"] = required_mhz
        if missed(found, target) is not None:
            shutil.rmtree(work)
            return found
        top, constraints = _at_most(design, target, found["usable_mhz"])
        if required_mhz is not None and top.clock_hz / MHZ < required_mhz:
            raise DoesNotFit(f"{target.name}: {required_mhz:g} MHz are required; the design reaches "
                             f"{found['fmax_mhz']:.2f} MHz, with which the board's clock can have "
                             f"{top.clock_hz / MHZ:g}")
        last = run(top, constraints, seeds=[found["seed"]], clock_mhz=aim, required_mhz=top.clock_hz / MHZ,
                   progress=lambda name, done, total: report(name, len(seeds) + done, steps))
        figures = {**last, **{key: found[key] for key in OF_ALL_SEEDS}}
    shutil.rmtree(work)
    return figures


def _at_most(design: Design, target: Target, reached_mhz: float) -> tuple[BoardTop, str]:
    """The top level, and its constraints, at the board's fastest clock that is at most `reached_mhz`."""
    assert target.board is not None
    try:
        return for_target(design, target, clock_mhz=reached_mhz)
    except UsageError as error:
        if target.board.clock.mhz <= reached_mhz:
            return for_target(design, target)
        raise DoesNotFit(f"{target.name}: the design reaches {reached_mhz:.2f} MHz, and {error}") from None


def _written(top: BoardTop, constraints: str, folder: Path, family: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{top.name}.v").write_text(top.verilog)
    pins = folder / f"{top.name}.{place_and_route_of(family).constraints}"
    pins.write_text(constraints)
    return pins
