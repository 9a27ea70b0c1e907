"""The bench of components, on a hand-written adder of two streams, without a fault and with one at a time."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from sim.bench import SimulationError, ToolMissing, pack, simulate_component, tool, unpack
from sim.store import STORE

SLICE = Path(__file__).with_name("verilog") / "slice.v"
SIMULATORS = ["verilator", pytest.param("icarus", marks=pytest.mark.skipif(
    shutil.which("iverilog") is None, reason="Icarus Verilog is not installed"))]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """One folder for all tests here, so that builds are reused."""
    return tmp_path_factory.mktemp("component")


def beats(fault=0):
    a, b = np.random.default_rng(0).integers(0, 2**15, (2, 20))
    if fault:
        a[0] = 0xFFF0 + fault
    return {"a": a.tolist(), "b": b.tolist()}, {"o": (a + b).tolist()}




@pytest.mark.verilator
@pytest.mark.parametrize("simulator", SIMULATORS)
def test_without_stalls(work, simulator):
    inputs, outputs = beats()
    found = simulate_component([SLICE], "slice", inputs, outputs, work=work, frames=4, simulator=simulator)
    assert (found.beats_compared, found.mismatches, found.first_divergence) == (20, 0, None)
    assert (found.latency_cycles, found.interval_cycles) == (1, 5)
    assert found.simulator.split()[0] == simulator.title()


@pytest.mark.verilator
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("stalls", [0.2, 0.9])
def test_stalls_and_reset_in_mid_frame(work, simulator, stalls):
    inputs, outputs = beats()
    found = simulate_component([SLICE], "slice", inputs, outputs, work=work, simulator=simulator, seed=3, stalls=stalls,
                               reset_after=13)
    assert (found.beats_compared, found.mismatches) == (20, 0)
    assert (found.latency_cycles, found.interval_cycles) == (None, None)


@pytest.mark.verilator
def test_many_patterns(work):
    inputs, outputs = beats()
    found = simulate_component([SLICE], "slice", inputs, outputs, work=work, stalls=0.8, patterns=100)
    assert (found.beats_compared, found.mismatches) == (2000, 0)


@pytest.mark.verilator
def test_wrong_expectation_names_the_beat(work):
    inputs, outputs = beats()
    outputs["o"][11] ^= 0x10
    found = simulate_component([SLICE], "slice", inputs, outputs, work=work, stalls=0.3)
    assert found.mismatches == 1
    assert (found.first_divergence.stream, found.first_divergence.beat) == ("o", 11)
    assert found.first_divergence.got == outputs["o"][11] ^ 0x10
    assert str(found.first_divergence) == (f"o: beat 11 must be {outputs['o'][11]:#x}, not "
                                           f"{outputs['o'][11] ^ 0x10:#x}; stall pattern 0")


@pytest.mark.verilator
def test_wrong_design(work):
    inputs, outputs = beats(1)
    found = simulate_component([SLICE], "slice", inputs, outputs, work=work)
    assert (found.mismatches, found.first_divergence.beat) == (1, 5)


@pytest.mark.verilator
@pytest.mark.parametrize(("fault", "stalls", "message"), [
    (2, 0.0, r"^slice: no transfer for 100 cycles; a 7 of 20 beats, b 7 of 20 beats, o 7 of 20 beats in cycle \d+; "
             r"stall pattern 0, seed 0, stalls 0.0$"),
    (3, 0.5, r"^slice: o: the payload of beat \d+ changed before its transfer; stall pattern 0, seed 0, stalls 0.5$"),
    (4, 0.0, r"^slice: a beat too many is offered at o after o 20 of 20 beats; stall pattern 0, seed 0, stalls 0.0$"),
])
def test_broken_design(work, fault, stalls, message):
    inputs, outputs = beats(fault)
    with pytest.raises(SimulationError, match=message):
        simulate_component([SLICE], "slice", inputs, outputs, work=work, stalls=stalls,
                           timeout_cycles=100)


@pytest.mark.verilator
def test_reset_that_forgets(work):
    inputs, outputs = beats(5)
    assert simulate_component([SLICE], "slice", inputs, outputs, work=work).mismatches == 0
    assert simulate_component([SLICE], "slice", inputs, outputs, work=work, reset_after=10).mismatches > 0


@pytest.mark.verilator
def test_build_is_reused_only_when_whole(work, monkeypatch):
    monkeypatch.delenv(STORE)  # in its own folder
    inputs, outputs = beats()
    simulate_component([SLICE], "slice", inputs, outputs, work=work)
    (folder,) = work.glob("verilator-*")
    program, marker = folder / "slice", folder / "built.json"
    built = program.stat().st_mtime_ns
    simulate_component([SLICE], "slice", inputs, outputs, work=work)
    assert program.stat().st_mtime_ns == built
    marker.unlink()  # a build that was killed leaves no marker
    program.write_bytes(program.read_bytes()[:100])
    assert simulate_component([SLICE], "slice", inputs, outputs, work=work).mismatches == 0
    assert marker.exists() and program.stat().st_mtime_ns != built


@pytest.mark.verilator
def test_not_verilog(work, tmp_path):
    path = tmp_path / "slice.v"
    path.write_text("module slice (input clk; endmodule")
    with pytest.raises(SimulationError, match=r"(?s)^Verilog cannot be compiled: .*syntax error"):
        simulate_component([path], "slice", {"i": [0]}, {"o": [0]}, work=work)


def test_missing_tools(work, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    tool.compiler.cache_clear()
    tool.version.cache_clear()
    with pytest.raises(ToolMissing, match=r"^a C\+\+ compiler is missing; install one \(on Debian or Ubuntu: apt in"):
        tool.compiler()
    with pytest.raises(ToolMissing, match=r"^Icarus Verilog is missing; install it \(on Debian or Ubuntu: apt install"):
        simulate_component([SLICE], "slice", {"i": [0]}, {"o": [0]}, work=work, simulator="icarus")


@pytest.mark.parametrize(("encoding", "width", "lo", "hi"), [
    ("signed", 2, -1, 1), ("signed", 5, -16, 15), ("unsigned", 7, 0, 127), ("signed", 32, -(2**31), 2**31 - 1)])
def test_pack(encoding, width, lo, hi):
    values = np.random.default_rng(0).integers(lo, hi + 1, (5, 6))
    packed = pack(values, 3, width, encoding)
    assert len(packed) == 10 and max(packed) < 2 ** (3 * width)
    assert packed[0] == sum((int(value) & (2**width - 1)) << (n * width) for n, value in enumerate(values[0, :3]))
    np.testing.assert_array_equal(unpack(packed, 3, width, encoding), values.reshape(-1))


def test_pack_binary():
    assert pack(np.array([1, -1, -1, 1]), 4, 1, "binary") == [0b0110]
    assert unpack([0b0110], 4, 1, "binary").tolist() == [1, -1, -1, 1]


def test_pack_wrong():
    with pytest.raises(ValueError, match=r"^signed elements of 2 bits must lie in -2 to 1, their range is 0 to 2$"):
        pack(np.array([0, 2]), 2, 2)
    with pytest.raises(ValueError, match=r"^3 elements a beat must evenly divide 4 elements$"):
        pack(np.zeros(4), 3, 2)
