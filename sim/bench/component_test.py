"""The cocotb side of `sim.bench.component`: it sends and compares beats under many stall patterns in one simulation."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import gather, select

from sim.bench.handshake import Handle, Stalls, Stream, Stuck, counts, cycle, cycles, high, start, watchdog

RESET_CYCLES = 3
DRAIN_CYCLES = 32


@cocotb.test()
async def component(dut: Handle) -> None:
    path = Path(os.environ["SIM_JOB"])
    job = json.loads(path.read_text())
    outcome: dict[str, Any] = {"error": None, "compared": 0, "mismatches": 0, "first": None}
    start(dut[job["clock"]])
    for pattern in range(job["patterns"]):
        bench = Bench(dut, job, pattern)
        try:
            if job["reset_after"] is not None:
                await bench.reset()
                await select(bench.run(), cycles(bench.clock, job["reset_after"]))
                bench = Bench(dut, job, pattern)
            await bench.reset()
            await bench.run()
            await bench.nothing_more()
        except Stuck as stuck:
            outcome["error"] = f"{stuck}; stall pattern {pattern}"
        bench.compare(outcome, pattern)
        if outcome["error"] or outcome["mismatches"]:
            break
    outcome |= {"cycles": cycle(), "input_at": {name: stream.at for name, stream in bench.inputs.items()},
                "output_at": {name: stream.at for name, stream in bench.outputs.items()}}
    path.with_name("outcome.json").write_text(json.dumps(outcome))


class Bench:
    """The component's streams during one pass of all beats."""

    def __init__(self, dut: Handle, job: dict[str, Any], pattern: int) -> None:
        self.dut, self.job, self.clock = dut, job, dut[job["clock"]]
        self.seed = f"{job['seed']} {pattern}"
        self.expected = {name: [int(beat, 16) for beat in beats] for name, beats in job["outputs"].items()}
        self.beats = {name: [int(beat, 16) for beat in beats] for name, beats in job["inputs"].items()}
        self.inputs = {name: self.stream(name, len(beats)) for name, beats in self.beats.items()}
        self.outputs = {name: self.stream(name, len(beats)) for name, beats in self.expected.items()}

    def stream(self, name: str, beats: int) -> Stream:
        return Stream(self.clock, self.dut[f"{name}__valid"], self.dut[f"{name}__ready"], self.dut[f"{name}__payload"],
                      name, beats)

    async def reset(self) -> None:
        for stream in self.inputs.values():
            stream.valid.value = 0
            stream.payload.value = 0
        for stream in self.outputs.values():
            stream.ready.value = 0
        self.dut[self.job["reset"]].value = 1
        await cycles(self.clock, RESET_CYCLES)
        self.dut[self.job["reset"]].value = 0
        await cycles(self.clock, 1)

    def stalls(self, stream: Stream) -> Stalls:
        """The pauses of one end. With many patterns each end draws its own probability, so that some are lopsided."""
        seed, probability = f"{self.seed} {stream.name}", self.job["stalls"]
        if self.job["patterns"] > 1:
            probability *= random.Random(seed).random()
        return Stalls(seed, probability)

    async def run(self) -> None:
        """Send and take all beats. Raises Stuck when nothing moves."""
        driving = [stream.drive(self.beats[name], self.stalls(stream)) for name, stream in self.inputs.items()]
        taking = [stream.take(self.stalls(stream)) for stream in self.outputs.values()]
        streams = [*self.inputs.values(), *self.outputs.values()]
        await select(gather(*driving, *taking), watchdog(self.clock, self.job["timeout"], streams))

    async def nothing_more(self) -> None:
        await cycles(self.clock, DRAIN_CYCLES)
        for name, stream in self.outputs.items():
            if high(stream.valid):
                raise Stuck(f"a beat too many is offered at {name} after {counts(list(self.outputs.values()))}")

    def compare(self, outcome: dict[str, Any], pattern: int) -> None:
        for name, stream in self.outputs.items():
            expected = self.expected[name]
            wrong = [index for index, beat in enumerate(stream.beats) if beat != expected[index]]
            outcome["compared"] += len(stream.beats)
            outcome["mismatches"] += len(wrong)
            if wrong and outcome["first"] is None:
                outcome["first"] = [name, pattern, wrong[0], expected[wrong[0]], stream.beats[wrong[0]]]
