"""Boards' top levels as nextpnr placed and routed them, in simulation: they answer like the golden model."""

import json

import numpy as np
import pytest
from networks import pictures, residual
from placed_board import verilog

from sim.bench.board import simulate_board
from tbn_hw import board_netlist, generate, targets
from tbn_hw.accelerator import plan
from tbn_hw.board import for_target
from tbn_hw.folding import fold
from tbn_hw.load import load
from tbn_hw.nextpnr import place_and_route, placer_options
from tbn_hw.placement import json_netlist
from tbn_hw.synthesis import synthesise
from tbn_hw.verify import golden

NETWORKS = {
    "digits": (lambda: load("tbn_digits.yaml", None).network, {"layers[3].conv": (8, 16)}),  # LUT ROMs, block RAM
    "residual": (residual, {}),  # multipliers
}
CASES = [("icebreaker", 24, "digits"), *((board, 50, network) for board in ("ulx3s-25f", "tangnano20k")
                                         for network in NETWORKS)]


@pytest.mark.slow
@pytest.mark.parametrize(("board", "mhz", "name"), CASES)
def test_placed_board(board, mhz, name, tmp_path):
    make, foldings = NETWORKS[name]
    network, target = make(), targets.load(board)
    accelerator = plan(network, fold(network, foldings), target.family)
    top, constraints = for_target(accelerator, target, clock_mhz=mhz)
    assert top.pll is not None
    placed = place(accelerator, top, constraints, target, tmp_path)
    (tmp_path / "placed.v").write_text(verilog(placed, "top", target.family))
    inputs = pictures(network, 2)
    np.save(tmp_path / "pictures.npy", (inputs.astype(np.int16) + 128).astype(np.uint8))
    job = {"pictures": str(tmp_path / "pictures.npy"), "clock_hz": top.clock_hz, "baud": top.baud, "patience": 20_000}
    found = simulate_board([tmp_path / "placed.v"], "top", "placed_bench", tmp_path / "simulation", job=job)
    assert found == {"name": accelerator.name, "logits": golden(network, np.load(tmp_path / "pictures.npy")).tolist()}


def place(accelerator, top, constraints, target, folder):
    """The netlist of a board's top level after place and route."""
    modules = {accelerator.name: generate.top(accelerator), **generate.modules(accelerator, 2)}
    synthesise(modules, target.family, folder, top=accelerator.name)
    netlists = [folder / f"{module}.v" for module in modules]
    netlists += board_netlist.mapped(top, accelerator, target.family, folder / "board")
    netlist = json_netlist(netlists, top.name, target.family, folder)
    cells = len(json.loads(netlist.read_text())["modules"][top.name]["cells"])
    (folder / "pins").write_text(constraints)
    run, = place_and_route(netlist, target.device, folder / "route", target_mhz=20, constraints=folder / "pins",
                           options=placer_options(target.family, cells), outputs=True)
    return json.loads(run.netlist.read_text())
