"""Gowin cells in the form that nextpnr times and places rightly.

- nextpnr 0.11's database has delays of LUT4 only. It does not time paths through a LUT1, LUT2 or LUT3 at all. These
  sit in the same places, so here all become LUT4.
- Yosys holds the enable of a block RAM's output register high. Without that register the enable should not matter. But
  on a GW1N, reads were skipped or late unless it was the port's own enable (github.com/YosysHQ/nextpnr/pull/1278).
- nextpnr gives some chains a head ALU: those with a carry from logic, and those with a carry from an ALU that feeds
  others too (as in signed comparisons). In 0.11 the table of that head makes signal | CIN, with CIN open
  (nextpnr/issues/1799; pull 1800 mends it). No simulation of the netlist shows this. So here such a chain gets a head
  ALU that adds 1 to the signal, with a carry-in of 0.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Any

from tbn_hw.families.nets import uses

_ONE, _SIMPLE = (("READ_MODE", "OCE", "CE"),), (("READ_MODE", "OCE", "CEB"),)
_DUAL = (("READ_MODE0", "OCEA", "CEA"), ("READ_MODE1", "OCEB", "CEB"))
OUTPUT_ENABLES = {"SP": _ONE, "SPX9": _ONE, "SDPB": _SIMPLE, "SDPX9B": _SIMPLE, "DPB": _DUAL, "DPX9B": _DUAL}
"""For each port of a block RAM: its READ_MODE, the enable of its output register, and its own enable."""

CONSTANTS = {"GND": "G", "VCC": "V"}
"""Cells that make a constant, and their output ports."""

HEAD = "$head"
"""Suffix of an ALU's name that makes the name of its head."""


def mend(module: dict[str, Any]) -> None:
    """Change the cells of a flat JSON netlist, and add head ALUs of carry chains."""
    _carry_heads(module)
    for cell in module["cells"].values():
        if re.fullmatch("LUT[123]", cell["type"]):
            _whole(cell)
        for mode, output, port in OUTPUT_ENABLES.get(cell["type"], ()):
            if int(cell["parameters"].get(mode, "0"), 2) == 0:
                cell["connections"][output] = cell["connections"][port]


def _whole(cell: dict[str, Any]) -> None:
    """Make a LUT of fewer inputs a LUT4. Its other inputs are open and do not matter."""
    rows = 1 << int(cell["type"][-1])
    table = cell["parameters"]["INIT"].rjust(rows, "0")[-rows:]
    cell["type"], cell["parameters"]["INIT"] = "LUT4", table * (16 // rows)


def _carry_heads(module: dict[str, Any]) -> None:
    """Give a head to each chain, unless its carry comes from a constant or from an ALU that feeds nothing else."""
    cells = module["cells"]
    connected = uses(module)
    carries: set[int | str] = set()
    constants: set[int | str] = {"0", "1", "x"}
    for cell in cells.values():
        wires = cell["connections"]
        carries.update(wires.get("COUT", ()) if cell["type"] == "ALU" else ())
        constants.update(wires.get(CONSTANTS.get(cell["type"], ""), ()))
    named = {bit for net in module["netnames"].values() for bit in net["bits"]}
    free = count(1 + max((bit for bit in named | set(connected) if isinstance(bit, int)), default=1))
    for name, cell in [item for item in cells.items() if item[1]["type"] == "ALU"]:
        carry = cell["connections"]["CIN"][0]
        if not (carry in constants or carry in carries and connected[carry] == 2):
            wire = next(free)
            cells[f"{name}{HEAD}"] = _head(carry, wire)
            cell["connections"]["CIN"] = [wire]


def _head(signal: int, carry: int) -> dict[str, Any]:
    """An ALU set to add (I3). It computes `signal` + 1 + 0, and its carry out is the signal."""
    return {
        "hide_name": 0, "type": "ALU", "attributes": {}, "parameters": {"ALU_MODE": f"{2:032b}"},
        "port_directions": dict.fromkeys(("I0", "I1", "I3", "CIN"), "input") | {"COUT": "output", "SUM": "output"},
        "connections": {"I0": [signal], "I1": ["1"], "I3": ["1"], "CIN": ["0"], "COUT": [carry], "SUM": ["x"]},
    }
