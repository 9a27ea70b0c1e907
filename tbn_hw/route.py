"""Place and route of an accelerator on a target, the best of several seeds packed into a bitstream, and its figures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tbn_hw import bitstream, shell
from tbn_hw.critical_path import named
from tbn_hw.errors import DoesNotFit, UsageError
from tbn_hw.nextpnr import CriticalPath, Routed, place_and_route, spread
from tbn_hw.placement import json_netlist
from tbn_hw.targets import Target
from tbn_hw.wasm import PRINTED

CLOCK = "aclk"
AIM_MHZ = {"ecp5": 200.0, "ice40": 120.0}
"""The clock to aim at where none is asked for: more than accelerators reach, for nextpnr rests when it is met."""
FIGURES = ("tool", "device", "out_of_context", "clock_mhz", "fmax_mhz", "seed", "seeds", "median_mhz", "least_mhz",
           "used", "available", "critical_path", "bitstream", "bitstream_bytes", "warnings")
"""What `route` returns; all None in the report of a build without place and route."""
EXPECTED = ("Max frequency for clock", "No PCF file specified")
"""How warnings of nextpnr begin that say what is known anyway."""


@dataclass(frozen=True)
class Design:
    """What is routed: mapped Verilog netlists, the top module's name, and the node of each of its instances."""

    netlists: Sequence[Path]
    top: str
    nodes: Mapping[str, str]
    clock: str = CLOCK


def require(target: Target, clock_mhz: float | None) -> None:
    """Raises UsageError when the target is for synthesis only, or the clock no frequency."""
    if target.device is None:
        raise UsageError(f"{target.name} ({target.part_name}) is for synthesis only; there is no open place and route")
    if clock_mhz is not None and not 0 < clock_mhz < 10_000:
        raise UsageError(f"--clock must be a frequency in MHz, not {clock_mhz:g}")


def route(design: Design, target: Target, folder: Path, *, seeds: Sequence[int], clock_mhz: float | None = None,
          workers: int | None = None, progress: Callable[[str, int, int], None] | None = None) -> dict[str, Any]:
    """Place and route `design` with each seed, aiming at `clock_mhz`; returns FIGURES.

    Writes the bitstream of the fastest seed to `folder`/<top>.bit or .bin, unless it misses `clock_mhz`, which is left
    to `missed`; and nextpnr's log and report of each seed to `folder`/route. A design with more ports than the package
    has pins is routed out of context, in a shell of registers. `progress` is called with what was done last, how many
    seeds are done, and of how many.

    Raises UsageError for a target without place and route, ToolMissing, DoesNotFit, and PlacementError.
    """
    require(target, clock_mhz)
    assert target.device is not None
    report = progress or (lambda name, done, total: None)
    work, family, done = folder / ".work", target.family, 0
    (folder / "route").mkdir(parents=True)
    ports = shell.ports_of(_text(design, design.top), design.top)
    bare = shell.pins(ports) > target.pins
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
    runs = place_and_route(netlist, target.device, work, seeds=seeds, target_mhz=clock_mhz or AIM_MHZ[family],
                           outputs=True, workers=workers, progress=keep)
    best = max(runs, key=lambda run: run.slowest_mhz or 0)
    figures = _figures(design, runs, best, clock_mhz, bare)
    if missed(figures, target) is None:
        assert best.configuration is not None
        file = folder / f"{design.top}{bitstream.SUFFIXES[family]}"
        bitstream.pack(best.configuration, family, file)
        figures |= {"bitstream": file.name, "bitstream_bytes": file.stat().st_size}
    shutil.rmtree(work)
    return figures


def missed(figures: Mapping[str, Any], target: Target) -> DoesNotFit | None:
    """What to say of a design that does not reach the clock that was asked for, and where it is slowest."""
    asked, found = figures["clock_mhz"], figures["fmax_mhz"]
    if asked is None or found >= asked:
        return None
    path = figures["critical_path"]
    return DoesNotFit(f"{target.name}: the clock of {asked:g} MHz is missed by {asked - found:.2f} MHz; the best of "
                      f"{len(figures['seeds'])} seeds reaches {found:.2f} MHz, its slowest path runs from "
                      f"{path['from']} to {path['to']}")


def throughput(figures: Mapping[str, Any], verified: Mapping[str, Any], macs: int) -> dict[str, Any]:
    """Frames a second, latency and operations (two for a multiply-accumulate) of what was routed, at the clock asked
    for, else at the fastest it can have; from the cycles that were counted in simulation."""
    mhz, source = figures["fmax_mhz"], f"{figures['tool']}, seed {figures['seed']}"
    if figures["clock_mhz"] is not None:
        mhz, source = figures["clock_mhz"], f"the clock asked for, met by {source}"
    interval, latency = verified["interval_cycles"], verified["latency_cycles"]
    fps = 1e6 * mhz / interval if interval else None
    return {"fps": round(fps, 2) if fps else None,
            "latency_ms": round(latency / mhz / 1e3, 5) if latency else None,
            "gops": round(2 * macs * fps / 1e9, 3) if fps else None, "at_mhz": mhz, "source": source}


def _figures(design: Design, runs: Sequence[Routed], best: Routed, clock_mhz: float | None,
             bare: bool) -> dict[str, Any]:
    speeds = spread(runs)
    prefix = f"{shell.INSIDE}." if bare else ""
    return {
        "tool": best.tool, "device": str(best.device), "out_of_context": bare, "clock_mhz": clock_mhz,
        "fmax_mhz": best.slowest_mhz, "seed": best.seed,
        "seeds": [{"seed": run.seed, "fmax_mhz": run.slowest_mhz, "cells": run.cells,
                   "seconds": run.seconds, "cpu_seconds": run.cpu_seconds} for run in runs],
        "median_mhz": speeds.median_mhz, "least_mhz": speeds.least_mhz,
        "used": {cell: number for cell, number in best.used.items() if number},
        "available": {cell: best.available[cell] for cell, number in best.used.items() if number},
        "critical_path": named(_slowest(best), design.nodes, prefix), "bitstream": None, "bitstream_bytes": None,
        "warnings": [warning for warning in best.warnings if not warning.startswith(EXPECTED)],
    }


def _slowest(run: Routed) -> CriticalPath:
    """The path that sets Fmax: the slowest within one clock."""
    return max((path for path in run.critical_paths if path.begin == path.end), key=lambda path: path.delay_ns)


def _text(design: Design, module: str) -> str:
    return next(path for path in design.netlists if path.stem == module).read_text()
