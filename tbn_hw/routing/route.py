"""Place and route of an accelerator on a target with several seeds. The best seed becomes the bitstream."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tbn_hw.families.registry import place_and_route_of
from tbn_hw.netlists.join import json_netlist
from tbn_hw.routing import bitstream, shell
from tbn_hw.routing.critical_path import named
from tbn_hw.routing.nextpnr import CriticalPath, Routed, place_and_route, placer_options, spread
from tbn_hw.shared.design import CLOCK
from tbn_hw.shared.errors import DoesNotFit, UsageError
from tbn_hw.targets.catalogue import Target
from tbn_hw.tools.wasm import PRINTED

FIGURES = ("tool", "device", "out_of_context", "clock_mhz", "required_mhz", "fmax_mhz", "bounded_mhz", "usable_mhz",
           "seed", "seeds", "seeds_without_place", "median_mhz", "least_mhz", "used", "available", "critical_path",
           "bitstream", "bitstream_bytes", "warnings", "board")
"""The keys of what `route` returns. All are None in the report of a build without place and route."""
EXPECTED = ("Max frequency for clock", "No PCF file specified", "    Overriding derived constraint")
"""Beginnings of nextpnr's warnings that tell nothing new."""


@dataclass(frozen=True)
class Placeable:
    """A design to place and route: mapped Verilog netlists, the top module's name, and the node of each engine.

    `clock` is the clock's port, or its net where a PLL makes it. `constraints` is a file with the pins of all ports;
    without one nextpnr chooses them. `inside` names the top's instance that holds the engines; it is empty if the top
    holds them itself.
    """

    netlists: Sequence[Path]
    top: str
    nodes: Mapping[str, str]
    clock: str = CLOCK
    constraints: Path | None = None
    inside: str = ""


def route(design: Placeable, target: Target, file: Path, *, seeds: Sequence[int], clock_mhz: float | None = None,
          required_mhz: float | None = None, usable: float = 1.0, pack: bool = True, workers: int | None = None,
          progress: Callable[[str, int, int], None] | None = None) -> dict[str, Any]:
    """Place and route `design` with each seed, aiming at `clock_mhz`; returns FIGURES.

    A clock may have the part `usable` of nextpnr's Fmax, or of the family's own bound where that is lower. That part
    must reach `required_mhz`, or `clock_mhz` where `required_mhz` is not given.

    `file` gets the bitstream of the fastest seed; its suffix is the family's in `bitstream.SUFFIXES`. There is no
    bitstream without `pack`, nor if the design is slower than required: then `missed` tells why. The folder `route`
    beside `file` gets nextpnr's log and report of each seed. A design with more ports than the package has pins is
    routed out of context, in a shell of registers. `progress` is called with what was done last, the number of seeds
    done, and the number of all seeds. A seed that cannot place every cell is left out, unless this happens to all.

    Raises UsageError for a target without place and route, ToolMissing, DoesNotFit, and PlacementError.
    """
    if target.device is None:
        raise UsageError(f"{target.name} ({target.part_name}) is for synthesis only; there is no open place and route")
    report = progress or (lambda name, done, total: None)
    folder, family, done = file.parent, target.family, 0
    work = folder / ".work"
    (folder / "route").mkdir(parents=True, exist_ok=True)
    ports = shell.ports_of(_text(design, design.top), design.top)
    bare = shell.pins(ports) > target.pins and design.constraints is None
    top = f"{design.top}_shell" if bare else design.top
    netlists = list(design.netlists)
    if bare:
        netlists.append(shell.mapped(top, design.top, ports, design.clock, family, work / "shell"))
    netlist = json_netlist(netlists, top, family, work)

    def keep(run: Routed) -> None:
        nonlocal done
        done += 1
        ran = work / f"seed{run.seed}"
        shutil.copy2(ran / PRINTED, folder / "route" / f"seed{run.seed}.log")
        shutil.copy2(ran / "report.json", folder / "route" / f"seed{run.seed}.json")
        report(f"seed {run.seed}: {run.slowest_mhz} MHz", done, len(seeds))

    report("netlist", 0, len(seeds))
    cells = len(json.loads(netlist.read_text())["modules"][top]["cells"])
    aim = clock_mhz or place_and_route_of(family).aim_mhz
    pins = design.constraints and _aimed(design.constraints, family, design.clock, aim, work)
    runs = place_and_route(netlist, target.device, work, seeds=seeds, target_mhz=aim,
                           options=placer_options(family, cells), constraints=pins, outputs=True, workers=workers,
                           some=True, progress=keep)
    best = max(runs, key=lambda run: run.bounded_mhz or 0)
    figures = {**_figures(design, runs, best, bare), "clock_mhz": clock_mhz, "required_mhz": required_mhz or clock_mhz,
               "usable_mhz": math.floor(100 * usable * (best.bounded_mhz or 0)) / 100,
               "seeds_without_place": len(seeds) - len(runs), "board": None}
    if pack and missed(figures, target) is None:
        assert best.configuration is not None
        bitstream.pack(best.configuration, target.device, file)
        figures |= {"bitstream": file.name, "bitstream_bytes": file.stat().st_size}
    shutil.rmtree(work)
    return figures


def missed(figures: Mapping[str, Any], target: Target) -> DoesNotFit | None:
    """The error for a design that misses the required clock, with its slowest path; None if it reaches the clock."""
    required, found, reached = (figures[key] for key in ("required_mhz", "usable_mhz", "fmax_mhz"))
    if required is None or found >= required:
        return None
    seeds, path, bounded = len(figures["seeds"]), figures["critical_path"], figures["bounded_mhz"]
    all_paths = "" if bounded is None else f", {bounded:.2f} MHz with the paths that nextpnr leaves out"
    of_it = f", of which a board's clock may have {found:.2f}" if found < reached else ""
    return DoesNotFit(f"{target.name}: the clock of {required:g} MHz is missed by {required - found:.2f} MHz; the best "
                      f"of {seeds} seed{'s' * (seeds > 1)} reaches {reached:.2f} MHz{all_paths}{of_it}; its slowest "
                      f"path runs from {path['from']} to {path['to']}")


def _figures(design: Placeable, runs: Sequence[Routed], best: Routed, bare: bool) -> dict[str, Any]:
    speeds = spread(runs)
    prefix = "".join(f"{name}." for name in (shell.INSIDE if bare else "", design.inside) if name)
    return {
        "tool": best.tool, "device": str(best.device), "out_of_context": bare, "fmax_mhz": best.slowest_mhz,
        "bounded_mhz": best.bounded_mhz if best.bound else None, "seed": best.seed,
        "seeds": [{"seed": run.seed, "fmax_mhz": run.slowest_mhz, "cells": run.cells,
                   "seconds": run.seconds, "cpu_seconds": run.cpu_seconds} for run in runs],
        "median_mhz": speeds.median_mhz, "least_mhz": speeds.least_mhz,
        "used": {cell: number for cell, number in best.used.items() if number},
        "available": {cell: best.available[cell] for cell, number in best.used.items() if number},
        "critical_path": named(_slowest(best), design.nodes, prefix), "bitstream": None, "bitstream_bytes": None,
        "warnings": [*(warning for warning in best.warnings if not warning.startswith(EXPECTED)), *_untimed(best)],
    }


def _untimed(run: Routed) -> list[str]:
    cells = run.bound.untimed if run.bound else ()
    return [f"there are no delays of {' and '.join(cells)}; the usable clock counts nothing for them"] if cells else []


def _aimed(constraints: Path, family: str, clock: str, mhz: float, folder: Path) -> Path:
    """A constraint file with the frequency to aim at. nextpnr takes it instead of the PLL's setting."""
    file = folder / f"aimed{constraints.suffix}"
    file.write_text(constraints.read_text() + place_and_route_of(family).aimed(clock, mhz))
    return file


def _slowest(run: Routed) -> CriticalPath:
    """The path that sets Fmax: the slowest within one clock."""
    return max((path for path in run.critical_paths if path.begin == path.end), key=lambda path: path.delay_ns)


def _text(design: Placeable, module: str) -> str:
    return next(path for path in design.netlists if path.stem == module).read_text()
