"""Buffers at the pins of a netlist, which Gowin's place and route asks for, as a board's own top level has them."""

from pathlib import Path

from tbn_hw.families.registry import board_facts, find_family
from tbn_hw.tools import yosys


def with_pads(netlist: Path, family: str) -> Path:
    """A netlist with buffers at the ports of its module, which has the file's name, if the family needs them."""
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
    yosys.run(name, ["-s", "pads.ys"], folder)
    return folder / f"{name}.v"
