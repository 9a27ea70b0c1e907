"""Buffers at the pins of a netlist, which Gowin's place and route asks for, as a board's own top level has them."""

from pathlib import Path

from tbn_hw.boards.netlist import PADS
from tbn_hw.netlists.join import LIBRARIES
from tbn_hw.tools import yosys


def with_pads(netlist: Path, family: str) -> Path:
    """A netlist with buffers at the ports of its module, which has the file's name, if the family needs them."""
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
