"""Verilog of a board's top level as nextpnr placed it, for a simulator: with pads, PLL and nextpnr's own cells."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from tbn_hw.netlists import simulation

PADS = {"IBUF": ("I", "O"), "OBUF": ("O", "I"), "SB_IO": ("PACKAGE_PIN", "D_IN_0", "D_OUT_0"),
        "TRELLIS_IO": ("B", "O", "I")}
"""Pad cell -> its port at the pad, its port inside for an input, and its port inside for an output."""
PLLS = {"EHXPLLL": ("CLKI", "RST", 0, "CLKOS"), "ICESTORM_PLL": (None, "RESETB", 1, None),
        "rPLL": ("CLKIN", "RESET", 0, "CLKOUT")}
"""PLL cell -> (port of the input clock, port of the reset, its level while the PLL runs, port of the design's clock).

The input clock is None if the pad itself is the input. The design's clock is None if it has no net; a global buffer
without an input then stands for it.
"""
LEFT_OUT = ("BUFG", "DUMMY_CELL", "GSR")
"""Cells that are left out: a buffer without effect, one that keeps places free, and the reset at power-up."""
BUSES = dict.fromkeys(("DP", "MULT18X18", "MULT9X9", "SDP"), r"(\w+?)(\d+)") | {"ICESTORM_RAM": r"(\w+)_(\d+)"}
"""Cells with a port for each bit of a bus -> the pattern of these ports' names."""
OWN_NAMES = {"ALU": "placed_alu", "GOWIN_GND": "GND", "GOWIN_VCC": "VCC", "ICESTORM_RAM": "SB_RAM40_4K"}
PULLED_UP = ("RCLKE", "WCLKE")
"""Ports that read 1 if they are open."""
ENABLED = {"RAM16SDP4": ("CE",), "SDP": ("WREA", "WREB")}
"""Ports that must be high; no model has them."""
OUTPUT_ENABLES = {"DP": (("READ_MODE0", "OCEA", "CEA"), ("READ_MODE1", "OCEB", "CEB")),
                  "SDP": (("READ_MODE", "OCE", "CEB"), ("READ_MODE", "OCEB", "CEB"))}
"""(mode, enable of the output register, enable of the port). If the mode is 0 there is no output register.

The two enables must then be the same.
"""
DROPPED = r"RAM16SDP4\.CE|SDP\.(WREA|WREB|OCEB)|MULT18X18D\.SRI[AB]\d+"
"""Ports that no model has: the enables above, and inputs from another multiplier."""
FIXED = {"NEG_CLK_R": "0", "NEG_CLK_W": "0", "WCKMUX": "WCK"}
"""Parameters that no model has, and the values that they must have."""
SELECTED = ("DP16KD", "MULT18X18D")
"""Cells with a parameter <port>MUX for open ports. It says whether the port reads 0, 1, or the usual 1 inverted."""
FLOATING = {"ALU": ("I0", "I1", "I2", "I3", "CIN"), "LUT4": ("I0", "I1", "I2", "I3")}
"""Inputs that must not matter if they are open. They read 0 and 1 in turn."""
MODES = {"C2L": 0x0000, "ONE2C": 0x000F, f"{2:032b}": 0x609A}
"""The mode of an ALU -> its table: the two ends of chains (with a carry of 0, and of 1), and the adder-subtracter."""
MODELS = """
module placed_pll #(parameter RUNS = 0)(input CLKI, input RESET, output CLKO, output LOCK);
  reg [4:0] cycles = 0;
  assign CLKO = CLKI;
  assign LOCK = cycles[4];
  always @(posedge CLKI) if (RESET != RUNS) cycles <= 0; else if (~LOCK) cycles <= cycles + 1;
endmodule
// The write port of ECP5's LUT RAM, whose lower LUT takes the address and whose upper one the data, in this order.
module TRELLIS_RAMW(
  input A0, B0, C0, D0, A1, B1, C1, D1, output WADO0, WADO1, WADO2, WADO3, WDO0, WDO1, WDO2, WDO3
);
  assign {WADO3, WADO2, WADO1, WADO0} = {A0, C0, B0, D0};
  assign {WDO3, WDO2, WDO1, WDO0} = {B1, D1, A1, C1};
endmodule
// The table is read in two places (Apycula, doc/alu.md): with all four inputs it says whether the carry goes on, and in
// its lowest four bits what the carry is otherwise.
module placed_alu #(parameter [15:0] TABLE = 0)(input I0, I1, I2, I3, CIN, output COUT, SUM);
  wire on = TABLE[{I3, I2, I1, I0}];
  assign SUM = on ^ CIN;
  assign COUT = on ? CIN : TABLE[{2'b00, I1, I0}];
endmodule
"""

Cell = dict[str, Any]


def verilog(module: dict[str, Any], name: str, family: str, clock: str = "clk") -> str:
    """The Verilog of a placed netlist, with its pads as ports, and of its cells. The PLL passes its clock on."""
    nets = [bit for cell in module["cells"].values() for bits in cell["connections"].values() for bit in bits]
    free = count(max(nets) + 1)
    inside = {port: [next(free)] for port in module["ports"]}
    at = {found["bits"][0]: port for port, found in module["ports"].items()}
    high = [cell["connections"]["V"] for cell in module["cells"].values() if cell["type"] == "GOWIN_VCC"]
    cells: dict[str, Cell] = {}
    for label, cell in module["cells"].items():
        if cell["type"] in PADS:
            pin, *ways = PADS[cell["type"]]
            port = at[cell["connections"][pin][0]]
            way = ways[-1 if module["ports"][port]["direction"] == "output" else 0]
            inside[port] = cell["connections"].get(way) or inside[port]
        elif cell["type"] not in (*PLLS, *LEFT_OUT) and not _is_clock(cell):
            _check_enables(cell, high)
            cells[label] = _modelled(cell, free)
    cells["pll"] = _pll(module, inside[clock])
    ports = {port: found | {"bits": inside[port]} for port, found in module["ports"].items()}
    inputs = {port: 1 for port, found in ports.items() if found["direction"] == "input" and port != clock}
    outputs = {port: inside[port] for port, found in ports.items() if found["direction"] == "output"}
    text = simulation.verilog({"cells": cells, "ports": ports}, name, family, inputs, clock, outputs)
    return simulation.models(family) + MODELS + text


def pll(module: dict[str, Any]) -> Cell:
    """The only PLL of a module."""
    found, = (cell for cell in module["cells"].values() if cell["type"] in PLLS)
    return dict(found)


def alu_table(parameters: dict[str, str]) -> int:
    raw = parameters.get("RAW_ALU_LUT")
    return int(raw, 2) if raw else MODES[parameters["ALU_MODE"]]


def _is_clock(cell: Cell) -> bool:
    """Whether a cell is the global buffer of a PLL's output. The netlist has no net between the two."""
    return cell["type"] == "SB_GB" and not cell["connections"]["USER_SIGNAL_TO_GLOBAL_BUFFER"]


def _pll(module: dict[str, Any], pad: list[int]) -> Cell:
    """The module's PLL as a cell of MODELS. `pad` is the net of the clock's pad."""
    found = pll(module)
    wires = found["connections"]
    given, reset, runs, output = PLLS[found["type"]]
    buffers = [cell["connections"]["GLOBAL_BUFFER_OUTPUT"] for cell in module["cells"].values() if _is_clock(cell)]
    clock, = [wires[output]] if output else buffers
    own = {"CLKI": wires[given] if given else pad, "RESET": wires[reset], "CLKO": clock, "LOCK": wires["LOCK"]}
    directions = {"CLKI": "input", "RESET": "input", "CLKO": "output", "LOCK": "output"}
    return {"type": "placed_pll", "parameters": {"RUNS": runs}, "connections": own, "port_directions": directions}


def _check_enables(cell: Cell, high: list[list[int]]) -> None:
    """Check that Gowin's memories are enabled where their models assume it."""
    kind, wires = cell["type"], cell["connections"]
    assert all(wires[port] in high for port in ENABLED.get(kind, ()))
    for mode, enable, own in OUTPUT_ENABLES.get(kind, ()):
        assert int(cell["parameters"][mode], 2) or wires[enable] == wires[own]


def _modelled(cell: Cell, free: Iterator[int]) -> Cell:
    """The same cell with the names of its model. Open outputs get nets from `free`."""
    kind, parameters = cell["type"], cell["parameters"]
    wires = {port: bits for port, bits in cell["connections"].items() if not re.fullmatch(DROPPED, f"{kind}.{port}")}
    directions = dict(cell["port_directions"])
    assert all(parameters.get(name, value) == value for name, value in FIXED.items())
    parameters = {name: value for name, value in parameters.items() if name not in FIXED}
    if kind in BUSES:
        wires, directions = _joined(wires, directions, BUSES[kind], free)
    if kind in SELECTED:
        wires, parameters = _selected(wires, directions, parameters)
    for port in FLOATING.get(kind, ()):
        wires[port], directions[port] = wires.get(port) or ["x"], "input"
    if kind == "TRELLIS_COMB" and wires.get("FXA"):  # the slice's upper LUT; its multiplexer is an L6MUX21
        parameters |= {"IS_Z1": "1"}
    if kind == "ALU":
        parameters = {"TABLE": alu_table(parameters)}
    if kind in ("DP", "SDP"):
        kind += "X9B" if int(parameters["BIT_WIDTH_0"], 2) % 9 == 0 else "B"
    return {"type": OWN_NAMES.get(kind, kind), "parameters": parameters, "connections": wires,
            "port_directions": directions}


def _joined(wires: dict[str, Any], directions: dict[str, str], bits: str,
            free: Iterator[int]) -> tuple[dict[str, Any], dict[str, str]]:
    """(wires, directions) with ports of one bit joined to buses. An open input reads 0, unless it is pulled up."""
    places = {port: found.groups() if (found := re.fullmatch(bits, port)) else (port, 0) for port in wires}
    whole = {name: directions[port] for port, (name, _) in places.items()}
    joined: dict[str, Any] = {}
    for port, (name, place) in sorted(places.items(), key=lambda item: int(item[1][1])):
        unconnected = next(free) if whole[name] == "output" else "1" if name in PULLED_UP else "0"
        joined.setdefault(name, []).extend(wires[port] or [unconnected])
        assert len(joined[name]) == int(place) + 1
    return joined, whole


def _selected(wires: dict[str, Any], directions: dict[str, str],
              parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(wires, parameters) with open inputs at the level that their parameters select."""
    found = dict(wires)
    for port in (port for port in wires if directions[port] == "input"):
        how = parameters.get(f"{port}MUX", port)
        assert how == port or not wires[port]
        found[port] = wires[port] or [{"INV": "0", port: "1"}.get(how) or how.strip()]
    return found, {name: value for name, value in parameters.items()
                   if not name.endswith("MUX") or name.startswith("CLK")}
