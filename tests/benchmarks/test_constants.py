"""Constant layers' benchmark: netlists equal NumPy in every family, and a wrong one is found."""

import csv
import json

import numpy as np
import pytest

from benchmarks.constants import Netlists, _bits, main, quick_mapping, random_layer
from benchmarks.constants_layer import ConstantLayer
from benchmarks.constants_netlist import differences
from tbn_hw.families.registry import FAMILIES

pytestmark = pytest.mark.yosys


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", ["portable", "own"])
def test_netlist_check(tmp_path, family, form):
    """Sixteen inputs fill carry chains and, on Xilinx 7, LUTs of every size."""
    weights = random_layer(16, 4)
    layer = ConstantLayer(weights, {"family": family if form == "own" else "portable", "stage_levels": 0})
    _, file = Netlists(tmp_path, 1, lambda text: None).netlist("layer", layer, family)
    netlist = json.loads(file.read_text())
    x = np.random.default_rng(0).integers(-1, 2, (50, 16))
    vectors = ("elements", _bits(x, 2)), ("layer.results", _bits(x @ weights.T, layer.width))
    assert differences(netlist, *vectors) == 0
    wrong = next(cell for module in netlist["modules"].values() for cell in module.get("cells", {}).values()
                 if cell["type"].startswith(("LUT", "SB_LUT")))
    name = next(name for name in ("INIT", "LUT_INIT") if name in wrong["parameters"])
    wrong["parameters"][name] = "".join("10"[int(bit)] for bit in wrong["parameters"][name])
    assert differences(netlist, *vectors) > 0


def test_table(tmp_path, capsys):
    assert main(["--output", str(tmp_path), "--random", "6x3", "--zoo", "--levels", "0", "2", "--families", "xc7",
                 "--forms", "naive", "ours", "--workers", "1"]) == 0
    with (tmp_path / "constants.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["form"], row["stages"] != "0") for row in rows] == [("naive", False), ("ours", False), ("ours", True)]
    assert all(float(row["LUT"]) > 0 for row in rows)
    assert {path.name for path in tmp_path.glob("*.png")} == {"constants_combinational.png", "constants_pipelined.png"}


@pytest.mark.parametrize("family", FAMILIES)
def test_quick_mapping(tmp_path, family):
    """It is another mapping, kept apart from the usual one, and the usual one comes back."""
    layer = ConstantLayer(random_layer(16, 8), {"family": "portable", "stage_levels": 0})
    harness = Netlists(tmp_path, 1, lambda text: None)
    command = FAMILIES[family].cells.command
    with quick_mapping():
        assert FAMILIES[family].cells.command == (
            "scratchpad -set abc9.nomfs 1\nscratchpad -set abc9.verify 0\n"
            + command + (" -abc9" if family == "ice40" else ""))
        quick, file = harness.netlist("layer", layer, family)
    assert FAMILIES[family].cells.command == command
    usual, other = harness.netlist("layer", layer, family)
    assert file != other
    most = 1.1 if family == "ice40" else 1  # which has ABC instead of ABC9 usually
    assert usual["total"]["lut"] / most <= quick["total"]["lut"] <= 1.15 * usual["total"]["lut"]
