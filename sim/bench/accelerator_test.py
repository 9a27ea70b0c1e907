"""The cocotb side of `sim.bench.accelerator`: it drives both AXI-Streams and writes all that it saw to a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge, gather, select

from sim.bench.handshake import Handle, Stalls, Stream, Stuck, counts, cycle, cycles, start, watchdog

RESET_CYCLES = 8
DRAIN_CYCLES = 64


@cocotb.test()
async def accelerator(dut: Handle) -> None:
    path = Path(os.environ["SIM_JOB"])
    job = json.loads(path.read_text())
    bench = Bench(dut, job, np.load(path.with_name(job["images"])))
    outcome: dict[str, Any] = {"error": None}
    try:
        await bench.run(path.with_name("progress"))
    except Stuck as stuck:
        outcome["error"] = str(stuck)
    outcome |= {"cycles": cycle(), "input_at": bench.pixels.at, "output_at": bench.results.at,
                "results": [hex(beat) for beat in bench.results.beats], "probes": {
                    name: [hex(beat) for beat in probe.beats] for name, probe in bench.probes.items()}}
    path.with_name("outcome.json").write_text(json.dumps(outcome))


class Bench:
    """The design with its two outer streams and the probed streams inside it."""

    def __init__(self, dut: Handle, job: dict[str, Any], images: np.ndarray) -> None:
        self.dut, self.job = dut, job
        count, height, width, _ = images.shape
        # one pixel a beat, each element in whole bytes, element 0 low
        self.frame = height * width
        flat = images.astype(f"<i{images.dtype.itemsize}").reshape(count * self.frame, -1)
        self.beats = [int.from_bytes(pixel.tobytes(), "little") for pixel in flat]
        self.pixels = Stream(dut.aclk, dut.s_axis_tvalid, dut.s_axis_tready, dut.s_axis_tdata, "input", len(self.beats))
        self.results = Stream(dut.aclk, dut.m_axis_tvalid, dut.m_axis_tready, dut.m_axis_tdata, "output", count)
        self.probes = {probe["name"]: inside(dut, probe["prefix"], probe["name"], count * probe["beats"])
                       for probe in job["probes"]}

    async def run(self, progress: Path) -> None:
        """Reset the design, then send all frames. The first `job["free"]` frames run without stalls."""
        dut, job, clock = self.dut, self.job, self.dut.aclk
        for signal in (dut.s_axis_tvalid, dut.s_axis_tlast, dut.s_axis_tdata, dut.m_axis_tready, dut.aresetn):
            signal.value = 0
        start(clock)
        await cycles(clock, RESET_CYCLES)
        dut.aresetn.value = 1
        await RisingEdge(clock)
        if job["reset_after"] is not None:
            await self.interrupt()
        before, after = (Stalls(f"{job['seed']} {end}", job["stalls"], job["long"], free) for end, free in
                         (("input", job["free"] * self.frame), ("output", job["free"])))
        for probe in self.probes.values():
            cocotb.start_soon(probe.watch())
        await select(gather(self.pixels.drive(self.beats, before, dut.s_axis_tlast, self.frame),
                            self.results.take(after, lambda count: self.check(count, progress))),
                     watchdog(clock, job["timeout"], (self.pixels, self.results)))
        await self.nothing_more()

    async def interrupt(self) -> None:
        """Send frames and take no result, then reset for one cycle. Both ends begin anew right after it."""
        dut, pixels = self.dut, self.pixels
        sending = cocotb.start_soon(pixels.drive(self.beats, Stalls("", 0, 1), dut.s_axis_tlast, self.frame))
        await cycles(dut.aclk, self.job["reset_after"])
        sending.cancel()
        dut.s_axis_tvalid.value = 0
        dut.aresetn.value = 0
        await RisingEdge(dut.aclk)
        dut.aresetn.value = 1
        pixels.at.clear()

    def check(self, count: int, progress: Path) -> None:
        """Check what must hold at every result, besides its data."""
        if str(self.dut.m_axis_tlast.value) != "1":
            raise Stuck(f"m_axis_tlast must be high on every result, it is low on result {count - 1}")
        if int(self.dut.m_axis_tuser.value):
            raise Stuck(f"m_axis_tuser reports a misplaced s_axis_tlast on result {count - 1}, but none was misplaced")
        progress.write_text(str(count))

    async def nothing_more(self) -> None:
        """Raise Stuck if a further result is offered after the last frame."""
        await cycles(self.dut.aclk, DRAIN_CYCLES)
        if str(self.dut.m_axis_tvalid.value) == "1":
            raise Stuck(f"a result too many is offered after {counts((self.pixels, self.results))}")


def inside(dut: Handle, prefix: str, name: str, expected: int) -> Stream:
    """The stream inside the design that has this hierarchical prefix."""
    *path, last = prefix.split(".")
    scope = dut
    for part in path:
        scope = scope[part]
    return Stream(dut.aclk, scope[f"{last}__valid"], scope[f"{last}__ready"], scope[f"{last}__payload"], name, expected)
