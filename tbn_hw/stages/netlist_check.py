"""The check of the netlist that place and route gets: it is simulated cell by cell, and compared with golden."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.bench import simulate_many
from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.simulation import models, top_module, verilog
from tbn_hw.shared.design import CLOCK, Design, Progress
from tbn_hw.shared.errors import UsageError
from tbn_hw.stages.gateware import require_equal, simulation_errors, stimulus
from tbn_hw.stages.keys import content_key, sources
from tbn_hw.tools.versions import versions

if TYPE_CHECKING:
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site
    from tbn_hw.stages.synthesise import Synthesised
    from tbn_hw.stages.verify import Verified

SEVERAL_LUTS, MOST_LUTS = 5_000, 60_000
"""Limits on a netlist's LUTs. Up to the first, IMAGES pictures go through the netlist; up to the second, one.

Larger netlists take too long. A netlist of 37,832 LUTs takes 205 CPU seconds, most of them in Verilator and the
compiler, and 3.2 GB of memory.
"""
IMAGES = 3


def affordable(luts: float) -> int:
    """The number of pictures that go through a netlist with so many LUTs."""
    return IMAGES if luts <= SEVERAL_LUTS else 1 if luts <= MOST_LUTS else 0


def check_netlist(site: Site, planned: Planned, verified: Verified, synthesised: Synthesised) -> dict[str, Any]:
    """Send the first pictures of the verify stage through the netlist. Their number depends on its LUTs.

    Returns the figures of `check`, and raises as it does.
    """
    design, family, luts = planned.design, site.options.target.family, synthesised.total["lut"]
    images = verified.images[:IMAGES]
    key = content_key("netlist", sources(__name__), synthesised.key, planned.network_key, design.name, design.ports,
                      design.timeout_cycles, family, luts, images.shape, images.tobytes(),
                      versions("verilator", "yosys"))

    def produce(_: Path) -> dict[str, Any]:
        count, work = affordable(luts), site.workspace.records / "netlist"
        site.console.print(f"netlist: {min(count, len(images))} image(s) through the netlist of {luts:,} LUTs")
        with site.progress("netlist") as step:
            return check(design, synthesised.netlists, family, luts, images, work, step)

    return site.stage("netlist", key, [], produce)


def check(design: Design, netlists: Sequence[Path], family: str, luts: float, images: np.ndarray, work: Path,
          progress: Progress) -> dict[str, Any]:
    """Run the first of uint8 `images` through `netlists` below the top, and compare the results with golden.

    `tbn_hw.netlists.synthesis.synthesise` writes the netlists. They are joined as for place and route. If the netlist
    has many `luts`, only the first picture is run, or none. Returns `images`, `outputs_compared`, `mismatches`,
    `simulator`, and `skipped`: the reason if nothing was simulated, else None. Raises Mismatch and ToolMissing as
    `tbn_hw.stages.gateware.compare` does.
    """
    name, count = design.name, affordable(luts)
    if family not in FAMILIES:
        return _skipped(f"there are no simulation models of {family}'s cells")
    if not count:
        return _skipped(f"{luts:,} LUTs are more than {MOST_LUTS:,}, whose simulation would take too long")
    work.mkdir(parents=True, exist_ok=True)
    netlist = json_netlist(netlists, name, family, work)
    module = top_module(json.loads(netlist.read_text()))
    netlist.unlink()
    ports = module["ports"]
    inputs = {port: len(found["bits"]) for port, found in ports.items() if found["direction"] == "input"}
    outputs = {port: found["bits"] for port, found in ports.items() if found["direction"] == "output"}
    del inputs[CLOCK]
    files = [work / "models.v", work / "netlist.v"]
    try:
        files[1].write_text(verilog(module, name, family, inputs, CLOCK, outputs))
    except UsageError as error:
        return _skipped(str(error))
    files[0].write_text(models(family))
    with simulation_errors(f"{name}, netlist"):
        result = simulate_many(files, name, work=work, measure=False, optimise="-O0",
                               **stimulus(design, images[:count], None, progress))
    require_equal(f"{name}, netlist", result)
    return {"images": result.images, "outputs_compared": result.outputs_compared, "mismatches": result.mismatches,
            "simulator": result.simulator, "skipped": None}


def _skipped(why: str) -> dict[str, Any]:
    return {"images": 0, "outputs_compared": 0, "mismatches": None, "simulator": None, "skipped": why}
