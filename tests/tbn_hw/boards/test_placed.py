"""Boards' top levels as nextpnr placed and routed them, in simulation: they answer like the golden model."""

import json

import numpy as np
import pytest
from support.networks import pictures, residual
from support.placed_board import pll, verilog

from sim.bench.board import simulate_board
from tbn_hw.boards.netlist import mapped
from tbn_hw.boards.top import for_target
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.simulation import top_module
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route, placer_options
from tbn_hw.stages.golden import golden
from tbn_hw.stages.load import load
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.targets.catalogue import find_target

pytestmark = [pytest.mark.nextpnr, pytest.mark.verilator]

NETWORKS = {
    "digits": (lambda: load("tbn_digits.yaml", None).network, {"layers[3].conv": (8, 16)}),
    "residual": (lambda: residual(channels=(1, 2)), {}),
}
CASES = [  # with the kinds of cells that make a case worth its time
    ("icebreaker", 24, "digits", {"ICESTORM_RAM", "ICESTORM_PLL"}),
    ("ulx3s-25f", 50, "residual", {"DP16KD", "TRELLIS_RAMW", "MULT18X18D", "EHXPLLL"}),
    ("tangnano20k", 50, "digits", {"DP", "RAM16SDP4", "MUX2_LUT7", "rPLL"}),
    ("tangnano9k", 24, "residual", {"SDP", "MULT9X9", "MULT18X18"}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("board", "mhz", "name", "kinds"), CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES])
def test_placed_board(board, mhz, name, kinds, tmp_path):
    make, foldings = NETWORKS[name]
    network, target = make(), find_target(board)
    design = StreamingDesign.of(network, fold(network, foldings), target.family)
    top, constraints = for_target(design, target, clock_mhz=mhz)
    placed = place(design, top, constraints, target, tmp_path)
    assert kinds <= {cell["type"] for cell in placed["cells"].values()}
    dividers = {key: int(value, 2) for key, value in pll(placed)["parameters"].items() if key in top.pll.parameters}
    assert dividers == top.pll.parameters
    (tmp_path / "placed.v").write_text(verilog(placed, "top", target.family))
    inputs = pictures(network, 2)
    np.save(tmp_path / "pictures.npy", (inputs.astype(np.int16) + 128).astype(np.uint8))
    high = [port for port in top.ports if port.startswith("high")]
    job = {"pictures": str(tmp_path / "pictures.npy"), "clock_hz": top.clock_hz, "baud": top.baud, "patience": 20_000,
           "high": high}
    found = simulate_board([tmp_path / "placed.v"], "top", "support.placed_bench", tmp_path / "simulation",
                           visible=high, optimise="-O0", job=job)
    assert found == {"name": design.name, "clock_hz": top.clock_hz, "high": [True] * len(high),
                     "logits": golden(network, np.load(tmp_path / "pictures.npy")).tolist()}


def place(design, top, constraints, target, folder):
    """The module of a board's top level after place and route."""
    modules = {design.name: design.top(), **design.modules(2)}
    synthesise(modules, target.family, folder, top=design.name)
    netlists = [folder / f"{module}.v" for module in modules]
    netlists += mapped(top, design, target.family, folder / "board")
    netlist = json_netlist(netlists, top.name, target.family, folder)
    cells = len(json.loads(netlist.read_text())["modules"][top.name]["cells"])
    (folder / "pins").write_text(constraints)
    run, = place_and_route(netlist, target.device, folder / "route", target_mhz=20, constraints=folder / "pins",
                           options=placer_options(target.family, cells), outputs=True)
    return top_module(json.loads(run.netlist.read_text()))
