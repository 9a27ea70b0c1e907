"""`python -m benchmarks.simulation`: cycles a second of the two benches of accelerators, cocotb's and the C++ one.

Both benches simulate the same design and compare with the golden model. Each is compiled as in a build. cocotb's bench
is measured once more with the C++ bench's optimisation, which pays from some hundred pictures on. Cycles are counted by
the CPU second, because other work may share the machine. The time includes the start and the end of the simulation.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import Row, show, write_csv
from sim.bench import PRIMITIVES, SimulationResult, simulate, simulate_many
from tbn_hw.shared.design import Design
from tbn_hw.stages.gateware import stimulus
from tbn_hw.stages.load import load
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.verilog.joined import join

SEED = 1
Bench = Callable[..., SimulationResult]


BENCHES: tuple[tuple[str, Bench, str], ...] = (
    ("cocotb", simulate, "-O0"), ("cocotb", simulate, "-O1"), ("C++", simulate_many, "-O1"))
"""(name, bench, option of the C++ compiler). Builds use the first and the last."""


def measure(name: str, bench: Bench, optimise: str, design: Design, verilog: Path, count: int, work: Path) -> Row:
    """Send `count` random pictures through one bench, with pauses after the first frames, and return its figures."""
    images = np.random.default_rng(SEED).integers(0, 256, (count, *design.network.input.shape), np.uint8)
    given = stimulus(design, images, None, lambda *step: None)

    def go() -> tuple[SimulationResult, float, float]:
        before, started = _cpu(), time.perf_counter()
        result = bench([verilog, PRIMITIVES], design.name, work=work, optimise=optimise, **given)
        return result, _cpu() - before, time.perf_counter() - started

    _, with_build, _ = go()
    result, cpu, wall = go()  # built already
    if result.mismatches:
        raise SystemExit(f"{design.name}: {result.first_divergence}")
    return {"model": design.name, "bench": f"{name} {optimise}", "images": count, "cycles": result.cycles,
            "build CPU s": with_build - cpu, "run CPU s": cpu, "run s": wall, "cycles/CPU s": result.cycles / cpu,
            "latency": result.latency_cycles, "interval": result.interval_cycles}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(model: str, few: int, many: int, folder: Path) -> list[dict[str, Any]]:
    """A row for each bench of one model. The last column is the ratio of its cycles a second to the first bench's."""
    loaded = load(model, None)
    design = StreamingDesign.of(loaded.network, fold(loaded.network, loaded.foldings))
    texts = {design.name: design.top(), **design.modules(os.cpu_count() or 1)}
    verilog = folder / f"{design.name}.v"
    verilog.write_text(join(texts))
    rows = [measure(name, bench, optimise, design, verilog, few if bench is simulate else many,
                    folder / f"{name}{optimise}") for name, bench, optimise in BENCHES]
    return [{**row, "times": row["cycles/CPU s"] / rows[0]["cycles/CPU s"]} for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description=__doc__.split("\n\n")[0])
    parser.add_argument("--models", nargs="+", default=["tbn_digits.yaml"])
    parser.add_argument("--images", type=int, default=100, help="for the C++ bench")
    parser.add_argument("--cocotb-images", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"))
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    rows = []
    for model in options.models:
        with tempfile.TemporaryDirectory() as folder:
            rows += compare(model, options.cocotb_images, options.images, Path(folder))
    show(Console(), "Simulation of whole accelerators", rows)
    write_csv(options.output / "simulation.csv", rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
