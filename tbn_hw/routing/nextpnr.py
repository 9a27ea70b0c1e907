"""Place and route of a Yosys JSON netlist with nextpnr, for several seeds at once."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tbn_hw.families.family import Bound
from tbn_hw.families.registry import place_and_route_of
from tbn_hw.shared.errors import DoesNotFit, PlacementError, UsageError
from tbn_hw.targets.device import Device
from tbn_hw.tools import wasm
from tbn_hw.tools.versions import module, require, versions

PLACED, CONFIGURATION = "placed.json", "routed.txt"
ATTEMPTS = 400_000
"""Places to try for a cell before the design counts as too large. That takes minutes; nextpnr's own limit, days."""
NO_PLACE = r"Unable to (place|find)|[Ff]ailed to (place|route|find)|no BELs remaining|[Uu]nroutable|could not route"
"""What nextpnr says when cells, pins or wires run out."""


@dataclass(frozen=True)
class Step:
    """A part of a path: `kind` is clk-to-q, logic, routing or setup; `begin` and `end` are cell.port."""

    kind: str
    delay_ns: float
    begin: str
    end: str
    net: str


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path from one clock to another or to itself; `begin` and `end` are events such as `posedge clk`."""

    begin: str
    end: str
    steps: tuple[Step, ...]

    @property
    def delay_ns(self) -> float:
        return sum(step.delay_ns for step in self.steps)

    @property
    def logic_ns(self) -> float:
        """The delay without its wires."""
        return sum(step.delay_ns for step in self.steps if step.kind != "routing")


@dataclass(frozen=True)
class Routed:
    """The result of one seed.

    `fmax_mhz` is by clock net; `used` and `available` are by cell type. `warnings` are nextpnr's. `configuration` is
    the text file that the family's packer reads, and `netlist` the placed netlist as JSON. Both are None unless asked
    for. `bound` is our own analysis of that netlist, for families whose nextpnr leaves paths out.
    """

    tool: str
    device: Device
    seed: int
    fmax_mhz: dict[str, float]
    used: dict[str, int]
    available: dict[str, int]
    critical_paths: tuple[CriticalPath, ...]
    warnings: tuple[str, ...]
    cpu_seconds: float
    seconds: float
    configuration: Path | None
    netlist: Path | None
    bound: Bound | None

    @property
    def cells(self) -> int:
        """The number of logic cells. A logic cell holds a LUT, or a bit of a carry chain or of LUT RAM."""
        places = place_and_route_of(self.device.family).places
        return sum(number * self.used.get(cell, 0) for cell, number in places.items())

    @property
    def slowest_mhz(self) -> float | None:
        """nextpnr's Fmax of the slowest clock; None for a design without a path between registers."""
        return min(self.fmax_mhz.values(), default=None)

    @property
    def bounded_mhz(self) -> float | None:
        """`slowest_mhz`, or less where the bound's period is longer."""
        limits = [1000 / self.bound.period_ns] if self.bound and self.bound.period_ns else []
        return min([*limits, *self.fmax_mhz.values()], default=None)


@dataclass(frozen=True)
class Spread:
    """The median, the least and the greatest Fmax of several runs."""

    median_mhz: float
    least_mhz: float
    most_mhz: float
    seeds: int


def spread(runs: Sequence[Routed]) -> Spread:
    """Fmax of the slowest clock over the seeds; raises ValueError where a run has no clock."""
    speeds = [run.slowest_mhz for run in runs]
    known = [speed for speed in speeds if speed is not None]
    if len(known) < len(speeds) or not known:
        raise ValueError("Fmax must be known for every seed, but some has no path between registers")
    return Spread(statistics.median(known), min(known), max(known), len(known))


def place_and_route(netlist: Path, device: Device, folder: Path, *, seeds: Sequence[int] = (1,),
                    target_mhz: float | None = None, constraints: Path | None = None, top: str | None = None,
                    options: Sequence[str] = (), outputs: bool = False, workers: int | None = None, some: bool = False,
                    progress: Callable[[Routed], None] | None = None) -> list[Routed]:
    """Place and route a JSON netlist of Yosys once for each seed; returns the runs in the order of `seeds`.

    A clock that misses `target_mhz` (nextpnr aims at 12 MHz by default) is no error: compare `fmax_mhz`. A constraint
    file must name every port, unless `options` allow otherwise. `folder`/seed<N> always gets the log and the report,
    and with `outputs` also the configuration and the netlist. `workers` processes run at once, by default one a core.
    The first failure, or Ctrl-C, ends them all. With `some`, seeds that find no place are left out of the result,
    unless no seed finds one.

    Raises ToolMissing; UsageError for a device or a file that does not exist; DoesNotFit when the design asks for more
    than the device has; PlacementError when nextpnr fails otherwise, for example over the constraint file.
    """
    require(place_and_route_of(device.family).tool)
    if not seeds:
        raise UsageError("at least one seed is needed to place and route")
    for file in (netlist, *filter(None, [constraints])):
        if not file.is_file():
            raise UsageError(f"{file} does not exist, or is no file")
    wanted = {"json": netlist, "freq": target_mhz, "top": top}
    arguments = [*_arguments(device, wanted, constraints, folder, outputs), *options]
    stop = threading.Event()

    def watch() -> None:
        if stop.is_set():
            raise InterruptedError

    folder.mkdir(parents=True, exist_ok=True)
    if len(seeds) > 1:  # the very first use compiles nextpnr; two processes at once would both do it
        _call(device, ["--version"], folder, watch)
    unplaced: set[Future[Routed]] = set()
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        futures = [pool.submit(_run, device, arguments, folder / f"seed{seed}", seed, watch) for seed in seeds]
        try:
            for future in as_completed(futures):
                if some and isinstance(future.exception(), DoesNotFit) and len(unplaced) + 1 < len(seeds):
                    unplaced.add(future)
                    continue
                run = future.result()
                if progress is not None:
                    progress(run)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures if future not in unplaced]


def placer_options(family: str, cells: int) -> list[str]:
    """nextpnr's options for this number of cells: which placer to use, and when to give up."""
    placer = place_and_route_of(family).placer(cells)
    limit = max(8, cells**2 // ATTEMPTS)  # nextpnr tries cells**2 / limit places; its default limit is 8
    return ["--placer", placer, "--placer-heap-cell-placement-timeout", str(limit)]


def _arguments(device: Device, wanted: dict[str, Any], constraints: Path | None, folder: Path,
               outputs: bool) -> list[str]:
    """Options for a run in a folder of `folder`. nextpnr has a /tmp of its own, so file names are relative."""
    def relative(file: Path) -> str:
        return os.path.relpath(file.resolve(), folder.resolve() / "seed")

    family = place_and_route_of(device.family)
    options = {"report": "report.json", **wanted}
    if outputs:
        options["write"] = PLACED
        if family.configuration is not None:
            options[family.configuration] = CONFIGURATION
    pins = relative(constraints) if constraints else None
    named, more = family.device(device.part, device.package, device.speed, pins)
    options |= more
    given = [(f"--{option}", relative(value) if isinstance(value, Path) else str(value))
             for option, value in options.items() if value is not None]
    return [*named, "--timing-allow-fail", *(part for option in given for part in option)]


def _run(device: Device, arguments: list[str], folder: Path, seed: int, watch: Callable[[], None]) -> Routed:
    watch()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start = time.monotonic()
    cpu_seconds = _call(device, [*arguments, "--seed", str(seed)], folder, watch)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    log = (folder / wasm.PRINTED).read_text(errors="replace")
    placed = folder / PLACED
    family = place_and_route_of(device.family)
    configuration = placed if family.configuration is None else folder / CONFIGURATION
    return Routed(
        tool=f"{family.tool} {versions(family.tool)[family.tool]}", device=device, seed=seed,
        fmax_mhz={clock: math.floor(100 * found["achieved"]) / 100 for clock, found in report["fmax"].items()},
        used={cell: found["used"] for cell, found in report["utilization"].items()},
        available={cell: found["available"] for cell, found in report["utilization"].items()},
        critical_paths=tuple(_path(found) for found in report["critical_paths"]),
        warnings=tuple(re.findall(r"^Warning: (.*)$", log, re.MULTILINE)),
        cpu_seconds=cpu_seconds, seconds=round(time.monotonic() - start, 2),
        configuration=configuration if configuration.exists() else None,
        netlist=placed if placed.exists() else None, bound=_bound(device, placed) if placed.exists() else None)


def _bound(device: Device, placed: Path) -> Bound | None:
    bound = place_and_route_of(device.family).bound
    if bound is None:
        return None
    modules = json.loads(placed.read_text())["modules"].values()
    top = next(module for module in modules if int(module["attributes"].get("top", "0"), 2))
    return bound(top, device.part, device.package)


def _path(found: dict[str, Any]) -> CriticalPath:
    def end(step: dict[str, Any], which: str) -> str:
        return f"{step[which]['cell']}.{step[which]['port']}"

    return CriticalPath(found["from"], found["to"], tuple(
        Step(step["type"], step["delay"], end(step, "from"), end(step, "to"), step.get("net", ""))
        for step in found["path"]))


def _call(device: Device, arguments: list[str], folder: Path, watch: Callable[[], None]) -> float:
    try:
        package = module(place_and_route_of(device.family).tool)
        return wasm.run(package, package.replace("yowasp", "run"), arguments, folder, watch)
    except wasm.ToolFailed as failed:
        log = (folder / wasm.PRINTED).read_text(errors="replace")
        errors = re.findall(r"^ERROR: (.*)$", log, re.MULTILINE) or failed.lines[-1:] or ["no message"]
        raise _failure(device, log, errors[0]) from None


def _failure(device: Device, log: str, error: str) -> Exception:
    utilisation = re.findall(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", log.partition("Device utilisation")[2],
                             re.MULTILINE)
    lacking = [f"{used} {cell} of {has}" for cell, used, has in utilisation if int(used) > int(has)]
    if lacking:
        return DoesNotFit(f"{device}: the design asks for {' and '.join(lacking)}")
    if re.search(NO_PLACE, error):
        return DoesNotFit(f"{device}: the design does not fit; nextpnr's last word was {error!r}")
    return PlacementError(f"{device}: nextpnr gave no result; its word was {error!r}")
