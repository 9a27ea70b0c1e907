"""Place and route of a board's top level, whose PLL is set to what the routed design can have."""

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
from tbn_hw.routing.route import Design, missed, route
from tbn_hw.shared.errors import DoesNotFit, UsageError
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.targets.catalogue import Target

OF_ALL_SEEDS = ("seeds", "seeds_without_place", "median_mhz", "least_mhz")
"""The figures that the last run, of the best seed alone, does not have."""


def route_board(accelerator: Accelerator, design: Design, target: Target, file: Path, *, seeds: Sequence[int],
                clock_mhz: float | None = None, required_mhz: float | None = None, workers: int | None = None,
                progress: Callable[[str, int, int], None] | None = None) -> dict[str, Any]:
    """Place and route the accelerator `design` behind its serial line, with the pins and the PLL of `target`'s board.

    Without `clock_mhz` the seeds tell how fast the design can be; then the PLL is set to what is usable of that, or the
    nearest below it that it can make, and the best seed is routed again, aimed as before. For tops of two clocks have
    the same cells and wires, so the result is the same too: what nextpnr says of it, and what is required, is of the
    file itself. A PLL below `required_mhz` is refused.

    Returns the figures of `tbn_hw.routing.route.route`. Beside `file` the folder `board` gets the top level's Verilog
    and its constraint file. Raises as `route` does, and UsageError for a clock that the board cannot have.
    """
    report = progress or (lambda name, done, total: None)
    usable, steps = board_facts(target.family).usable, len(seeds) + (clock_mhz is None)
    aim = clock_mhz / usable if clock_mhz else place_and_route_of(target.family).aim_mhz
    work = file.parent / ".board"

    def run(top: BoardTop, constraints: str, **how: Any) -> dict[str, Any]:
        pins = _written(top, constraints, file.parent / "board", target.family)
        netlists = mapped(top, accelerator, target.family, work)
        whole = replace(design, netlists=[*design.netlists, *netlists], top=top.name, constraints=pins,
                        clock="clock" if top.pll else "clk", inside="accelerator")
        figures = route(whole, target, file, workers=workers, usable=usable, **how)
        rate = line_rate(top.identity, top.baud)
        return {**figures, "clock_mhz": clock_mhz, "board": {"clock_mhz": top.clock_hz / MHZ, **rate}}

    def first(name: str, done: int, total: int) -> None:
        report(name, done, steps)

    top, constraints = for_target(accelerator, target, clock_mhz=clock_mhz or aim)
    if clock_mhz is not None:
        figures = run(top, constraints, seeds=seeds, clock_mhz=aim, required_mhz=clock_mhz, progress=first)
    else:
        found = run(top, constraints, seeds=seeds, clock_mhz=aim, pack=False, progress=first)
        found["required_mhz"] = required_mhz
        if missed(found, target) is not None:
            shutil.rmtree(work)
            return found
        top, constraints = _at_most(accelerator, target, found["usable_mhz"])
        if required_mhz is not None and top.clock_hz / MHZ < required_mhz:
            raise DoesNotFit(f"{target.name}: {required_mhz:g} MHz are required; the design reaches "
                             f"{found['fmax_mhz']:.2f} MHz, with which the board's clock can have "
                             f"{top.clock_hz / MHZ:g}")
        last = run(top, constraints, seeds=[found["seed"]], clock_mhz=aim, required_mhz=top.clock_hz / MHZ,
                   progress=lambda name, done, total: report(name, len(seeds) + done, steps))
        figures = {**last, **{key: found[key] for key in OF_ALL_SEEDS}}
    shutil.rmtree(work)
    return figures


def _at_most(accelerator: Accelerator, target: Target, reached_mhz: float) -> tuple[BoardTop, str]:
    """The top level, and its constraints, at the fastest clock that the board can have up to what was reached."""
    assert target.board is not None
    try:
        return for_target(accelerator, target, clock_mhz=reached_mhz)
    except UsageError as error:
        if target.board.clock.mhz <= reached_mhz:
            return for_target(accelerator, target)
        raise DoesNotFit(f"{target.name}: the design reaches {reached_mhz:.2f} MHz, and {error}") from None


def _written(top: BoardTop, constraints: str, folder: Path, family: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{top.name}.v").write_text(top.verilog)
    pins = folder / f"{top.name}.{place_and_route_of(family).constraints}"
    pins.write_text(constraints)
    return pins
