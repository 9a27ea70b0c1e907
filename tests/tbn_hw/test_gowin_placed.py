"""What nextpnr makes of Gowin's carry chains: after packing, the cells compute what the Verilog says."""

import json
import random
from pathlib import Path
from typing import Any

from pads import with_pads
from placed_board import TABLES

from tbn_hw.nextpnr import Device, place_and_route
from tbn_hw.placement import json_netlist
from tbn_hw.synthesis import synthesise

DEVICE = Device("gowin", "GW2A-18C", "GW2AR-LV18QN88C8/I7")
WIDTH = 6
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


class Placed:
    """Evaluates nets of a placed netlist; an open input is 0 or 1, at random.

    An ALU's LUT is read in two places (Apycula, doc/alu.md): with all four inputs it says whether the carry goes on,
    and in its lowest four bits what the carry is otherwise.
    """

    def __init__(self, module: dict[str, Any], state: dict[int, int]) -> None:
        self.known = dict(state)
        self.drivers = {bit: (cell, port) for cell in module["cells"].values()
                        for port, bits in cell["connections"].items() if cell["port_directions"][port] == "output"
                        for bit in bits}

    def net(self, bit: int) -> int:
        if bit not in self.known:
            cell, port = self.drivers[bit]
            self.known[bit] = self.output(cell, port)
        return self.known[bit]

    def input(self, cell: dict[str, Any], port: str) -> int:
        bits = cell["connections"].get(port)
        return self.net(bits[0]) if bits else random.getrandbits(1)

    def output(self, cell: dict[str, Any], port: str) -> int:
        kind, parameters = cell["type"], cell["parameters"]
        if kind in ("GOWIN_GND", "GOWIN_VCC"):
            return int(kind == "GOWIN_VCC")
        index = sum(self.input(cell, f"I{pin}") << pin for pin in range(4))
        if kind == "LUT4":
            return int(parameters["INIT"], 2) >> index & 1
        assert kind == "ALU"
        raw = parameters.get("RAW_ALU_LUT")
        table = int(raw, 2) if raw else TABLES[parameters["ALU_MODE"]]
        on, carry = table >> index & 1, self.input(cell, "CIN")
        return on ^ carry if port == "SUM" else carry if on else table >> (index & 3) & 1


def test_carry_chains(tmp_path: Path) -> None:
    """A carry from a signal, one that a comparison and a difference use, and constants at each input."""
    synthesise({"top": SOURCE}, "gowin", tmp_path, top="top")
    netlist = json_netlist([with_pads(tmp_path / "top.v", "gowin")], "top", "gowin", tmp_path)
    given = json.loads(netlist.read_text())["modules"]["top"]
    assert sum(name.endswith(".carry") for name in given["cells"]) == 2
    names = {cell["connections"]["Q"][0]: name for name, cell in given["cells"].items() if cell["type"] == "DFF"}
    (tmp_path / "pins").write_text(PINS)
    (run,) = place_and_route(netlist, DEVICE, tmp_path / "route", outputs=True, constraints=tmp_path / "pins")
    assert run.netlist is not None
    module = json.loads(run.netlist.read_text())["modules"]["top"]

    def register(name: str, bit: int, port: str) -> int:
        flip_flop = module["cells"][names[given["netnames"][name]["bits"][bit]]]
        return int(flip_flop["connections"][port][0])

    random.seed(5)
    for _ in range(200):
        values = {name: random.getrandbits(WIDTH) for name in "abef"} | {"c": random.getrandbits(1)}
        bits = [(name, bit) for name in "abef" for bit in range(WIDTH)] + [("c", 0)]
        placed = Placed(module, {register(name, bit, "Q"): values[name] >> bit & 1 for name, bit in bits})
        wanted = expected(values)
        assert {name: placed.net(register(name, 0, "D")) for name in wanted} == wanted
