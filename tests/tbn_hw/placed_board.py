"""A board's top level as nextpnr placed it, as Verilog for a simulator: pads, PLL, and cells of nextpnr's own kinds."""

import re
from typing import Any

from tbn_hw import netlist_verilog

PADS = {"IBUF": ("I", "O"), "OBUF": ("O", "I"), "SB_IO": ("PACKAGE_PIN", "D_IN_0", "D_OUT_0"),
        "TRELLIS_IO": ("B", "O", "I")}
"""The port at the pin, and those inside: of an input first."""
PLLS = {"EHXPLLL": "CLKOS", "ICESTORM_PLL": None, "rPLL": "CLKOUT"}
"""The output that is the design's clock; iCE40's has no net, and is known by a global buffer of nothing."""
LEFT_OUT = ("BUFG", "DUMMY_CELL", "GSR")
"""A buffer of nothing, what keeps places free, and what resets all at the start."""
BUSES = dict.fromkeys(("DP", "MULT18X18", "MULT9X9", "SDP"), r"(\w+?)(\d+)") | {"ICESTORM_RAM": r"(\w+)_(\d+)"}
"""Cells whose ports are bits, by the names of these."""
OWN_NAMES = {"ALU": "placed_alu", "GOWIN_GND": "GND", "GOWIN_VCC": "VCC", "ICESTORM_RAM": "SB_RAM40_4K"}
HIGH = ("RCLKE", "WCLKE")
"""Ports that read 1 where they are open."""
NOT_MODELLED = r"RAM16SDP4\.CE|SDP\.(WREA|WREB|OCEB)|MULT18X18D\.SRI[AB]\d+"
"""Ports that no model has: enables that are high or another's as well, and what comes from another multiplier."""
UNMODELLED = {"NEG_CLK_R": "0", "NEG_CLK_W": "0", "WCKMUX": "WCK"}
"""Parameters that no model has, and what they must be."""
SELECTED = ("DP16KD", "MULT18X18D")
"""Cells with a parameter <port>MUX where a port reads 0 or 1, or an open one, which is high, the other way round."""
OPEN = ("ALU", "LUT4")
"""Cells whose open inputs must not matter: they read 0 and 1 in turn."""
TABLES = {"C2L": 0x0000, "ONE2C": 0x000F, f"{2:032b}": 0x609A}
"""An ALU's table by its mode: ends of chains (a carry of 0, and of 1), and what adds or subtracts."""
MODELS = """
module placed_pll(input CLKI, output CLKO, output LOCK);
  reg [4:0] cycles = 0;
  assign CLKO = CLKI;
  assign LOCK = cycles[4];
  always @(posedge CLKI) if (~LOCK) cycles <= cycles + 1;
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


def verilog(netlist: dict[str, Any], name: str, family: str, clock: str = "clk") -> str:
    """Verilog of a placed netlist with its pins as ports, and models of its cells; the PLL passes its clock on."""
    module = netlist_verilog.top_module(netlist)
    inside = {port: [n + max(map(max, _nets(module)))] for n, port in enumerate(module["ports"], 1)}
    at = {found["bits"][0]: port for port, found in module["ports"].items()}
    cells: dict[str, Cell] = {}
    for label, cell in module["cells"].items():
        if cell["type"] in PADS:
            pin, *ways = PADS[cell["type"]]
            port = at[cell["connections"][pin][0]]
            way = ways[-1 if module["ports"][port]["direction"] == "output" else 0]
            inside[port] = cell["connections"].get(way) or inside[port]
        elif cell["type"] not in (*PLLS, *LEFT_OUT) and not _is_clock(cell):
            cells[label] = _modelled(cell)
    cells["pll"] = _pll(module, inside[clock])
    ports = {port: found | {"bits": inside[port]} for port, found in module["ports"].items()}
    inputs = {port: 1 for port, found in ports.items() if found["direction"] == "input" and port != clock}
    outputs = {port: inside[port] for port, found in ports.items() if found["direction"] == "output"}
    text = netlist_verilog.verilog({"cells": cells, "ports": ports}, name, inputs, clock, outputs)
    return netlist_verilog.models(family) + MODELS + text


def _nets(module: dict[str, Any]) -> list[list[int]]:
    return [bits for cell in module["cells"].values() for found in cell["connections"].values()
            if (bits := [bit for bit in found if isinstance(bit, int)])]


def _is_clock(cell: Cell) -> bool:
    """Whether it is the global buffer of a PLL's output, which no net says."""
    return cell["type"] == "SB_GB" and not cell["connections"]["USER_SIGNAL_TO_GLOBAL_BUFFER"]


def _pll(module: dict[str, Any], pin: list[int]) -> Cell:
    """The one PLL, as a cell of MODELS."""
    pll, = (cell for cell in module["cells"].values() if cell["type"] in PLLS)
    output = PLLS[pll["type"]]
    buffers = [cell["connections"]["GLOBAL_BUFFER_OUTPUT"] for cell in module["cells"].values() if _is_clock(cell)]
    clock, = [pll["connections"][output]] if output else buffers
    wires = {"CLKI": pin, "CLKO": clock, "LOCK": pll["connections"]["LOCK"]}
    directions = {"CLKI": "input", "CLKO": "output", "LOCK": "output"}
    return {"type": "placed_pll", "parameters": {}, "connections": wires, "port_directions": directions}


def _modelled(cell: Cell) -> Cell:
    """The same cell under the names of a model."""
    kind, parameters = cell["type"], cell["parameters"]
    wires = {port: bits for port, bits in cell["connections"].items()
             if not re.fullmatch(NOT_MODELLED, f"{kind}.{port}")}
    directions = dict(cell["port_directions"])
    assert all(parameters.get(name, value) == value for name, value in UNMODELLED.items())
    parameters = {name: value for name, value in parameters.items() if name not in UNMODELLED}
    if kind in BUSES:
        wires, directions = _joined(wires, directions, BUSES[kind])
    if kind in SELECTED:
        wires, parameters = _selected(wires, directions, parameters)
    if kind in OPEN:
        names = ("I0", "I1", "I2", "I3", *(["CIN"] if kind == "ALU" else []))
        wires |= {port: wires.get(port) or ["x"] for port in names}
        directions |= dict.fromkeys(names, "input")
    if kind == "TRELLIS_COMB" and wires.get("FXA"):  # the upper LUT of a slice, whose multiplexer is an L6MUX21
        parameters |= {"IS_Z1": "1"}
    if kind == "ALU":
        raw = parameters.get("RAW_ALU_LUT")
        parameters = {"TABLE": int(raw, 2) if raw else TABLES[parameters["ALU_MODE"]]}
    if kind in ("DP", "SDP"):
        kind += "X9B" if int(parameters["BIT_WIDTH_0"], 2) % 9 == 0 else "B"
    return {"type": OWN_NAMES.get(kind, kind), "parameters": parameters, "connections": wires,
            "port_directions": directions}


def _joined(wires: dict[str, Any], directions: dict[str, str], bits: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Ports of one bit as buses; a bit that is open reads 0."""
    places = {port: found.groups() if (found := re.fullmatch(bits, port)) else (port, 0) for port in wires}
    whole = {name: directions[port] for port, (name, _) in places.items()}
    joined: dict[str, Any] = {}
    for port, (name, place) in sorted(places.items(), key=lambda item: int(item[1][1])):
        open_bit = "x" if whole[name] == "output" else "1" if name in HIGH else "0"
        joined.setdefault(name, []).extend(wires[port] or [open_bit])
        assert len(joined[name]) == int(place) + 1
    return joined, whole


def _selected(wires: dict[str, Any], directions: dict[str, str],
              parameters: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs as their parameters select them."""
    found = dict(wires)
    for port in (port for port in wires if directions[port] == "input"):
        how = parameters.get(f"{port}MUX", port)
        assert how == port or not wires[port]
        found[port] = wires[port] or [{"INV": "0", port: "1"}.get(how) or how.strip()]
    return found, {name: value for name, value in parameters.items()
                   if not name.endswith("MUX") or name.startswith("CLK")}
