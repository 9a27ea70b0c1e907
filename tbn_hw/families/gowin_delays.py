"""Delays of Gowin cells and wires, from Apycula's database.

Of the four values that an arc has there the slowest is taken. Where the table leaves a choice, the slower one holds:
- Each input of a MUX2 takes as long as the slowest of its three arcs in the table.
- LUT RAM is read through the table of a LUT, so a read takes no less than the slowest input of one. A written word is
  seen after the clock's delay and such a read.
- All inputs of a block RAM are set up as early as the earliest of them. An output without a register takes `bypass`.
- A long wire, of which nextpnr has no delay, takes what the table gives for the same piece of the secondary clock net.
- A wire's delay grows with its loads at the rate of the table, at the outputs of cells too.

The database has no delays of multipliers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

from tbn_hw.shared.errors import PlacementError

LUT_ARCS = {"I0": "a_f", "I1": "b_f", "I2": "c_f", "I3": "d_f"}
SUM_ARCS = {"I0": "a_f", "I1": "b_f", "I3": "d_f", "CIN": "fci_f0"}
CARRY_ARCS = {"I0": "a0_fco", "I1": "b0_fco", "I3": "d0_fco", "CIN": "fci_fco"}
MUX_ARCS = ("m0_ofx0", "m1_ofx1", "fx_ofx1")
FLOP = r"DFFN?[SRPC]?E?"
LUT_RAM = r"RAM16SDP[124]"
BLOCK_RAM = r"(SP|SDP|DP)(X9)?B?|p?ROM(X9)?"
CLOCKED = f"{FLOP}|{LUT_RAM}|{BLOCK_RAM}"
LONG_WIRES = {"LW_SPAN": "CENT_SPINE_SCLK", "LW_TAP": "SPINE_TAP_SCLK_0", "LW_TAP_0": "SPINE_TAP_SCLK_0",
              "LW_BRANCH": "BRANCH_SCLK", "GCLK_BRANCH": "BRANCH_PCLK"}
LOADS = {"LUT_OUT": "F", "FF_OUT": "Q", "OF": "OF", "X0": "X0", "X2": "X2", "X8": "X8"}
AT_CELLS = ("LUT_OUT", "FF_OUT", "OF", "LUT_IN", "DI", "SEL", "CIN", "COUT", "VCC", "VSS", "ISB")
"""Classes of wires that have no delay beside that of their loads."""


@dataclass(frozen=True)
class Delays:
    """Apycula's delays of one speed grade, in ns, the class of each wire, and the size of the grid in tiles."""

    groups: Mapping[str, Mapping[str, Any]]
    classes: Mapping[str, str]
    columns: int
    rows: int
    segments: Sequence[tuple[int, int, range, range]]
    """Of each long wire along columns: its column, its number, and the columns and rows that its branches reach."""

    def arc(self, group: str, *names: str) -> float:
        """The slowest of the named arcs."""
        return max(float(value) for name in names for value in self.groups[group][name])

    def wire(self, name: str, loads: int) -> float:
        """The delay of a wire with this many loads. Raises PlacementError for a wire without one."""
        kind = self.classes.get(name, "")
        fan, table = LOADS.get(kind), self.groups["fanout"]
        # the table spells one of the numbers without the "F" of "Fan"
        number = table.get(f"{fan}FanNum", table.get("OFFanNum"))
        loaded = loads * self.arc("fanout", f"{fan}Fan") / number if fan else 0.0
        if kind in AT_CELLS:
            return loaded
        for group, key in (("wire", kind), ("glbsrc", LONG_WIRES.get(kind, kind)), ("hclk", kind)):
            if key in self.groups[group]:
                return self.arc(group, key) + loaded
        raise PlacementError(f"the clock cannot be bounded: Apycula's database has no delay of the wire {name}")

    def through(self, kind: str, source: str, target: str) -> float | None:
        """From an input to an output of a cell with no clock between; None if no path leads through."""
        if re.fullmatch("LUT[1-4]", kind):
            return self.arc("lut", LUT_ARCS[source])
        if re.fullmatch("MUX2_LUT[5-8]", kind):
            return self.arc("lut", *MUX_ARCS)
        if kind == "ALU":
            arcs = SUM_ARCS if target == "SUM" else CARRY_ARCS
            return self.arc("alu", *([arcs[source]] if source in arcs else arcs.values()))
        if re.fullmatch(LUT_RAM, kind):
            return self._read() if source == "RAD" else None
        if re.fullmatch(FLOP, kind):
            return self.arc("dff", "lsr_q") if source in ("PRESET", "CLEAR") else None
        if re.fullmatch(BLOCK_RAM, kind):
            return None
        raise PlacementError(f"the clock cannot be bounded: there is no delay of the cell {kind}")

    def launch(self, kind: str, parameters: Mapping[str, str]) -> float:
        """From the clock to an output of a cell of CLOCKED."""
        if re.fullmatch(FLOP, kind):
            return self.arc("dff", "clk_qpos", "clk_qneg")
        if re.fullmatch(LUT_RAM, kind):
            return self.arc("sram", "clk_do") + self._read()
        modes = [int(value, 2) for name, value in parameters.items() if name.startswith("READ_MODE")]
        end = "" if modes and all(modes) else "_bypass"
        return self.arc("bram", *(f"{name}{end}" for name in ("clk_do", "clka_doa", "clkb_dob", "clkb_do")))

    def setup(self, kind: str, port: str) -> float:
        """From an input of a cell of CLOCKED to its clock."""
        if re.fullmatch(FLOP, kind):
            return self.arc("dff", "di_clksetpos", "di_clksetneg") if port == "D" else self.arc(
                "dff", *(name for name in self.groups["dff"] if re.match("(ce|lsr)_clkset", name)))
        group = "sram" if re.fullmatch(LUT_RAM, kind) else "bram"
        return self.arc(group, *(name for name in self.groups[group] if "_set" in name))

    def _read(self) -> float:
        return max(self.arc("lut", *LUT_ARCS.values()), self.arc("sram", *(f"rad{n}_do" for n in range(4))))


def delays(part: str, package: str) -> Delays:
    """The delays of a die such as GW1N-9C. The package's name ends with the speed grade.

    Raises PlacementError for a grade that the database lacks.
    """
    from apycula.chipdb import load_chipdb  # large, and only place and route needs it

    grade = re.search(r"C\d/I\d$", package)
    with as_file(files("apycula").joinpath(f"{part}.msgpack.xz")) as path:
        chip = load_chipdb(str(path))
    if grade is None or grade[0] not in chip.timing:
        raise PlacementError(f"Apycula's database has no delays of the speed grade of {package}")
    segments = [(column, number, range(found["min_x"], found["max_x"] + 1), range(found["min_y"], found["max_y"] + 1))
                for (_, column, number), found in chip.segments.items()]
    return Delays(chip.timing[grade[0]], chip.wire_delay, chip.cols, chip.rows, segments)
