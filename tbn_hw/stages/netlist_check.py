"""The check of the netlist: what place and route gets, simulated cell by cell on pictures and compared with golden."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.bench import simulate_many
from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.simulation import models, top_module, verilog
from tbn_hw.routing.route import CLOCK
from tbn_hw.shared.errors import UsageError
from tbn_hw.stages.verify import Progress, require_equal, simulation_errors, stimulus
from tbn_hw.streaming.accelerator import Accelerator

SEVERAL_LUTS, MOST_LUTS = 5_000, 60_000
"""Up to the first, IMAGES pictures go through the netlist, and up to the second, one: beyond it takes too long.

Of 37,832 LUTs it takes 205 CPU seconds, most of them Verilator's and the compiler's, and 3.2 GB of memory.
"""
IMAGES = 3


def affordable(luts: float) -> int:
    """The pictures that go through a netlist with so many LUTs."""
    return IMAGES if luts <= SEVERAL_LUTS else 1 if luts <= MOST_LUTS else 0


def check(accelerator: Accelerator, netlists: Sequence[Path], family: str, luts: float, images: np.ndarray, work: Path,
          progress: Progress) -> dict[str, Any]:
    """Run the first of uint8 `images` through `netlists` below the top, and compare the results with golden.

    `tbn_hw.netlists.synthesis.synthesise` writes the netlists.

    They are joined as for place and route; the first picture decides alone where the netlist has many `luts`. Returns
    `images`, `outputs_compared`, `mismatches`, `simulator`, and `skipped`: why nothing was simulated, else None. Raises
    Mismatch and ToolMissing as `tbn_hw.stages.verify.verify` does.
    """
    name, count = accelerator.name, affordable(luts)
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
    sources = [work / "models.v", work / "netlist.v"]
    try:
        sources[1].write_text(verilog(module, name, family, inputs, CLOCK, outputs))
    except UsageError as error:
        return _skipped(str(error))
    sources[0].write_text(models(family))
    with simulation_errors(f"{name}, netlist"):
        result = simulate_many(sources, name, work=work, measure=False, optimise="-O0",
                               **stimulus(accelerator, images[:count], None, progress))
    require_equal(f"{name}, netlist", result)
    return {"images": result.images, "outputs_compared": result.outputs_compared, "mismatches": result.mismatches,
            "simulator": result.simulator, "skipped": None}


def _skipped(why: str) -> dict[str, Any]:
    return {"images": 0, "outputs_compared": 0, "mismatches": None, "simulator": None, "skipped": why}
