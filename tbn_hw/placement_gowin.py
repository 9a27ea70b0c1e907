"""Gowin cells in the form that nextpnr times and places rightly.

- nextpnr 0.11's database has delays of LUT4 alone: what goes through a LUT1, LUT2 or LUT3 it does not time at all. They
  sit in the same places, so here all become LUT4.
- Yosys holds the enable of a block RAM's output register high. Without that register it should not matter, but on a
  GW1N reads were skipped or made late where it was not the port's own enable (github.com/YosysHQ/nextpnr/pull/1278).
- A carry that comes into a chain from logic is packed with a wrong table (nextpnr/issues/1799), so it is refused; the
  gateware has none.
"""

from __future__ import annotations

import re
from typing import Any

from tbn_hw.errors import PlacementError

_ONE, _SIMPLE = (("READ_MODE", "OCE", "CE"),), (("READ_MODE", "OCE", "CEB"),)
_DUAL = (("READ_MODE0", "OCEA", "CEA"), ("READ_MODE1", "OCEB", "CEB"))
OUTPUT_ENABLES = {"SP": _ONE, "SPX9": _ONE, "SDPB": _SIMPLE, "SDPX9B": _SIMPLE, "DPB": _DUAL, "DPX9B": _DUAL}
"""Block RAMs: of each port its READ_MODE, and the enables of its output register and of itself."""

CARRIES = {"ALU": "COUT", "GND": "G", "VCC": "V"}
"""Cells that a carry may come from, and where they make it."""


def mend(module: dict[str, Any]) -> None:
    """Change the cells of a flat JSON netlist; raises PlacementError where nextpnr would build another circuit."""
    carries = {"0", "1", "x"}
    for cell in module["cells"].values():
        carries.update(cell["connections"].get(CARRIES.get(cell["type"], ""), ()))
    for name, cell in module["cells"].items():
        if re.fullmatch("LUT[123]", cell["type"]):
            _whole(cell)
        elif cell["type"] == "ALU" and not carries.issuperset(cell["connections"]["CIN"]):
            raise PlacementError(f"{name}: the carry that comes in must be a constant or an ALU's, for nextpnr's Gowin "
                                 "packs others wrongly")
        for mode, output, port in OUTPUT_ENABLES.get(cell["type"], ()):
            if int(cell["parameters"].get(mode, "0"), 2) == 0:
                cell["connections"][output] = cell["connections"][port]


def _whole(cell: dict[str, Any]) -> None:
    """A LUT of fewer inputs as a LUT4 whose other inputs are open, and do not matter."""
    rows = 1 << int(cell["type"][-1])
    table = cell["parameters"]["INIT"].rjust(rows, "0")[-rows:]
    cell["type"], cell["parameters"]["INIT"] = "LUT4", table * (16 // rows)
