"""Puts buffers at the pins of a netlist. Gowin's place and route needs them; a board's top level has its own."""

from pathlib import Path

from tbn_hw.boards.netlist import PADS
from tbn_hw.netlists.join import LIBRARIES
from tbn_hw.tools import yosys


def with_pads(netlist: Path, family: str) -> Path:
    """The path of the netlist with buffers at its ports, if the family needs them. The module has the file's name."""
    if family not in PADS:
        return netlist
    name = netlist.stem
    folder = netlist.parent / f"{name}_pads"
    folder.mkdir()
    (folder / "source.v").write_bytes(netlist.read_bytes())
    (folder / "pads.ys").write_text("\n".join([
        f"read_verilog -lib {' '.join(LIBRARIES[family])}", "read_verilog source.v", f"cd {name}", *PADS[family], "cd",
        f"write_verilog -noattr {name}.v\n"]))
    yosys.run(name, ["-s", "pads.ys"], folder)
    return folder / f"{name}.v"
