"""The check of netlists: right ones pass, as synthesised and as placed, and a single wrong table is found."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.harness import DEVICES
from benchmarks.netlist_check import check
from benchmarks.popcount_array import PopcountArray
from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route
from tbn_hw.shared.errors import Mismatch, UsageError

ARRAY = PopcountArray(2, 3, "ternary", {"tree_levels": 1, "family": "portable"})
TABLES = {"ecp5": ("TRELLIS_COMB", "INITVAL"), "ice40": ("ICESTORM_LC", "LUT_INIT")}


def mapped(design: PopcountArray, family: str, folder: Path) -> Path:
    modules = design.modules()
    synthesise(modules, family, folder, top=design.top)
    return json_netlist([folder / f"{name}.v" for name in modules], design.top, family, folder)


def run(netlist: Path, family: str, design: PopcountArray, folder: Path) -> int:
    inputs, outputs = design.vectors()
    return check(netlist, family, inputs, outputs, folder, settled=design.settled).beats_compared


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.parametrize("family", DEVICES)
def test_check_placed(family: str, tmp_path: Path) -> None:
    netlist = mapped(ARRAY, family, tmp_path)
    (routed,) = place_and_route(netlist, DEVICES[family], tmp_path, outputs=True)
    assert routed.netlist is not None
    assert run(routed.netlist, family, ARRAY, tmp_path / "check") == ARRAY.lanes + ARRAY.latency + 100
    placed = json.loads(routed.netlist.read_text())
    cell_type, parameter = TABLES[family]
    cells = placed["modules"]["top"]["cells"]
    lut = next(cell for name, cell in sorted(cells.items()) if cell["type"] == cell_type and "row1.dot." in name
               and "1" in cell["parameters"][parameter])
    lut["parameters"][parameter] = "".join("10"[int(bit)] for bit in lut["parameters"][parameter])
    mutant = tmp_path / "mutant.json"
    mutant.write_text(json.dumps(placed))
    with pytest.raises(Mismatch, match=r"^mutant.json is not what it was made from: \d+ of \d+ values differ; o: beat"):
        run(mutant, family, ARRAY, tmp_path / "mutant")


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.parametrize(("activation", "family"), [("ternary", "xc7"), ("binary", "xc7"), ("ternary", "naive"),
                                                    ("binary", "naive")])
def test_check_mapped(activation: str, family: str, tmp_path: Path) -> None:
    """If there is no placement, Yosys's netlist is simulated."""
    design = PopcountArray(2, 4, activation, {"tree_levels": 2, "family": family})
    assert run(mapped(design, "xc7", tmp_path), "xc7", design, tmp_path / "check") > 100


@pytest.mark.yosys
@pytest.mark.verilator
def test_check_ports(tmp_path: Path) -> None:
    """Ports are observed too, from the first clock on."""
    text = ("module gate(input clk, input [2:0] a, output reg [1:0] y);\n"
            "always @(posedge clk) y <= a[1:0] + a[2]; endmodule")
    synthesise({"gate": text}, "ice40", tmp_path)
    netlist = json_netlist([tmp_path / "gate.v"], "gate", "ice40", tmp_path)
    a = np.arange(8)
    y = (a % 4 + a // 4) % 4
    assert check(netlist, "ice40", {"a": a}, {"y": y}, tmp_path / "check").mismatches == 0
    with pytest.raises(Mismatch, match="8 of 8 values differ"):
        check(netlist, "ice40", {"a": a}, {"y": y ^ 1}, tmp_path / "check")
    with pytest.raises(UsageError, match="^netlist has no port or register 'z'$"):
        check(netlist, "ice40", {"a": a}, {"z": y}, tmp_path / "check")
    with pytest.raises(UsageError, match="^netlist has no input 'b'$"):
        check(netlist, "ice40", {"b": a}, {"y": y}, tmp_path / "check")
    with pytest.raises(UsageError, match=f"^family must be one of {', '.join(FAMILIES)}, not 'ecp6'$"):
        check(netlist, "ecp6", {"a": a}, {"y": y}, tmp_path / "check")


@pytest.mark.parametrize("activation", ["ternary", "binary"])
def test_expected(activation: str) -> None:
    """The sums that netlists are held to, element by element."""
    design = PopcountArray(3, 4, activation, {"tree_levels": 0, "family": "portable"})
    inputs, outputs = design.vectors(seed=5)
    x = inputs["x"] if activation == "ternary" else 1 - 2 * inputs["x"]
    w = 1 - 2 * inputs["w"]
    totals = dict.fromkeys(outputs, 0)
    for clock in range(60):
        for name in outputs:
            assert outputs[name][clock] == totals[name]
        if clock + 1 >= design.settled:  # the input of clock k is counted `latency` clocks later
            now = clock + 1 - design.settled
            for k in range(design.pe):
                for j in range(design.simd):
                    element = x[now - j] if now >= j else (0 if activation == "ternary" else 1)
                    weight = w[now - k * design.simd - j] if now >= k * design.simd + j else 1
                    totals[design.accumulators[k]] += element * weight == 1
            if activation == "ternary":
                totals[design.accumulators[-1]] += sum(now >= j and x[now - j] != 0 for j in range(design.simd))
