"""Ends of ECP5 carry chains, in the form that costs least to place.

nextpnr puts a CCU2C of its own before a chain if the chain's carry input is connected, even to a constant. It puts
another behind a chain if the carry output is connected, even to a net that nothing reads. The first is not needed if
the chain's first half only makes a carry: with LUT4 = 0 its carry output is LUT2, whatever comes in. So those carry
inputs are left open here.

Half a CCU2C computes S = LUT4 ^ CIN and COUT = LUT4 ? CIN : LUT2, as in Yosys's model of the cell. LUT4 is INIT at
(D, C, B, A), and LUT2 is INIT at (0, 0, B, A).
"""

from __future__ import annotations

from typing import Any

from tbn_hw.families.nets import uses

OPEN = ["x"]
"""The wires of a port that is connected to nothing."""


def open_ends(module: dict[str, Any]) -> None:
    """Disconnect the carry inputs and outputs that the CCU2Cs of a flat JSON netlist do not need."""
    connected = uses(module)
    for cell in module["cells"].values():
        if cell["type"] == "CCU2C":
            wires = cell["connections"]
            for port in ("COUT", "S0", "S1"):
                if wires.get(port) and connected[wires[port][0]] == 1:
                    wires[port] = OPEN
            _open_start(cell["parameters"], wires)


def _open_start(parameters: dict[str, Any], wires: dict[str, Any]) -> None:
    """Leave CIN open if it is constant and only the first half's carry depends on it; its tables change to match."""
    constant = all(wires.get(port) in (["0"], ["1"]) for port in ("CIN", "C0", "D0"))
    if not constant or wires.get("S0") != OPEN or parameters.get("INJECT1_0") != "NO":
        return
    table = int(parameters["INIT0"], 2)
    high = 4 * int(wires["C0"][0]) + 8 * int(wires["D0"][0])
    carries = [wires["CIN"] == ["1"] if table >> (high + low) & 1 else table >> low & 1 for low in range(4)]
    wires |= {"CIN": OPEN, "C0": ["1"], "D0": ["1"]}
    parameters["INIT0"] = f"{sum(carry << low for low, carry in enumerate(carries)):016b}"
