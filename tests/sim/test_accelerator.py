"""The bench of accelerators, on a hand-written accelerator. A frame's first pixel can turn on a fault in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.paths import ROOT
from support.tiny_accelerator import TINY, frames

from sim.bench import Probe, SimulationError, simulate

SLEEP = ["sleep", f"{10_000 + os.getpid()}.5"]  # that no other run of the tests has


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One folder for all tests here, with a space in its name."""
    return tmp_path_factory.mktemp("an accelerator")


@pytest.mark.verilator
def test_without_stalls(work):
    images, _, logits, classes = frames(5)
    seen = []
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work,
                     progress=lambda done, total: seen.append((done, total)))
    assert (found.images, found.outputs_compared, found.mismatches, found.first_divergence) == (5, 15, 0, None)
    assert (found.latency_cycles, found.interval_cycles) == (35, 36)
    assert found.simulator.startswith("Verilator 5.")
    assert all(total == 5 and 0 < done <= 5 for done, total in seen)


@pytest.mark.verilator
def test_few_images_are_repeated_to_measure(work):
    images, _, logits, classes = frames(1)
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work)
    assert (found.images, found.outputs_compared, found.interval_cycles) == (1, 9, 36)
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, measure=False)
    assert (found.outputs_compared, found.latency_cycles, found.interval_cycles) == (3, 35, None)


@pytest.mark.verilator
@pytest.mark.parametrize("stalls", [0.1, 0.7])
def test_stalls(work, stalls):
    images, _, logits, classes = frames(30)
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, seed=5, stalls=stalls)
    assert (found.outputs_compared, found.mismatches) == (33 * 3, 0)
    assert (found.latency_cycles, found.interval_cycles) == (35, 36)
    assert found.cycles > 34 * 36
    again = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, seed=5, stalls=stalls)
    other = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, seed=6, stalls=stalls)
    assert again.cycles == found.cycles != other.cycles
    unmeasured = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, stalls=stalls, measure=False)
    assert (unmeasured.outputs_compared, unmeasured.latency_cycles) == (90, None)


@pytest.mark.verilator
def test_mismatch_without_probes(work):
    images, _, logits, classes = frames(4)
    logits[2, 1] += 1
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work)
    assert found.mismatches == 1
    assert str(found.first_divergence) == (f"output: image 2, pixel (0, 0), channel 1 must be {logits[2, 1]}, "
                                           f"not {logits[2, 1] - 1}")


@pytest.mark.verilator
@pytest.mark.parametrize("stalls", [0.0, 0.4])
def test_mismatch_names_node_pixel_and_channel(work, stalls):
    images, middle, logits, classes = frames(6, fault=1, at=2)
    probe = Probe("layers[0].conv", "mid", 9, "signed", 2, middle)
    found = simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, stalls=stalls, probes=[probe])
    assert found.mismatches > 0
    first = found.first_divergence
    assert (first.node, first.image, first.y, first.x, first.channel) == ("layers[0].conv", 2, 1, 1, 1)
    assert first.expected == middle[2, 1, 1, 1] and first.got == (first.expected ^ 4)


@pytest.mark.verilator
def test_deadlock_says_where(work):
    images, middle, logits, classes = frames(3, fault=2, at=1)
    probe = Probe("layers[0].conv", "mid", 9, "signed", 2, middle)
    with pytest.raises(SimulationError) as caught:
        simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, timeout_cycles=200, probes=[probe])
    message = str(caught.value)
    assert message.startswith("no transfer for 200 cycles; input 19 of 36 beats, output 1 of 3 beats in cycle ")
    assert message.endswith("; seed 0, stalls 0.0; inside:\n  layers[0].conv: 19 of 36 beats")


@pytest.mark.verilator
@pytest.mark.parametrize(("fault", "stalls", "message"), [
    (3, 0.9, r"^output: the payload of beat \d+ changed before its transfer; seed 0, stalls 0.9$"),
    (4, 0.0, r"^m_axis_tlast must be high on every result, it is low on result 1; seed 0, stalls 0.0$"),
    (5, 0.0, r"^a result too many is offered after input 120 of 120 beats, output 10 of 10 beats; seed"),
])
def test_broken_protocol(work, fault, stalls, message):
    images, _, logits, classes = frames(10, fault=fault, at=9 if fault == 5 else 1)
    with pytest.raises(SimulationError, match=message):
        simulate(TINY, "tiny", images, logits, classes, logit_bytes=4, work=work, stalls=stalls, measure=False)


def test_wrong_arguments(work):
    images, _, logits, _ = frames(3)
    with pytest.raises(ValueError, match=r"^logits must be given for each of at least one image, not 2 for 3$"):
        simulate(TINY, "tiny", images, logits[:2], logit_bytes=4, work=work)


@pytest.mark.verilator
def test_no_such_module(work):
    images, _, logits, _ = frames(3)
    with pytest.raises(SimulationError, match=r"(?s)^Verilog cannot be compiled: .*other"):
        simulate(TINY, "other", images, logits, logit_bytes=4, work=work)


@pytest.mark.verilator
def test_nothing_is_left_running_when_the_caller_is_killed(tmp_path):
    job, log = tmp_path / "job.json", tmp_path / "log"
    job.write_text(json.dumps({"stage": "commands", "folder": "/", "commands": [SLEEP]}))
    command = [sys.executable, "-m", "sim.bench.worker", str(job)]
    script = f"from sim.process import Path, execute; execute({command}, Path({str(log)!r}), cwd=Path())"
    caller = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    assert _wait(lambda: len(_sleepers()) == 1)
    os.kill(caller.pid, signal.SIGKILL)
    caller.wait()
    assert _wait(lambda: not _sleepers())


def _sleepers():
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if line == " ".join(SLEEP)]


def _wait(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()
