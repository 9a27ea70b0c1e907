"""The bench of a whole accelerator: it sends pictures through the Verilog and compares every logit that comes out."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.bench.beats import Encoding, unpack
from sim.bench.build import Built, build
from sim.bench.tool import SimulationError, run_simulator, version
from sim.process import log_end

PORTS = ("aclk", "aresetn", "s_axis_tdata", "s_axis_tvalid", "s_axis_tready", "s_axis_tlast", "m_axis_tdata",
         "m_axis_tvalid", "m_axis_tready", "m_axis_tlast", "m_axis_tuser")
FREE_FRAMES = 3  # the first fills the pipeline; the interval is measured between the second and the last


@dataclass(frozen=True)
class Probe:
    """A stream inside the design, and the values that it must carry.

    Its signals are `<prefix>__payload`, `__valid` and `__ready`. A beat has `elements` elements of `width` bits.
    A prefix without a dot names a wire of the top module. It is much cheaper than one with a dot, which makes every
    signal of the design visible. `expected` is (n, h, w, c), one entry for each image.
    """

    name: str
    prefix: str
    width: int
    encoding: Encoding
    elements: int
    expected: np.ndarray


@dataclass(frozen=True)
class Divergence:
    """The first value that differs: tensor `node` of picture `image` has `got` and should have `expected`."""

    node: str
    image: int
    y: int
    x: int
    channel: int
    expected: int
    got: int

    def __str__(self) -> str:
        return (f"{self.node}: image {self.image}, pixel ({self.y}, {self.x}), channel {self.channel} must be "
                f"{self.expected}, not {self.got}")


@dataclass(frozen=True)
class SimulationResult:
    """What a simulation compared and measured. `verify` in `report.json` is made from it.

    `latency_cycles`: cycles from the transfer of the first beat to the transfer of the first result, without stalls.
    `interval_cycles`: cycles between two results in the steady state without stalls, a mean if they vary.
    Both are None where they were not measured.
    """

    images: int
    outputs_compared: int
    mismatches: int
    latency_cycles: int | None
    interval_cycles: float | None
    simulator: str
    cycles: int
    build_seconds: float
    run_seconds: float
    seed: int
    stalls: float
    first_divergence: Divergence | None


def simulate(sources: Sequence[Path], top: str, images: np.ndarray, expected_logits: np.ndarray,
             expected_classes: np.ndarray | None = None, *, logit_bytes: int, class_bytes: int = 1, work: Path,
             seed: int = 0, stalls: float = 0.0, reset_after: int | None = None, timeout_cycles: int = 1_000_000,
             measure: bool = True, probes: Sequence[Probe] = (),
             progress: Callable[[int, int], None] | None = None, optimise: str = "-O0") -> SimulationResult:
    """Send `images` (n, h, w, c) through the Verilog of an accelerator and compare every result.

    An input beat is one pixel; each element takes as many bytes as in `images`. An output beat is all logits of
    `logit_bytes` each, then the classes of `class_bytes` each. `expected_logits` is (n, classes), `expected_classes`
    (n, k).

    With `measure`, the first `FREE_FRAMES` frames run without stalls and give latency and interval; they show the same
    images. Then come all images, with random pauses of probability `stalls` on both sides. The pauses follow from
    `seed`. With `reset_after`, frames are sent for that many cycles first, no result is taken, and the accelerator is
    reset for one cycle. `progress` is called with (frames done, frames). `optimise` is an option of the C++ compiler.
    For a few frames -O0 is the quickest, because it compiles sooner.

    `probes` are in topological order. After a mismatch the simulation runs once more and watches them, and the result
    names the first probe that differs. Only one run at a time may use a folder `work`.

    Raises SimulationError when the simulation cannot be built, breaks the protocol, or has no transfer for
    `timeout_cycles` (the error then tells how far each probe came); ToolMissing when a program is missing; ValueError
    when there are no images or not one row of logits for each.
    """
    free = FREE_FRAMES if measure else 0
    order, logits, classes = arranged(len(images), expected_logits, expected_classes, free, stalls)
    run = Run(sources, top, np.ascontiguousarray(images)[order], work, seed, stalls, free, reset_after,
              timeout_cycles, progress, optimise)
    started = time.perf_counter()
    built = run.build(())
    build_seconds, started = time.perf_counter() - started, time.perf_counter()
    outcome = run.go(built, ())
    run_seconds = time.perf_counter() - started
    if outcome["error"]:
        raise SimulationError(f"{outcome['error']}; seed {seed}, stalls {stalls}{run.explain(probes, order)}")
    expected = np.concatenate([logits, classes], axis=1)
    beats = [int(beat, 16) for beat in outcome["results"]]
    found = results_of(beats, logits.shape[1], logit_bytes, classes.shape[1], class_bytes)
    wrong = expected != found
    divergence = None
    if wrong.any():
        frame, output = (int(index) for index in np.argwhere(wrong)[0])
        divergence = run.locate(probes, order, frame) or Divergence(
            "output", int(order[frame]), 0, 0, output, int(expected[frame, output]), int(found[frame, output]))
    latency, interval = timing_of(outcome, free or (0 if stalls else len(order)))
    return SimulationResult(len(images), wrong.size, int(wrong.sum()), latency, interval, version(built.simulator),
                            outcome["cycles"], build_seconds, run_seconds, seed, stalls, divergence)


@dataclass(frozen=True)
class Run:
    """One stimulus for one design. A second run, with probes, is the same to the cycle."""

    sources: Sequence[Path]
    top: str
    frames: np.ndarray
    work: Path
    seed: int
    stalls: float
    free: int
    reset_after: int | None
    timeout: int
    progress: Callable[[int, int], None] | None
    optimise: str

    def build(self, probes: Sequence[Probe]) -> Built:
        inside = [f"{probe.prefix}__{end}" for probe in probes for end in ("payload", "valid", "ready")]
        return build(self.sources, self.top, self.work, visible=[*PORTS, *inside], optimise=self.optimise)

    def go(self, built: Built, probes: Sequence[Probe]) -> dict[str, Any]:
        """Run to the end, and return the outcome that `accelerator_test` writes."""
        folder = self.work.resolve() / ("probe" if probes else "run")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        np.save(folder / "images.npy", self.frames)
        job = {"stage": "run", "module": "sim.bench.accelerator_test", "folder": str(built.folder), "top": built.top,
               "simulator": built.simulator, "run_folder": str(folder), "results": str(folder / "results.xml"),
               "images": "images.npy", "seed": self.seed, "stalls": self.stalls, "free": self.free,
               "reset_after": self.reset_after, "long": 4 * self.frames[0, ..., 0].size, "timeout": self.timeout,
               "probes": [{"name": probe.name, "prefix": probe.prefix,
                           "beats": probe.expected[0].size // probe.elements} for probe in probes]}
        path, log = folder / "job.json", folder / "simulation.log"
        path.write_text(json.dumps(job))
        command = [sys.executable, "-m", "sim.bench.worker", str(path)]
        run_simulator(command, log, cwd=folder, watch=lambda: self._look(folder))
        if not (folder / "outcome.json").exists():
            raise SimulationError(f"the simulation ended without a result; {log} ends:\n{log_end(log)}")
        outcome: dict[str, Any] = json.loads((folder / "outcome.json").read_text())
        return outcome

    def _look(self, folder: Path) -> None:
        path = folder / "progress"
        if self.progress is not None and path.exists() and (text := path.read_text()):
            self.progress(int(text), len(self.frames))

    def locate(self, probes: Sequence[Probe], order: np.ndarray, frame: int) -> Divergence | None:
        """The first difference in the first probe that has one; only frames up to `frame` run. None if all agree."""
        if not probes:
            return None
        again = replace(self, frames=self.frames[:frame + 1])
        seen = again.go(again.build(probes), probes)["probes"]
        for probe in probes:
            found = unpack([int(beat, 16) for beat in seen[probe.name]], probe.elements, probe.width, probe.encoding)
            expected = probe.expected[order[:frame + 1]]
            flat = expected.reshape(-1)
            length = min(len(flat), len(found))
            wrong = np.flatnonzero(flat[:length] != found[:length])
            if len(wrong):
                first = int(wrong[0])
                n, y, x, channel = (int(index) for index in np.unravel_index(first, expected.shape))
                return Divergence(probe.name, int(order[n]), y, x, channel, int(flat[first]), int(found[first]))
        return None

    def explain(self, probes: Sequence[Probe], order: np.ndarray) -> str:
        """A text that says how far every probe came before the design stopped; empty without probes."""
        if not probes:
            return ""
        seen = self.go(self.build(probes), probes)["probes"]
        lines = [f"  {probe.name}: {len(seen[probe.name])} of {len(order) * probe.expected[0].size // probe.elements} "
                 "beats" for probe in probes]
        return "; inside:\n" + "\n".join(lines)


def arranged(count: int, logits: np.ndarray, classes: np.ndarray | None, free: int,
             stalls: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image index of each frame, and each frame's logits (frames, n) and classes (frames, k).

    Without stalls every frame can be measured, so there are just `count` frames, or `free` if that is more. With
    stalls, `free` frames for measuring come before those of all images.
    Raises ValueError when there are no images, or not one row of logits for each.
    """
    if not count or len(logits) != count:
        raise ValueError(f"logits must be given for each of at least one image, not {len(logits)} for {count}")
    order = np.concatenate([np.arange(free), np.arange(count)]) if stalls else np.arange(max(free, count))
    order %= count
    ranked = np.zeros((count, 0), int) if classes is None else np.asarray(classes).reshape(count, -1)
    return order, np.asarray(logits).reshape(count, -1)[order], ranked[order]


def results_of(numbers: Sequence[int], logits: int, logit_bytes: int, classes: int, class_bytes: int) -> np.ndarray:
    """The array (frames, logits + classes) of the output beats: signed logits, then unsigned classes."""
    low = 8 * logits * logit_bytes
    signed = unpack([number & ((1 << low) - 1) for number in numbers], logits, 8 * logit_bytes)
    unsigned = unpack([number >> low for number in numbers], classes, 8 * class_bytes, "unsigned") if classes else \
        np.zeros(0, int)
    return np.concatenate([signed.reshape(-1, logits), unsigned.reshape(len(numbers), classes)], axis=1)


def timing_of(outcome: dict[str, Any], free: int) -> tuple[int | None, float | None]:
    """Latency and interval in cycles, from the first `free` results, which came without stalls. None: not measured."""
    at = outcome["output_at"][:free]
    latency = at[0] - outcome["input_at"][0] if at else None
    if len(at) < FREE_FRAMES:
        return latency, None
    interval = (at[-1] - at[1]) / (len(at) - 2)
    return latency, int(interval) if interval.is_integer() else interval
