"""Simulation of a board's top level, with host code at the other end of its serial line."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cocotb.clock import Clock
from cocotb.task import resume

from sim.bench.build import build
from sim.bench.handshake import Handle
from sim.bench.tool import SimulationError, run_simulator
from sim.bench.uart import UartListener, UartSender
from sim.process import log_end

PORTS = ("clk", "uart_rx", "uart_tx", "led_heartbeat", "led_error")
PERIOD = 200
"""Simulation steps a clock cycle; a bit's time on the line is rounded to one step."""


def simulate_board(sources: Sequence[Path], top: str, module: str, work: Path, *, visible: Sequence[str] = (),
                   optimise: str = "-O2", job: Mapping[str, Any]) -> Any:
    """Run the cocotb test module `module` on a board's top level, and return the JSON of its `outcome.json`.

    The environment variable SIM_JOB names the file with `job`, and the module writes `outcome.json` beside it.
    `visible` are signals of the top level that the module reads besides the ports. `optimise` is the C++ compiler's
    option: for a few thousand cycles of a large netlist, -O0 takes less time in all.
    Raises SimulationError when the simulation fails or leaves no outcome; ToolMissing.
    """
    built = build(sources, top, work, visible=[*PORTS, *visible], optimise=optimise)
    folder = work.resolve() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path, log = folder / "job.json", folder / "simulation.log"
    stage = {"stage": "run", "module": module, "folder": str(built.folder), "top": top, "simulator": built.simulator,
             "run_folder": str(folder), "results": str(folder / "results.xml"), "seed": 0}
    path.write_text(json.dumps({**job, **stage}))
    run_simulator([sys.executable, "-m", "sim.bench.worker", str(path)], log, cwd=folder)
    outcome = folder / "outcome.json"
    if not outcome.exists():
        raise SimulationError(f"the simulation ended without a result; {log} ends:\n{log_end(log)}")
    return json.loads(outcome.read_text())


class SimulatedLine:
    """The pipe to a simulated board, for host code that runs in a `cocotb.task.bridge`.

    `bit` is the length of a bit in cycles. After `patience` cycles of silence, `read` returns no bytes.
    """

    def __init__(self, dut: Handle, bit: float, patience: float) -> None:
        self.sender, self.listener = UartSender(dut.uart_rx, bit * PERIOD), UartListener(dut.uart_tx, bit * PERIOD)
        self._patience = patience * PERIOD

    def write(self, data: bytes, broken: Sequence[int] = ()) -> None:
        resume(self.sender.send)(data, broken)

    def read(self, size: int) -> bytes:
        return resume(self.listener.receive)(size, self._patience)

    def rate(self, bit: float) -> None:
        """Send and receive at `bit` cycles a bit from now on."""
        self.sender.bit = self.listener.bit = bit * PERIOD


def start(dut: Handle) -> None:
    """Start the board's clock."""
    Clock(dut.clk, PERIOD, unit="step").start()
