"""`python -m benchmarks.routing`: how much time and memory place and route takes as a device fills.

A design is blocks of 16x64 ternary products with 16-bit accumulators. Each block has its own pins and shift registers,
so wires are as local as between engines in a row. The device is an LFE5U-85F of speed 6, with one seed. The memory is
the most that any process of this command has taken so far. This is why sizes go upwards.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

from amaranth.hdl import UnusedElaboratable
from rich.console import Console

from benchmarks.harness import DEVICES, TARGET_MHZ
from benchmarks.popcount_array import PopcountArray
from benchmarks.tables import Row, show, write_csv
from tbn_hw.families.ecp5 import ECP5
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route, placer_options
from tbn_hw.shared.errors import BuildError

FAMILY, PE, SIMD, LEVELS, SEED = ECP5.name, 16, 64, 4, 1
TOP = "blocks"


def modules(blocks: int) -> dict[str, str]:
    """The Verilog by name of TOP, a top level with this many arrays, and of the modules below it."""
    array = PopcountArray(PE, SIMD, "ternary", {"tree_levels": LEVELS, "family": FAMILY})
    parts = dict(array.modules())
    own = parts.pop(array.top)
    instances = "".join(
        f"  (* keep *) {array.top} block{k} (.clk(clk), .x(x[{2 * k}+:2]), .w(w[{k}]));\n" for k in range(blocks))
    ports = f"input clk, input [{2 * blocks - 1}:0] x, input [{blocks - 1}:0] w"
    return parts | {TOP: f"module {TOP}({ports});\n{instances}endmodule\n{own}"}


def row(blocks: int, store: Path, workers: int | None) -> Row:
    """The figures of a design with this many blocks."""
    texts = modules(blocks)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        total = synthesise(texts, FAMILY, folder, workers, top=TOP, cache=store)["total"]
        netlist = json_netlist([folder / f"{name}.v" for name in texts], TOP, FAMILY, folder)
        run, = place_and_route(netlist, DEVICES[FAMILY], folder, seeds=[SEED], target_mhz=TARGET_MHZ[FAMILY],
                               options=placer_options(FAMILY, total["lut"] + total["ff"]))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # kilobytes to GB
    return {"blocks": blocks, "LUT": total["lut"], "FF": total["ff"], "cells": run.cells,
            "fill %": 100 * run.cells / run.available["TRELLIS_COMB"], "MHz": run.slowest_mhz,
            "seconds": run.seconds, "CPU seconds": run.cpu_seconds, "GB": memory}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="python -m benchmarks.routing",
                                     description=(__doc__ or "").partition("\n")[0])
    result.add_argument("--output", type=Path, default=Path("build/benchmarks"), help="folder (%(default)s)")
    result.add_argument("--blocks", nargs="+", type=int, default=[13, 22, 29], help="of some 2,300 LUTs (%(default)s)")
    result.add_argument("--workers", type=int, help="processes at once of the synthesis, by default one a core")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    warnings.filterwarnings("ignore", category=UnusedElaboratable)  # components made for their numbers
    options.output.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    try:
        for blocks in sorted(options.blocks):
            rows.append(row(blocks, options.output / ".cache" / "synthesis", options.workers))
            write_csv(options.output / "routing.csv", rows)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    show(Console(), f"place and route on {DEVICES[FAMILY]}", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
