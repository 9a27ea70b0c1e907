"""Takes designs through synthesis, placement and the netlist check.

Each step's result is kept under a hash of its inputs. A run that was interrupted continues where it was, and a repeated
run takes no time. A netlist is simulated and compared with NumPy before its figures are returned, unless the caller
says otherwise.
"""

from __future__ import annotations

import inspect
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from amaranth.back import verilog

from benchmarks import netlist_check
from benchmarks.netlist_check import check, logic_hash
from sim.bench.tool import version as simulator_version
from tbn_hw.families import nets
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.registry import FAMILIES, place_and_route_of
from tbn_hw.netlists import join
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import Routed, place_and_route
from tbn_hw.stages.workspace import content_key, file_hash
from tbn_hw.targets.device import Device
from tbn_hw.tools.versions import versions

DEVICES = {ECP5.name: Device(ECP5.name, "85k", "CABGA756", 6), ICE40.name: Device(ICE40.name, "hx8k", "ct256")}
"""The devices that arrays are placed on. For other families only netlists are measured."""
TARGET_MHZ = {ECP5.name: 300.0, ICE40.name: 200.0}
"""Higher than any array reaches, because nextpnr stops improving once it meets the target."""
CHECKER = Path(netlist_check.__file__)
MAKERS = [Path(inspect.getfile(join)), Path(inspect.getfile(nets)),
          *(Path(inspect.getfile(mend)) for family in FAMILIES.values() for mend in family.mends)]
"""The files whose code a joined netlist depends on."""
RESULT = "result.json"


class Design(Protocol):
    """A design to measure: its modules, and the values that their simulation must give."""

    @property
    def top(self) -> str:
        """The module that instantiates the others."""

    def modules(self) -> Mapping[str, str]:
        """The Verilog of each module by name, with that of `top`."""

    @property
    def settled(self) -> int:
        """After this many clocks the observed registers are compared, see `benchmarks.netlist_check.check`."""

    def vectors(self) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """(inputs, outputs): the values of the input ports and of the observed registers, clock by clock."""


@dataclass(frozen=True)
class Mapped:
    """A netlist of Yosys: the figures of `tbn_hw.netlists.synthesis`, in total and by module, and the seconds it took.

    `compared` is the number of clocks whose values were compared with NumPy; 0 without a check.
    """

    total: dict[str, Any]
    modules: dict[str, dict[str, Any]]
    seconds: float
    compared: int


@dataclass(frozen=True)
class Placed:
    """A placed netlist: its logic cells and flip-flops, Fmax in MHz by seed, and the number of clocks compared."""

    cells: int
    ff: int
    mhz: dict[int, float]
    seconds: float
    compared: int

    @property
    def speeds(self) -> list[float]:
        """Fmax in MHz of all seeds, slowest first."""
        return sorted(self.mhz.values())

    @property
    def median_mhz(self) -> float:
        return float(np.median(self.speeds))


class Harness:
    """Measures designs, and keeps the results in `folder`. `report` is called with a line before each step."""

    def __init__(self, folder: Path, workers: int | None = None, report: Callable[[str], None] | None = None) -> None:
        self._store, self._workers, self.report = folder, workers, report or (lambda text: None)
        folder.mkdir(parents=True, exist_ok=True)

    def map(self, name: str, design: Design, family: str, verify: bool = True) -> Mapped:
        """Synthesise a design and, if `verify`, simulate its netlist. `place` verifies the designs that it places."""
        found, netlist = self._netlist(name, design, family)
        compared = self._check(name, design, family, netlist) if verify else 0
        return Mapped(found["total"], found["modules"], found["seconds"], compared)

    def lut(self, component: Any, family: str) -> int:
        """The LUTs of a component synthesised by itself."""
        modules = {"component": verilog.convert(component, name="component", emit_src=False)}
        key = content_key("lut", versions("yosys"), family, FAMILIES[family].cells.command, sorted(modules.items()))
        if self._kept(key) is None:
            with self._entry(key) as entry:
                _write(entry, synthesise(modules, family, entry, self._workers)["total"])
        return int(self._known(key)["lut"])

    def place(self, name: str, design: Design, family: str, seeds: Sequence[int] = (1, 2, 3)) -> Placed:
        """Place and route a design on the family's device with each seed, and simulate what was placed."""
        _, netlist = self._netlist(name, design, family)
        package, device, target = place_and_route_of(family).tool, DEVICES[family], TARGET_MHZ[family]
        content = content_key(versions(package), device, target, file_hash(netlist))
        keys = {seed: content_key("place", content, seed) for seed in seeds}

        def keep(run: Routed) -> None:
            with self._entry(keys[run.seed]) as entry:
                assert run.netlist is not None
                run.netlist.rename(entry / "placed.json")
                _write(entry, {"cells": run.cells, "ff": run.used.get("TRELLIS_FF", 0), "mhz": run.slowest_mhz,
                               "used": run.used, "seconds": run.seconds})

        missing = [seed for seed in seeds if self._kept(keys[seed]) is None]
        if missing:
            self.report(f"{name}: place and route on {device}, seeds {', '.join(map(str, missing))}")
            with tempfile.TemporaryDirectory(dir=self._store, prefix=".") as folder:
                place_and_route(netlist, device, Path(folder), seeds=missing, target_mhz=target, outputs=True,
                                workers=self._workers, progress=keep)
        runs = {seed: self._known(key) for seed, key in keys.items()}
        compared = [self._check(name, design, family, self._store / key / "placed.json") for key in keys.values()]
        one = next(iter(runs.values()))
        return Placed(one["cells"], one["ff"], {seed: run["mhz"] for seed, run in runs.items()},
                      max(run["seconds"] for run in runs.values()), min(compared))

    def _netlist(self, name: str, design: Design, family: str) -> tuple[dict[str, Any], Path]:
        modules = dict(design.modules())
        key = content_key("map", versions("yosys"), family, FAMILIES[family].cells.command, sorted(modules.items()),
                          *map(file_hash, MAKERS))
        if self._kept(key) is None:
            self.report(f"{name}: synthesis for {family}")
            with self._entry(key) as entry:
                start = time.monotonic()
                result = synthesise(modules, family, entry, self._workers, top=design.top,
                                    cache=self._store / "synthesis")
                seconds = time.monotonic() - start
                netlists = [entry / f"{module}.v" for module in modules]
                json_netlist(netlists, design.top, family, entry).rename(entry / "netlist.json")
                _write(entry, {**result, "seconds": round(seconds, 1)})
        return self._known(key), self._store / key / "netlist.json"

    def _check(self, name: str, design: Design, family: str, netlist: Path) -> int:
        """Simulate a netlist, and return the number of clocks whose values were compared."""
        inputs, outputs = design.vectors()
        values = [(port, array.tolist()) for part in (inputs, outputs) for port, array in part.items()]
        key = content_key("check", simulator_version("verilator"), versions("yosys"), family, logic_hash(netlist),
                          file_hash(CHECKER), values, design.settled)
        if self._kept(key) is None:
            self.report(f"{name}: simulation of {netlist.name}")
            with self._entry(key) as entry:
                result = check(netlist, family, inputs, outputs, entry / "work", settled=design.settled)
                shutil.rmtree(entry / "work")
                _write(entry, {"compared": result.beats_compared})
        return int(self._known(key)["compared"])

    @contextmanager
    def _entry(self, key: str) -> Iterator[Path]:
        """A folder to work in. It is moved into the store under `key` if the block ends without an error."""
        with tempfile.TemporaryDirectory(dir=self._store, prefix=".") as temporary:
            work = Path(temporary) / "entry"
            work.mkdir()
            yield work
            shutil.rmtree(self._store / key, ignore_errors=True)
            work.rename(self._store / key)

    def _kept(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self._store / key / RESULT).read_text())
        except (OSError, ValueError):
            return None
        return found

    def _known(self, key: str) -> dict[str, Any]:
        found = self._kept(key)
        assert found is not None
        return found


def _write(entry: Path, result: Mapping[str, Any]) -> None:
    (entry / RESULT).write_text(json.dumps(result))
