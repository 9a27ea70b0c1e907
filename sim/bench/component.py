"""The bench of a single component: it drives any module with streams as ports and compares the beats that come out."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.bench.build import build
from sim.bench.tool import SimulationError, run_simulator, version
from sim.process import log_end


@dataclass(frozen=True)
class BeatDivergence:
    """The first beat that differs: number `beat` of `stream` in stall pattern `pattern`. -1 means unknown bits."""

    stream: str
    pattern: int
    beat: int
    expected: int
    got: int

    def __str__(self) -> str:
        return (f"{self.stream}: beat {self.beat} must be {self.expected:#x}, not {self.got:#x}; "
                f"stall pattern {self.pattern}")


@dataclass(frozen=True)
class ComponentResult:
    """What was compared and measured.

    `latency_cycles`: cycles from the first transfer at any input to the first at any output.
    `interval_cycles`: cycles a frame in the steady state, a mean if they vary.
    Both are None with stalls; `interval_cycles` is also None with fewer than two frames.
    """

    beats_compared: int
    mismatches: int
    first_divergence: BeatDivergence | None
    latency_cycles: int | None
    interval_cycles: float | None
    cycles: int
    simulator: str


def simulate_component(sources: Sequence[Path], top: str, inputs: Mapping[str, Sequence[int]],
                       outputs: Mapping[str, Sequence[int]], *, work: Path, frames: int = 1, clock: str = "clk",
                       reset: str = "rst", simulator: str = "verilator", seed: int = 0, stalls: float = 0.0,
                       patterns: int = 1, reset_after: int | None = None, timeout_cycles: int = 10_000,
                       optimise: str = "-O2") -> ComponentResult:
    """Drive the streams `inputs` of the module `top` with beats, and compare the beats of the streams `outputs`.

    A stream `i` has the ports `i__payload`, `i__valid` and `i__ready`; `reset` is active high. The beats of each stream
    make up `frames` frames. Every end pauses before a beat with probability `stalls`. With `patterns` above 1, all
    beats are sent that many times in one simulation, each time after a reset and with other pauses, and each end draws
    its own probability up to `stalls`. `reset_after` resets the component after that many cycles and begins again.
    `simulator` is "verilator" or "icarus". `optimise` is an option of the C++ compiler; -O0 is quicker for a large
    module that sees few beats.

    Raises SimulationError when the simulation cannot be built, or the component breaks the stream rules, offers a beat
    too many or has no transfer for `timeout_cycles`; ToolMissing.
    """
    ports = [f"{name}__{end}" for name in (*inputs, *outputs) for end in ("payload", "valid", "ready")]
    built = build(sources, top, work, visible=[clock, reset, *ports], simulator=simulator,
                  optimise=optimise)
    folder = work.resolve() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    job = {"stage": "run", "module": "sim.bench.component_test", "folder": str(built.folder), "top": top,
           "simulator": simulator, "run_folder": str(folder), "results": str(folder / "results.xml"), "seed": seed,
           "inputs": {name: [hex(beat) for beat in beats] for name, beats in inputs.items()},
           "outputs": {name: [hex(beat) for beat in beats] for name, beats in outputs.items()},
           "clock": clock, "reset": reset, "stalls": stalls, "patterns": patterns, "reset_after": reset_after,
           "timeout": timeout_cycles}
    path, log = folder / "job.json", folder / "simulation.log"
    path.write_text(json.dumps(job))
    run_simulator([sys.executable, "-m", "sim.bench.worker", str(path)], log, cwd=folder)
    if not (folder / "outcome.json").exists():
        raise SimulationError(f"the simulation ended without a result; {log} ends:\n{log_end(log)}")
    outcome = json.loads((folder / "outcome.json").read_text())
    divergence = BeatDivergence(*outcome["first"]) if outcome["first"] else None
    if outcome["error"]:
        hint = f"; {divergence}" if divergence else ""
        raise SimulationError(f"{top}: {outcome['error']}, seed {seed}, stalls {stalls}{hint}")
    latency, interval = None, None
    if not stalls:
        latency = _first(outcome["output_at"]) - _first(outcome["input_at"])
        interval = _interval(next(iter(outcome["output_at"].values())), frames)
    return ComponentResult(outcome["compared"], outcome["mismatches"], divergence, latency, interval,
                           outcome["cycles"], version(simulator))


def _first(at: Mapping[str, list[int]]) -> int:
    return min(cycles[0] for cycles in at.values())


def _interval(at: list[int], frames: int) -> float | None:
    """Cycles a frame, between the last beats of frames. The first of three or more fills queues and does not count."""
    ends = at[len(at) // frames - 1::len(at) // frames][1 if frames > 2 else 0:]
    if len(ends) < 2:
        return None
    interval = (ends[-1] - ends[0]) / (len(ends) - 1)
    return int(interval) if interval.is_integer() else interval
