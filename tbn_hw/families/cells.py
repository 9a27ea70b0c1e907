"""What a family's cells cost, in LUTs, flip-flops, block RAMs and multipliers, and the Yosys script that maps to them.

- ECP5: a LUT is a LUT4. A CCU2C (two bits of carry chain) takes the place of two; a TRELLIS_DPR16X4 (16x4 bits of RAM)
  of four that hold the bits and two that the write port blocks. PFUMX and L6MUX21 join LUT4s and cost none. A block RAM
  is one of 18 Kbit.
- Gowin: a LUT is a LUT4. An ALU (a bit of carry chain) takes the place of one, a RAM16SDP4 (16x4 bits of RAM) of four.
  MUX2_LUTn join LUT4s and cost none. A block RAM is one of 18 Kbit.
- iCE40: a LUT is a logic cell that holds an SB_LUT4 or an SB_CARRY. The two share a cell where the LUT adds: its I1 and
  I2 are the carry's operands and I3 the carry's input. A block RAM is one of 4 Kbit.
- Xilinx 7: a LUT is a LUT6, also where it computes less; LUT6_2 is one. LUT RAMs and shift registers take one to eight;
  CARRY4 and MUXF7/8 cost none, an INV that Yosys leaves is a LUT. A block RAM is one of 36 Kbit, so a RAMB18 is a half.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Family:
    """A device family. The four tables give what a cell costs, by a pattern for the whole name of its type."""

    command: str
    """The Yosys command that maps to the family."""
    lut: Mapping[str, float]
    ff: str
    bram: Mapping[str, float]
    dsp: Mapping[str, float]
    free: str
    """Pattern of the cells that cost nothing."""
    shared_carries: bool = field(default=False)
    """Whether a carry cell may share its place with a LUT, which only the netlist tells."""


FAMILIES = {
    # -no-rw-check: no memory here is read where it is being written, so none needs registers that keep the old word
    # -nowidelut: on popcount trees the PFUMX mapping takes 1.7 times as many LUT4
    "ecp5": Family("synth_ecp5 -nowidelut -no-rw-check",
                   lut={"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}, ff="TRELLIS_FF",
                   bram={"DP16KD|PDPW16KD": 1}, dsp={"MULT18X18D": 1, "MULT9X9D": 0.5}, free="PFUMX|L6MUX21|ALU54B"),
    # -family only tells which black boxes there are, and those that are used here all have
    "gowin": Family("synth_gowin -family gw2a -nowidelut -noiopads -no-rw-check",
                    lut={"LUT[1-4]|ALU": 1, "RAM16SDP4": 4, "RAM16SDP2": 4, "RAM16SDP1": 4}, ff="DFF(S|R|P|C)?E?",
                    bram={"SP(X9)?|S?DP(X9)?B": 1}, dsp={"MULT18X18": 1, "MULT9X9": 0.5, "MULT36X36": 4},
                    free="MUX2_LUT[5-8]|GND|VCC"),
    "ice40": Family("synth_ice40 -no-rw-check",
                    lut={"SB_LUT4": 1}, ff="SB_DFFN?(E?(SR|R|SS|S)?)",
                    bram={"SB_RAM40_4K(NR|NW|NRNW)?": 1}, dsp={"SB_MAC16": 1}, free="SB_CARRY", shared_carries=True),
    "xc7": Family("synth_xilinx -family xc7 -flatten -noiopad -noclkbuf",
                  lut={"LUT[1-6]|LUT6_2|INV|SRL16E|SRLC16E|SRLC32E|RAM(32|64)X1S(_1)?": 1,
                       "RAM(16|32|64)X1D(_1)?|RAM128X1S(_1)?|RAM32X2S": 2,
                       "RAM32M|RAM64M|RAM128X1D(_1)?|RAM256X1S|RAM64X2S": 4, "RAM32M16|RAM64M8|RAM256X1D": 8},
                  ff="FD[RCSP]E(_1)?|LD[CP]E", bram={"RAMB36E1": 1, "RAMB18E1": 0.5}, dsp={"DSP48E1": 1},
                  free="CARRY4|MUXF[78]|GND|VCC"),
}

FIGURES = ("lut", "ff", "bram", "dsp")


def count(family: Family, cells: Mapping[str, int]) -> dict[str, float]:
    """The four figures of a bag of cells, unshared carries aside; raises ValueError for a foreign one."""
    figures = dict.fromkeys(FIGURES, 0.0)
    for cell, number in cells.items():
        prices = {figure: _price(table, cell) for figure, table in
                  (("lut", family.lut), ("ff", {family.ff: 1}), ("bram", family.bram), ("dsp", family.dsp))}
        if not any(prices.values()) and not re.fullmatch(family.free + r"|\$scopeinfo", cell):
            raise ValueError(f"cell {cell} is not one of the target's")
        for figure, price in prices.items():
            figures[figure] += price * number
    return {figure: whole(value) for figure, value in figures.items()}


def whole(value: float) -> float:
    """A number as an int where it is one: only a block RAM or a multiplier can be half used."""
    return int(value) if value == int(value) else value


def unshared_carries(netlist: Mapping[str, Any], top: str) -> int:
    """The SB_CARRY cells of a Yosys JSON netlist that no SB_LUT4 can share a logic cell with.

    A constant operand or carry counts as a match of the same constant, as it does when the cells are placed.
    """
    cells = netlist["modules"][top]["cells"].values()
    adders: Counter[tuple[Any, ...]] = Counter()
    carries: Counter[tuple[Any, ...]] = Counter()
    for cell in cells:
        wires = {port: bits[0] for port, bits in cell["connections"].items() if bits}
        if cell["type"] == "SB_LUT4":
            adders[wires.get("I1"), wires.get("I2"), wires.get("I3")] += 1
        elif cell["type"] == "SB_CARRY":
            carries[wires.get("I0"), wires.get("I1"), wires.get("CI")] += 1
    return (carries - adders).total()


def _price(table: Mapping[str, float], cell: str) -> float:
    return next((price for pattern, price in table.items() if re.fullmatch(pattern, cell)), 0)
