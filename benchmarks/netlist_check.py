"""Simulates a netlist, synthesised or placed, and compares it with integers. Yosys's models of the cells are used.

nextpnr writes a placed netlist (`Routed.netlist`), and `tbn_hw.netlists.join.json_netlist` makes a synthesised one.
`tbn_hw.netlists.simulation` turns either into Verilog.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sim.bench import ComponentResult, simulate_component
from tbn_hw.netlists.simulation import escaped, models, top_module, verilog
from tbn_hw.shared.errors import Mismatch, UsageError
from tbn_hw.stages.workspace import content_key

Values = Sequence[int] | np.ndarray


def check(netlist: Path, family: str, stimulus: Mapping[str, Values], outputs: Mapping[str, Values], work: Path, *,
          clock: str = "clk", settled: int = 0) -> ComponentResult:
    """Clock `netlist` once for each value of `stimulus` (input port -> values) and compare `outputs`.

    An output is a port, or a register with its hierarchical name in the design, such as `row0.total`. Its value number
    k is the one after the k-th clock. All registers start from zero. `settled` is for outputs that accumulate: they are
    compared only after that many clocks, less the value that they had then.

    Raises UsageError for an unknown family or name, Mismatch when a value differs, and SimulationError.
    """
    cells = models(family)
    module = top_module(json.loads(netlist.read_text()))
    observed = {name: _bits(module, name) for name in outputs}
    for name in (*stimulus, clock):
        if module["ports"].get(name, {"direction": None})["direction"] != "input":
            raise UsageError(f"netlist has no input {name!r}")
    inputs = {name: len(module["ports"][name]["bits"]) for name in stimulus}
    work.mkdir(parents=True, exist_ok=True)
    files = [work / name for name in ("models.v", "netlist.v", "bench.v")]
    texts = (cells, verilog(module, "netlist", family, inputs, clock, observed),
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
    """A hash of what is simulated. It leaves out the places of cells, so netlists of several seeds often share it."""
    module = top_module(json.loads(netlist.read_text()))
    for named in (*module["cells"].values(), *module["netnames"].values()):
        named.pop("attributes", None)
    return content_key(*(json.dumps(module[key]) for key in ("ports", "cells", "netnames")))


def _bits(module: Mapping[str, Any], name: str) -> list[Any]:
    """The nets of a port's or register's bits, lowest first. In placed netlists each bit has a name of its own."""
    for kind in ("ports", "netnames"):
        if name in module[kind]:
            return list(module[kind][name]["bits"])
    bits: list[Any] = []
    while (net := f"{name}[{len(bits)}]") in module["netnames"]:
        bits += module["netnames"][net]["bits"]
    if not bits:
        raise UsageError(f"netlist has no port or register {name!r}")
    return bits


def _bench(inputs: Mapping[str, int], outputs: Mapping[str, int], clock: str, settled: int) -> str:
    """The Verilog of a component with streams around the netlist. The netlist's clock stops when no beat comes in."""
    declared, results, bases = [], [], []
    for name, width in {**inputs, **outputs}.items():
        declared.append(f"wire [{width - 1}:0] {escaped(name)};")
    for name, width in outputs.items():
        base = escaped(f"base of {name}".replace(" ", "_"))
        declared.append(f"reg [{width - 1}:0] {base} = 0;")
        bases.append(f"{base} <= {escaped(name)};")
        results.append(f"{escaped(name)} - {base}")
    joined = [", ".join(reversed(names)) for names in (list(map(escaped, inputs)), results)]
    ports = ", ".join(f".{escaped(name)}({escaped(name)})" for name in (*inputs, *outputs))
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
        f"netlist netlist(.{escaped(clock)}(clk & go), {ports});",
        "endmodule\n"])


def _join(values: Mapping[str, Values], widths: Sequence[int]) -> list[int]:
    """One number for each cycle, made of all its values. The first name's value is in the low bits."""
    beats = []
    for words in zip(*values.values(), strict=True):
        beat = 0
        for word, width in zip(reversed(words), reversed(widths), strict=True):
            beat = beat << width | (int(word) & (1 << width) - 1)
        beats.append(beat)
    return beats
