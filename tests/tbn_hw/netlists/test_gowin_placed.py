"""Gowin's carry chains in nextpnr: after packing, the cells compute what the Verilog says."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.pads import with_pads
from support.placed_board import alu_table

from benchmarks.constants_netlist import Simulation, packed
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route
from tbn_hw.targets.device import Device

pytestmark = pytest.mark.nextpnr

DEVICE = Device("gowin", "GW2A-18C", "GW2AR-LV18QN88C8/I7")
WIDTH = 6
VECTORS = 200
SOURCE = """module top(input clk, input d, output reg y);
  reg signed [5:0] a, b, e, f;
  reg c, less, gap, sum, plus, minus, from;
  wire signed [5:0] apart = e - f;
  wire signed [7:0] three = a + b + $signed({1'b0, c}), more = a + 5, fewer = e - 11, other = 9 - f;
  always @(posedge clk) begin
    {a, b, c, e, f} <= {a, b, c, e, f, d};
    less <= e < f;
    gap <= ^apart;
    sum <= ^three;
    plus <= ^more;
    minus <= ^fewer;
    from <= ^other;
    y <= ^{less, gap, sum, plus, minus, from};
  end
endmodule"""
PINS = 'IO_LOC "clk" 4;\nIO_LOC "d" 15;\nIO_LOC "y" 16;\n'

Values = dict[str, int]


def expected(values: Values) -> Values:
    a, b, e, f = (values[name] - (values[name] >> WIDTH - 1 << WIDTH) for name in "abef")
    sums = {"gap": (e - f) % (1 << WIDTH), "sum": a + b + values["c"], "plus": a + 5, "minus": e - 11, "from": 9 - f}
    return {"less": int(e < f)} | {name: (value & 0xFF).bit_count() & 1 for name, value in sums.items()}


class Placed(Simulation):
    """Nets of a placed netlist; an open input is 0 or 1, at random."""

    def _output(self, cell: Mapping[str, Any], port: str, k: int) -> int:
        kind, wires = cell["type"], cell["connections"]
        if kind in ("GOWIN_GND", "GOWIN_VCC"):
            return self._all if kind == "GOWIN_VCC" else 0
        pins = [self.value(wires[name][0]) if wires.get(name) else random.getrandbits(VECTORS) & self._all
                for name in ("I0", "I1", "I2", "I3", "CIN")]
        if kind == "LUT4":
            return self._table(pins[:4], int(cell["parameters"]["INIT"], 2))
        assert kind == "ALU"
        table = alu_table(cell["parameters"])  # read in two places, as placed_board's model says
        on = self._table(pins[:4], table)
        return on ^ pins[4] if port == "SUM" else self._mux(on, pins[4], self._table(pins[:2], table & 15))


def test_carry_chains(tmp_path: Path) -> None:
    """A carry from a signal, one that a comparison and a difference use, and constants at each input."""
    synthesise({"top": SOURCE}, "gowin", tmp_path, top="top")
    netlist = json_netlist([with_pads(tmp_path / "top.v", "gowin")], "top", "gowin", tmp_path)
    given = json.loads(netlist.read_text())["modules"]["top"]
    assert sum(name.endswith("$head") for name in given["cells"]) == 2
    names = {cell["connections"]["Q"][0]: name for name, cell in given["cells"].items() if cell["type"] == "DFF"}
    (tmp_path / "pins").write_text(PINS)
    (run,) = place_and_route(netlist, DEVICE, tmp_path / "route", outputs=True, constraints=tmp_path / "pins")
    assert run.netlist is not None
    module = json.loads(run.netlist.read_text())["modules"]["top"]

    def register(name: str, bit: int, port: str) -> int:
        flip_flop = module["cells"][names[given["netnames"][name]["bits"][bit]]]
        return int(flip_flop["connections"][port][0])

    random.seed(5)
    values = [{name: random.getrandbits(WIDTH) for name in "abef"} | {"c": random.getrandbits(1)}
              for _ in range(VECTORS)]
    placed = Placed(module, VECTORS)
    for name, width in {**dict.fromkeys("abef", WIDTH), "c": 1}.items():
        for bit in range(width):
            placed.set(register(name, bit, "Q"), packed(np.array([value[name] >> bit & 1 for value in values])))
    wanted = [expected(value) for value in values]
    for name in wanted[0]:
        assert placed.value(register(name, 0, "D")) == packed(np.array([value[name] for value in wanted])), name
