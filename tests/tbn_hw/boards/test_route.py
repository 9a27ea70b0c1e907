"""A build for a board: the bitstream of its whole top level, and that top level against the host's code."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from support import builds
from support.networks import Builder

from sim.bench import PRIMITIVES
from sim.bench.board import simulate_board
from tbn_hw.boards.route import _at_most
from tbn_hw.shared.errors import DoesNotFit
from tbn_hw.stages.golden import golden
from tbn_hw.stages.load import load
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.targets.catalogue import find_target

FOLDING = "layers[3].conv: {pe: 8, simd: 16}\n"
"""With which the digits, and all that is around them, leave a third of the part free."""


def build(folder, *more):
    """The exit code of a build in `folder`, and its messages."""
    folding = folder.with_suffix(".yaml")
    folding.write_text(FOLDING)
    return builds.build("--model", "tbn_digits.yaml", "--target", "icebreaker", "--seeds", "1", "--verify-images", "1",
                        "--folding", folding, "--output", folder, *more)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("board") / "digits"
    code, said = build(folder)
    assert code == 0, said
    return folder


@pytest.fixture(scope="module")
def report(digits):
    return json.loads((digits / "report.json").read_text())


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.slow
def test_bitstream(digits, report):
    """The bitstream has the top level with its PLL. The design meets the PLL's clock. Verilog and pins lie beside."""
    route, board = report["route"], report["route"]["board"]
    assert report["verify"]["mismatches"] == 0 and not route["out_of_context"]
    assert (digits / "synth" / "tbn_digits.bin").stat().st_size == route["bitstream_bytes"] > 100_000
    assert route["used"]["ICESTORM_PLL"] == 1 and route["used"]["SB_IO"] == 5 and route["warnings"] == []
    assert 16 <= board["clock_mhz"] == route["required_mhz"] <= route["usable_mhz"] < 1.1 * board["clock_mhz"]
    assert route["clock_mhz"] is None
    assert {path.name for path in (digits / "synth").iterdir()} == {"netlists", "route", "board", "tbn_digits.bin"}
    assert (digits / "synth" / "board" / "tbn_digits__board.pcf").read_text().startswith("set_io clk 35\n")
    verilog = (digits / "synth" / "board" / "tbn_digits__board.v").read_text()
    divider = int(re.search(r"\.DIVF\(7'd(\d+)\)", verilog)[1]), int(re.search(r"\.DIVQ\(3'd(\d+)\)", verilog)[1])
    assert board["clock_mhz"] == 12 * (divider[0] + 1) / 2**divider[1]
    manifest = json.loads((digits / "manifest.json").read_text())
    assert {"synth/tbn_digits.bin", "synth/board/tbn_digits__board.v"} <= set(manifest["files"])
    assert manifest["board"] == board and board["baud"] == 3_000_000


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.slow
def test_same_route_at_another_clock(report):
    """The PLL was set after the first run, and the last one found the same places and wires."""
    route = report["route"]
    assert [seed["fmax_mhz"] for seed in route["seeds"]] == [route["fmax_mhz"]]


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.slow
def test_rates(report):
    """The rates of the accelerator and of the line: 64 bytes there and 25 back, in frames of 12 and 13."""
    board, throughput = report["route"]["board"], report["throughput"]
    assert (board["request_bytes"], board["answer_bytes"]) == (64 + 12, 4 + 2 * 10 + 1 + 13)
    assert throughput["line_fps"] == board["line_fps"] == round(300_000 / 76, 2)
    assert throughput["at_mhz"] == board["clock_mhz"]
    assert throughput["fps"] == pytest.approx(1e6 * board["clock_mhz"] / report["verify"]["interval_cycles"], abs=0.01)
    assert throughput["slower"] == ("line" if throughput["fps"] > throughput["line_fps"] else "accelerator") == "line"


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.slow
def test_spoken_to(digits, report, tmp_path):
    """`python -m tbn_hw.run` on the build's folder, the build's Verilog simulated at the other end of the line."""
    loaded, board = load("tbn_digits.yaml", None), report["route"]["board"]
    np.save(tmp_path / "pictures.npy", loaded.pictures.images[:3])
    file = tmp_path / "digit.png"
    Image.fromarray(loaded.pictures.images[0][:, :, 0]).save(file)
    clock_hz = round(1e6 * board["clock_mhz"])
    job = {"pictures": str(tmp_path / "pictures.npy"), "clock_hz": clock_hz, "baud": board["baud"], "patience": 20_000,
           "pixels": 64, "scenarios": ["identify", "classify"], "command_lines": [["--build", str(digits), str(file)]]}
    sources = [digits / "synth" / "board" / "tbn_digits__board.v", digits / "rtl" / "tbn_digits.v", PRIMITIVES]
    found = simulate_board(sources, "tbn_digits__board", "support.board_bench", tmp_path / "simulation", job=job,
                           visible=("s_axis_tvalid", "s_axis_tready", "m_axis_tvalid", "clock"))
    assert found["identify"]["clock_hz"] == clock_hz and found["identify"]["name"] == "tbn_digits"
    logits = golden(loaded.network, loaded.pictures.images[:3])
    assert found["classify"]["logits"] == logits.tolist()
    ((code, out, err),) = found["command_line"]
    assert (code, err) == (0, "")
    assert out.startswith(f"{file}: {logits[0].argmax()}, confidence ")
    assert f"({found['classify']['cycles'][0]} cycles at {board['clock_mhz']:g} MHz)" in out


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.slow
def test_missed_clock(digits, tmp_path):
    """The design must meet the requested clock. If it does not, there is no bitstream."""
    copy = shutil.copytree(digits, tmp_path / "digits")
    code, said = build(copy, "--clock", "60")
    assert code == 5 and not (copy / "synth" / "tbn_digits.bin").exists() and not (copy / "report.json").exists()
    found = re.search(r"icebreaker: the clock of 60 MHz is missed by (\S+) MHz; the best of 1 seed reaches (\S+) MHz, "
                      r"of which a board's clock may have (\S+);", said)
    missed, reached, usable = (float(number) for number in found.groups())
    assert missed + usable == pytest.approx(60, abs=0.02) and 16 < usable < reached < 60


@pytest.mark.yosys
def test_clocks_that_a_board_can_have():
    """The PLL's nearest clock below the one reached, else the board's own clock, else none."""
    b = Builder((2, 2, 1))
    network = b.network(b.dense(b.flatten("input"), 3))
    design, target = StreamingDesign.of(network, fold(network, {}), "ice40"), find_target("icebreaker")
    top, _ = _at_most(design, target, 27.4)
    assert top.clock_hz == 27_375_000 and top.pll is not None
    top, _ = _at_most(design, target, 13.0)
    assert top.clock_hz == 12_000_000 and top.pll is None
    with pytest.raises(DoesNotFit, match="^icebreaker: the design reaches 11.00 MHz, and the PLL of ice40 cannot make "
                                         "11 MHz, or a little less, of 12 MHz$"):
        _at_most(design, target, 11.0)
