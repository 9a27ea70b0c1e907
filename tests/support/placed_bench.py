"""The cocotb side of the tests of placed boards: the host's own code asks a simulated board for its name and logits."""

import json
import os
from pathlib import Path

import cocotb
import numpy as np
from cocotb.task import bridge
from cocotb.triggers import Timer

from sim.bench.board import PERIOD, SimulatedLine, start
from sim.bench.handshake import high
from tbn_hw.host.client import Board, picture_bytes


@cocotb.test()
async def board(dut):
    path = Path(os.environ["SIM_JOB"])
    job = json.loads(path.read_text())
    line = SimulatedLine(dut, job["clock_hz"] / job["baud"], job["patience"])
    start(dut)
    await Timer(3000 * PERIOD, "step")  # the board's own reset
    outcome = await bridge(ask)(line, picture_bytes(np.load(job["pictures"])))
    outcome["high"] = [high(getattr(dut, port)) for port in job["high"]]
    path.with_name("outcome.json").write_text(json.dumps(outcome))


def ask(line, pictures):
    board = Board(line)
    identity = board.identify()
    results = [board.classify(picture) for picture in pictures]
    return {"name": identity.name, "clock_hz": identity.clock_hz,
            "logits": [result.logits.tolist() for result in results]}
