"""The bench of a whole accelerator: real pictures through its Verilog, every logit held to the golden model."""

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
FREE_FRAMES = 3  # the first fills the pipeline, the interval is that between the others


@dataclass(frozen=True)
class Probe:
    """A stream inside the design and what must flow through it.

    The signals `<prefix>__payload`, `__valid` and `__ready` carry `elements` elements of `width` bits a beat; a prefix
    without a dot is a wire of the top module, and much cheaper. `expected` is (n, h, w, c), one entry for each image.
    """

    name: str
    prefix: str
    width: int
    encoding: Encoding
    elements: int
    expected: np.ndarray


@dataclass(frozen=True)
class Divergence:
    """The first value that differs: `got` where `expected` should be, in tensor `node` of picture `image`."""

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
    """What a simulation compared and measured; the fields of `report.json`'s `verify`, and more.

    `latency_cycles`: from the transfer of the first beat to that of the first result, without stalls.
    `interval_cycles`: between results in the steady state without stalls, a mean if it varies. Both are None where they
    were not measured.
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

    One beat in is a pixel, its elements in as many bytes as `images` has; one beat out is all logits of
    `logit_bytes` each, then the classes of `class_bytes`. `expected_logits` is (n, classes), `expected_classes` (n, k).
    With `measure` the first frames (of the same images) run without stalls and give latency and interval; then come
    all images with random pauses of probability `stalls` on both sides, the same for the same `seed`.
    `reset_after` sends frames for that many cycles first, takes no result, and resets the accelerator for one cycle.
    `progress` is called with (frames done, frames), and `optimise` is for the C++ compiler: for a few frames it is
    sooner done without. On a mismatch the simulation is run again with the streams in
    `probes`, in topological order, watched, and the result names the first that differs.

    Raises SimulationError when the simulation cannot be built, breaks the protocol or has no transfer for
    `timeout_cycles`, then with the state of all probes; ToolMissing; ValueError. One folder `work` is for one run
    at a time.
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
    """One stimulus for one design; it can be run again, the same to the cycle, with probes."""

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
        """Run to the end; what `accelerator_test` writes."""
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
        """The first difference in the first stream of `probes` that has one, up to the wrong result of `frame`."""
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
        """How far every probed stream came before the design stopped; nothing without probes."""
        if not probes:
            return ""
        seen = self.go(self.build(probes), probes)["probes"]
        lines = [f"  {probe.name}: {len(seen[probe.name])} of {len(order) * probe.expected[0].size // probe.elements} "
                 "beats" for probe in probes]
        return "; inside:\n" + "\n".join(lines)


def arranged(count: int, logits: np.ndarray, classes: np.ndarray | None, free: int,
             stalls: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The image of each frame, its logits (frames, n) and classes (frames, k): the first `free` come without stalls.

    Raises ValueError when there are no images, or not as many logits.
    """
    if not count or len(logits) != count:
        raise ValueError(f"logits must be given for each of at least one image, not {len(logits)} for {count}")
    order = np.concatenate([np.arange(free), np.arange(count)]) if stalls else np.arange(max(free, count))
    order %= count
    ranked = np.zeros((count, 0), int) if classes is None else np.asarray(classes).reshape(count, -1)
    return order, np.asarray(logits).reshape(count, -1)[order], ranked[order]


def results_of(numbers: Sequence[int], logits: int, logit_bytes: int, classes: int, class_bytes: int) -> np.ndarray:
    """(frames, logits + classes) from the output beats: signed logits, then unsigned classes."""
    low = 8 * logits * logit_bytes
    signed = unpack([number & ((1 << low) - 1) for number in numbers], logits, 8 * logit_bytes)
    unsigned = unpack([number >> low for number in numbers], classes, 8 * class_bytes, "unsigned") if classes else \
        np.zeros(0, int)
    return np.concatenate([signed.reshape(-1, logits), unsigned.reshape(len(numbers), classes)], axis=1)


def timing_of(outcome: dict[str, Any], free: int) -> tuple[int | None, float | None]:
    """Latency and interval from the cycles of the transfers, of which the first `free` results came without stalls."""
    at = outcome["output_at"][:free]
    latency = at[0] - outcome["input_at"][0] if at else None
    if len(at) < FREE_FRAMES:
        return latency, None
    interval = (at[-1] - at[1]) / (len(at) - 2)
    return latency, int(interval) if interval.is_integer() else interval
