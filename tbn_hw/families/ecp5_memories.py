"""Registers behind ECP5 block RAM, moved into it.

A DP16KD gives its data 5.8 ns after the clock, or from its own output register after 0.9 ns. Yosys never uses that
register. If a word goes only into flip-flops, the register takes their place here. A ROM of 64 rows of 256 bits runs at
138 MHz (speed 6) with flip-flops in the fabric, and at 334 MHz with the register (medians of 3 seeds).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

WIDTH = 18
"""The number of data outputs of a port."""


def output_registers(module: dict[str, Any]) -> int:
    """Move the registers behind the DP16KDs of a flat JSON netlist into them; returns how many."""
    readers: dict[Any, list[str]] = defaultdict(list)
    for port in module["ports"].values():
        for bit in port["bits"]:
            readers[bit].append("")
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            if cell["type"] != "$scopeinfo" and cell["port_directions"].get(port) != "output":
                for bit in bits:
                    readers[bit].append(name)
    moved = 0
    for cell in [cell for cell in module["cells"].values() if cell["type"] == "DP16KD"]:
        paired = int(str(cell["parameters"].get("DATA_WIDTH_A")), 2) == 2 * WIDTH  # one port reads through both sides
        for sides in (("AB",) if paired else ("A", "B")):
            moved += _move(module["cells"], cell, sides, readers)
    return moved


def _move(cells: dict[str, Any], memory: dict[str, Any], sides: str, readers: Mapping[Any, list[str]]) -> int:
    """Move the registers behind the outputs of `sides`, if all can move. They share the clock of the last side."""
    wires, parameters = memory["connections"], memory["parameters"]
    ports = [port for side in sides for port in (f"DO{side}{bit}" for bit in range(WIDTH))
             if wires.get(port) and readers[wires[port][0]]]
    names = {port: readers[wires[port][0]] for port in ports}
    if not ports or any(parameters.get(f"REGMODE_{side}", "NOREG") != "NOREG" for side in sides):
        return 0
    if any(len(found) != 1 or not found[0] for found in names.values()):
        return 0
    registers = {port: cells[found] for port, (found,) in names.items()}
    clock = wires[f"CLK{sides[-1]}"]
    if not all(_is_plain(cell, wires[port], clock) for port, cell in registers.items()):
        return 0
    enables = {tuple(_enable(cell)) for cell in registers.values()}
    if len(enables) != 1 or parameters.get(f"CLK{sides[-1]}MUX", f"CLK{sides[-1]}") != f"CLK{sides[-1]}":
        return 0
    for side in sides:
        parameters[f"REGMODE_{side}"] = "OUTREG"
        wires[f"OCE{side}"] = list(*enables)
    for port, cell in registers.items():
        wires[port] = cell["connections"]["Q"]
        del cells[names[port][0]]
    return len(registers)


def _is_plain(cell: Mapping[str, Any], data: list[Any], clock: list[Any]) -> bool:
    """Whether a cell is a flip-flop for `data` that starts at 0 and has no reset."""
    if cell["type"] != "TRELLIS_FF":
        return False
    wires, parameters = cell["connections"], cell["parameters"]
    return (wires.get("DI") == data and wires.get("CLK") == clock and parameters.get("CLKMUX", "CLK") == "CLK"
            and wires.get("LSR", ["0"]) in (["0"], ["x"], []) and parameters.get("LSRMUX", "LSR") == "LSR"
            and parameters.get("REGSET", "RESET") == "RESET" and parameters.get("CEMUX", "CE") in ("CE", "1"))


def _enable(cell: Mapping[str, Any]) -> list[Any]:
    if cell["parameters"].get("CEMUX", "CE") == "1":
        return ["1"]
    return list(cell["connections"].get("CE") or ["1"])
