"""Puts buffers at the pins of a netlist. Gowin's place and route needs them; a board's top level has its own."""

from pathlib import Path

from tbn_hw.families.registry import board_facts, find_family
from tbn_hw.tools import yosys


def with_pads(netlist: Path, family: str) -> Path:
    """The path of the netlist with buffers at its ports, if the family needs them. The module has the file's name."""
    pads = board_facts(family).pads
    if not pads:
        return netlist
    name = netlist.stem
    folder = netlist.parent / f"{name}_pads"
    folder.mkdir()
    (folder / "source.v").write_bytes(netlist.read_bytes())
    (folder / "pads.ys").write_text("\n".join([
        f"read_verilog -lib {' '.join(find_family(family).libraries)}", "read_verilog source.v", f"cd {name}", *pads,
        "cd", f"write_verilog -noattr {name}.v\n"]))
    yosys.run(name, "pads.ys", folder)
    return folder / f"{name}.v"
