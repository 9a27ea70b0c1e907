"""A shell of shift registers, to route a design out of context that has more ports than the package has pins.

Every input except the clock comes from a register, and every output goes to one. So no path of the design is lost and
none gets longer. Four pins remain. The routed shell has the figures of the design, but its bitstream is of no use.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tbn_hw.families.registry import find_family
from tbn_hw.tools import yosys

PINS = 4
"""The shell's pins: the clock, the serial input, the serial output, and the load of the outputs' registers."""
INSIDE = "design"
"""The instance of the design in its shell."""


class Port(NamedTuple):
    """A port of a module: "input" or "output", its name, and its bits."""

    direction: str
    name: str
    bits: int


def ports_of(netlist: str, module: str) -> list[Port]:
    """The ports of `module` in Verilog that Yosys wrote; raises ValueError if it is not there."""
    found = re.search(rf"^module {re.escape(module)}\(.*?^endmodule", netlist, re.S | re.M)
    if found is None:
        raise ValueError(f"module {module!r} must be in the netlist")
    declared = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+);", found[0], re.M)
    return [Port(direction, name, int(last or 0) + 1) for direction, last, name in declared]


def pins(ports: list[Port]) -> int:
    """The number of pins that a module needs if every port goes to pins."""
    return sum(port.bits for port in ports)


def shell(name: str, design: str, ports: list[Port], clock: str) -> str:
    """The Verilog of module `name`, a shell around `design`. `clock` is the name of the clock's port."""
    inputs = [port for port in ports if port.direction == "input" and port.name != clock]
    outputs = [port for port in ports if port.direction == "output"]
    wires, connections = [], [f".{clock}({clock})"]
    for vector, group in (("held", inputs), ("seen", outputs)):
        low = 0
        for port in group:
            connections.append(f".{port.name}({vector}[{low + port.bits - 1}:{low}])")
            low += port.bits
        wires.append(low)
    return f"""module {name} (input {clock}, input serial_in, input load, output serial_out);
  reg [{wires[0] - 1}:0] held;
  reg [{wires[1] - 1}:0] out;
  wire [{wires[1] - 1}:0] seen;
  assign serial_out = out[{wires[1] - 1}];
  always @(posedge {clock}) begin
    held <= {{held, serial_in}};
    out <= load ? seen : {{out, held[{wires[0] - 1}]}};
  end
  {design} {INSIDE} ({", ".join(connections)});
endmodule
"""


def mapped(name: str, design: str, ports: list[Port], clock: str, family: str, folder: Path) -> Path:
    """Write the netlist of the shell `name` to `folder`, mapped to a family, and return its path.

    The netlist does not contain the design. Raises SynthesisError when Yosys fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = ", ".join(f"{port.direction} [{port.bits - 1}:0] {port.name}" for port in ports)
    (folder / "box.v").write_text(f"module {design} ({declared}); endmodule\n")
    (folder / "shell.v").write_text(shell(name, design, ports, clock))
    (folder / "shell.ys").write_text("\n".join([
        "read_verilog -lib box.v",
        "read_verilog shell.v",
        f"{find_family(family).cells.command} -top {name}",
        f"write_verilog -noattr {name}.v\n",
    ]))
    yosys.run(name, "shell.ys", folder)
    return folder / f"{name}.v"
