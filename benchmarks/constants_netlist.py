"""Combinational simulation of a netlist of Yosys. A net's value is a Python integer with a bit for each input vector.

Registers are wires here, so the result is what a pipeline settles to. This takes seconds. `benchmarks.netlist_check`
simulates cycle by cycle, with Yosys's models of the cells, and takes minutes to compile.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

REGISTERS = {"TRELLIS_FF": "DI", "FDRE": "D", "FDSE": "D", "FDCE": "D"}
"""Register cells -> the input that they store. All others, SB_DFF, Gowin's DFF and their variants, store D."""


class Simulation:
    """Computes the nets of a module from the nets that were set."""

    def __init__(self, module: Mapping[str, Any], vectors: int) -> None:
        self._module, self._all, self._values = module, (1 << vectors) - 1, dict[Any, int]()
        self._drivers = {bit: (cell, port, k) for cell in module["cells"].values()
                         for port, bits in cell["connections"].items() if cell["port_directions"][port] == "output"
                         for k, bit in enumerate(bits)}
        self._carries: dict[int, list[int]] = {}

    def bits(self, name: str) -> list[Any]:
        """The nets of a register or wire, lowest first."""
        return list(self._module["netnames"][name]["bits"])

    def set(self, net: int, value: int) -> None:
        self._values[net] = value

    def value(self, net: Any) -> int:
        """The value of a net for all vectors. Unknown bits ("x") are 0."""
        if net in ("0", "x", None):
            return 0
        if net == "1":
            return self._all
        if net not in self._values:
            cell, port, k = self._drivers[net]
            self._values[net] = self._output(cell, port, k)
        return self._values[net]

    def _output(self, cell: Mapping[str, Any], port: str, k: int) -> int:
        kind, wires = cell["type"], cell["connections"]

        def pin(name: str, bit: int = 0) -> int:
            return self.value(wires[name][bit]) if wires.get(name) else 0

        def init(name: str) -> int:
            return int(cell["parameters"][name], 2)

        if kind in REGISTERS or kind.startswith(("SB_DFF", "DFF")):
            return pin(REGISTERS.get(kind, "D"))
        if kind in ("VCC", "GND"):
            return self._all if kind == "VCC" else 0
        if kind == "LUT4" and "A" in wires:  # ECP5's LUT4; Gowin's and Xilinx's have the same name and other pins
            return self._table([pin(name) for name in "ABCD"], init("INIT"))
        if kind == "SB_LUT4":
            return self._table([pin(f"I{n}") for n in range(4)], init("LUT_INIT"))
        if kind == "SB_CARRY":
            a, b, c = pin("I0"), pin("I1"), pin("CI")
            return a & b | a & c | b & c
        if kind == "LUT6_2":
            table = init("INIT") & 0xFFFFFFFF if port == "O5" else init("INIT")
            return self._table([pin(f"I{n}") for n in range(5 if port == "O5" else 6)], table)
        if found := re.fullmatch("LUT([1-6])", kind):
            return self._table([pin(f"I{n}") for n in range(int(found[1]))], init("INIT"))
        if kind in ("MUXF7", "MUXF8"):
            return self._mux(pin("S"), pin("I1"), pin("I0"))
        if kind == "INV":
            return self._all & ~pin("I")
        if kind == "ALU":
            return self._alu(pin, init("ALU_MODE"), port)
        if kind == "CCU2C":
            return self._ccu2c(cell, pin, init, port)
        if kind == "CARRY4":
            return self._carry4(pin, port, k)
        raise ValueError(f"netlist has a cell {kind} that is not modelled here")

    def _mux(self, select: int, one: int, zero: int) -> int:
        return select & one | self._all & ~select & zero

    def _table(self, inputs: Sequence[int], table: int) -> int:
        """The output of a lookup table. Each input halves the table."""
        leaves = [self._all if table >> row & 1 else 0 for row in range(1 << len(inputs))]
        for value in inputs:
            leaves = [self._mux(value, one, zero) for zero, one in zip(leaves[::2], leaves[1::2], strict=True)]
        return leaves[0]

    def _ccu2c(self, cell: Mapping[str, Any], pin: Callable[..., int], init: Callable[[str], int], port: str) -> int:
        carry = pin("CIN")
        for half in (0, 1):
            inject = cell["parameters"][f"INJECT1_{half}"].strip() == "YES"
            propagate = self._table([pin(f"{name}{half}") for name in "ABCD"], init(f"INIT{half}"))
            if port == f"S{half}":
                return propagate ^ (0 if inject else carry)
            low = self._table([pin(f"{name}{half}") for name in "AB"], init(f"INIT{half}") & 15)
            carry = self._mux(propagate, carry, 0 if inject else low)
        return carry

    def _alu(self, pin: Callable[..., int], mode: int, port: str) -> int:
        """One place of Gowin's carry chain. Mode 0 adds, 1 subtracts, 2 adds if I3 is high and else subtracts."""
        if mode > 2:
            raise ValueError(f"netlist has an ALU of mode {mode}, which is not modelled here")
        subtract = (0, self._all, self._all & ~pin("I3"))[mode]
        propagate = pin("I0") ^ pin("I1") ^ subtract
        return propagate ^ pin("CIN") if port == "SUM" else self._mux(propagate, pin("CIN"), pin("I0"))

    def _carry4(self, pin: Callable[..., int], port: str, k: int) -> int:
        carry = pin("CI") | pin("CYINIT")
        for bit in range(k + 1):
            ahead, carry = carry, self._mux(pin("S", bit), carry, pin("DI", bit))
        return pin("S", k) ^ ahead if port == "O" else carry


def differences(netlist: Mapping[str, Any], inputs: tuple[str, np.ndarray], outputs: tuple[str, np.ndarray]) -> int:
    """The number of vectors that give another output than expected.

    `inputs` and `outputs` are each (name of a register, values). The bits of the input register are set, those of the
    output register are compared. Values are bool (vectors, bits).
    """
    module, = (module for module in netlist["modules"].values() if module.get("cells"))
    vectors = len(inputs[1])
    simulation, limit = Simulation(module, vectors), sys.getrecursionlimit()
    for net, column in zip(simulation.bits(inputs[0]), inputs[1].T, strict=True):
        simulation.set(net, packed(column))
    wrong = 0
    sys.setrecursionlimit(100_000)
    try:
        for net, column in zip(simulation.bits(outputs[0]), outputs[1].T, strict=True):
            wrong |= simulation.value(net) ^ packed(column)
    finally:
        sys.setrecursionlimit(limit)
    return wrong.bit_count()


def packed(column: np.ndarray) -> int:
    """A bit for each vector, packed into one number with the first vector in the lowest bit."""
    return sum(1 << int(k) for k in np.nonzero(column)[0])
