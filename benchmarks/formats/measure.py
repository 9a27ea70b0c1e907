"""Measures an array on a family: synthesises it, compares its netlist with NumPy, and places it if a tool can."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.formats.array import Array
from benchmarks.formats.gates import simulate
from benchmarks.formats.modules import ARRAY, PINS, PORTS, modules
from benchmarks.formats.vectors import vectors
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.xc7 import XC7
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route, spread
from tbn_hw.shared.errors import Mismatch
from tbn_hw.targets.device import Device

DEVICE = Device(ECP5.name, "85k", "CABGA756", 6)
TARGET_MHZ = 250.0


@dataclass(frozen=True)
class Cost:
    """The figures of one array on one family. Those of place and route are None without it."""

    format: str
    family: str
    pe: int
    simd: int
    lut: int
    """LUT4s or LUT6s in Yosys's netlist."""
    ff: int
    checked: int
    """The number of the netlist's results that were compared with NumPy; all were equal."""
    cells: int | None = None
    """LUT4s after placement, the median of the seeds."""
    mhz: float | None = None
    """Fmax in MHz, the median of the seeds."""
    least_mhz: float | None = None
    most_mhz: float | None = None
    seeds: int | None = None

    @property
    def macs(self) -> int:
        """Multiply-accumulates a cycle."""
        return self.pe * self.simd

    @property
    def area(self) -> float:
        """The LUT sites that the array fills with LUTs or with flip-flops, whichever needs more.

        A site has one flip-flop on ECP5, and two on Xilinx 7.
        """
        return max(self.cells or self.lut, self.ff / {ECP5.name: 1, XC7.name: 2}[self.family])

    @property
    def area_per_mac(self) -> float:
        return self.area / self.macs

    @property
    def macs_per_cycle(self) -> float:
        """Multiply-accumulates a cycle from 10,000 LUTs."""
        return 1e4 / self.area_per_mac

    @property
    def gmacs(self) -> float | None:
        """10^9 multiply-accumulates a second from 10,000 LUTs; None without place and route."""
        return self.mhz * self.macs_per_cycle / 1e3 if self.mhz else None


def measure(array: Array, folder: Path, *, seeds: Sequence[int] = (), runs: int = 16) -> Cost:
    """Synthesise an array, compare its netlist with NumPy in `runs` runs, and place and route it with each seed.

    Results are kept in `folder`. Raises Mismatch when the netlist differs from NumPy or has more than LUTs and
    flip-flops, and the errors of the tools.
    """
    texts = modules(array)
    found = synthesise(texts, array.family, folder, 1, top=PINS, cache=folder.parent / "cache")["modules"]
    figures = found[ARRAY]
    netlist = folder / f"{ARRAY}.v"
    parts = [netlist.read_text(), (folder / f"{PINS}.v").read_text(), array.name, DEVICE, TARGET_MHZ, list(seeds), runs]
    key = hashlib.sha256(repr(parts).encode()).hexdigest()
    kept = folder / "cost.json"
    if kept.exists() and (known := json.loads(kept.read_text()))["key"] == key:
        return Cost(**known["cost"])
    cost: dict[str, Any] = {
        "format": array.name, "family": array.family, "pe": array.pe, "simd": array.simd, "lut": figures["lut"],
        "ff": figures["ff"], "checked": check(array, netlist, folder / "gates", runs)}
    if figures["dsp"] or figures["bram"]:
        raise Mismatch(f"{array.name} must be of LUTs alone, but has {figures['dsp']} multipliers")
    if seeds:
        design = json_netlist([netlist, folder / f"{PINS}.v"], PINS, array.family, folder)
        routed = place_and_route(design, DEVICE, folder / "routed", seeds=seeds, target_mhz=TARGET_MHZ, workers=1)
        speed = spread(routed)
        cost |= {"cells": sorted(run.cells for run in routed)[len(routed) // 2], "mhz": speed.median_mhz,
                 "least_mhz": speed.least_mhz, "most_mhz": speed.most_mhz, "seeds": speed.seeds}
    kept.write_text(json.dumps({"key": key, "cost": cost}))
    return Cost(**cost)


def check(array: Array, netlist: Path, folder: Path, runs: int) -> int:
    """Simulate a netlist with random vectors of two beats, and return the number of results that were compared.

    Raises Mismatch when a result differs.
    """
    made = [vectors(array, folds=2, count=4, seed=seed) for seed in range(runs)]
    inputs = {name: list(zip(*(run.inputs[name] for run in made), strict=True)) for name in PORTS}
    seen = simulate(netlist, ARRAY, array.family, inputs, "o", folder)
    for number, run in enumerate(made):
        for cycle, shown in enumerate(run.inputs["show"]):
            if shown and seen[cycle][number] != run.outputs["o"][cycle]:
                raise Mismatch(f"{array.name} on {array.family}: cycle {cycle} of run {number} must be "
                               f"{run.outputs['o'][cycle]:#x}, not {seen[cycle][number]:#x}")
    return sum(run.results for run in made)


def names() -> list[str]:
    """The names of a Cost's fields."""
    return [field.name for field in fields(Cost)]
