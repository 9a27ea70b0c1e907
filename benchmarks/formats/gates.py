"""Simulation of a mapped netlist for many independent runs at once.

Yosys replaces each cell by its own model of it, and the model by gates. Here a gate is one operation on Python
integers. Bit k of an integer belongs to run k. Nothing is compiled, so this takes seconds, and other simulators take
minutes to begin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np

from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.xc7 import XC7
from tbn_hw.shared.errors import UsageError
from tbn_hw.tools import yosys

MODELS = {family.name: f"+/{family.models.folder}/cells_sim.v" for family in (ECP5, ICE40, XC7)}
GATES = {"$_NOT_": "~{A}", "$_BUF_": "{A}", "$_AND_": "{A}&{B}", "$_OR_": "{A}|{B}", "$_XOR_": "{A}^{B}",
         "$_MUX_": "{A}^({S}&({A}^{B}))"}


def simulate(netlist: Path, top: str, family: str, inputs: Mapping[str, Sequence[Sequence[int]]], output: str,
             folder: Path) -> list[list[int]]:
    """The values [cycle][run] of `output`. `inputs` are values [cycle][run] by port, in the same cycles.

    All registers start from zero. The only clock is the input `clk`. Raises UsageError for an unknown family or a
    cell that does not become gates, ToolMissing, and SynthesisError when Yosys cannot read the netlist.
    """
    if family not in MODELS:
        raise UsageError(f"family must be one of {', '.join(MODELS)}, not {family!r}")
    module = _gates(netlist, top, family, folder)
    ports = {name: port["bits"] for name, port in module["ports"].items()}
    registers = [(cell["connections"]["Q"][0], cell["connections"]["D"][0]) for cell in module["cells"].values()
                 if cell["type"] == "$_DFF_P_"]
    step = _step(module, [bit for name in inputs for bit in ports[name]], registers, ports[output])
    runs = len(next(iter(inputs.values()))[0])
    words = np.concatenate([_transposed(values, len(ports[name])) for name, values in inputs.items()], axis=1)
    state, seen = [0] * len(registers), []
    for row in words:
        result, state = step([int.from_bytes(bits.tobytes(), "little") for bits in row], state)
        seen.append(result)
    return [_untransposed(row, runs) for row in seen]


def _gates(netlist: Path, top: str, family: str, folder: Path) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mapped.v").write_bytes(netlist.read_bytes())
    (folder / "gates.ys").write_text("\n".join([
        f"read_verilog -D NO_INCLUDES {MODELS[family]}", "read_verilog mapped.v", f"hierarchy -check -top {top}",
        "proc", "opt_expr", "flatten", "opt_expr", "opt_clean", "simplemap", "opt_expr", "opt_merge", "opt_clean",
        "dfflegalize -cell $_DFF_P_ 01", "simplemap", "opt_expr", "clean", "write_json gates.json\n"]))
    yosys.run(top, "gates.ys", folder)
    module: dict[str, Any] = json.loads((folder / "gates.json").read_text())["modules"][top]
    return module


def _step(module: Mapping[str, Any], given: Sequence[Any], registers: Sequence[tuple[Any, Any]],
          result: Sequence[Any]) -> Any:
    """A function from (words of the inputs, of the registers) to (words of the result, next ones of the registers)."""
    gates = {cell["connections"]["Y"][0]: cell for cell in module["cells"].values() if cell["type"] in GATES}
    unknown = {cell["type"] for cell in module["cells"].values()} - set(GATES) - {"$_DFF_P_", "$scopeinfo"}
    if unknown:
        raise UsageError(f"netlist must be of gates and registers, but has {', '.join(sorted(unknown))}")

    def name(bit: Any) -> str:
        return f"n{bit}" if isinstance(bit, int) else {"1": "-1"}.get(bit, "0")

    order = TopologicalSorter({made: [bits[0] for pin, bits in cell["connections"].items() if pin != "Y"]
                               for made, cell in gates.items()}).static_order()
    lines = [f"[{', '.join(name(bit) for bit in given)}] = given",
             f"[{', '.join(name(q) for q, _ in registers)}] = state"]
    for made in order:
        if made in gates:
            pins = {pin: name(bits[0]) for pin, bits in gates[made]["connections"].items()}
            lines.append(f"{name(made)} = {GATES[gates[made]['type']].format(**pins)}")
    lines.append(f"return [{', '.join(name(bit) for bit in result)}], [{', '.join(name(d) for _, d in registers)}]")
    scope: dict[str, Any] = {}
    exec("def step(given, state):\n    " + "\n    ".join(lines), scope)
    return scope["step"]


def _transposed(values: Sequence[Sequence[int]], width: int) -> np.ndarray:
    """Port values [cycle][run] as (cycles, width, bytes): for each wire of the port the bits of all runs, packed."""
    size = (width + 7) // 8
    data = b"".join(int(value).to_bytes(size, "little") for row in values for value in row)
    bits = np.unpackbits(np.frombuffer(data, np.uint8).reshape(len(values), -1, size), axis=2, bitorder="little")
    return np.packbits(bits[:, :, :width].transpose(0, 2, 1), axis=2, bitorder="little")


def _untransposed(words: Sequence[int], runs: int) -> list[int]:
    return [sum((word >> run & 1) << k for k, word in enumerate(words)) for run in range(runs)]
