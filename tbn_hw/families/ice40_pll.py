"""The PLL of iCE40, SB_PLL40: its dividers within the limits of the data sheet, and its cell."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tbn_hw.families.frequency import MHZ, Pll, Rated, within

INPUT, PHASE, VCO, OUTPUT = (10, 133), (10, 133), (533, 1066), (16, 275)
"""MHz, from Lattice's iCE40 LP/HX data sheet (FPGA-DS-02029), sysCLOCK PLL timing; UltraPlus has the same."""
FILTERS = (17, 26, 44, 66, 101)
"""Limits of the phase detector's frequency in MHz. Below the first FILTER_RANGE is 1, below the second 2, and so on;
from the last on it is 6."""


def settings(input_hz: int, wanted_hz: int) -> Iterator[Rated]:
    """The simple feedback path: output = input * (DIVF + 1) / (DIVR + 1) / 2**DIVQ."""
    if not within(Fraction(input_hz), INPUT):
        return
    for reference in range(16):
        phase = Fraction(input_hz, reference + 1)
        if not within(phase, PHASE):
            continue
        for feedback in range(128):
            vco = phase * (feedback + 1)
            if not within(vco, VCO):
                continue
            for halvings in range(1, 7):
                clock = vco / 2**halvings
                if clock <= wanted_hz and within(clock, OUTPUT):
                    filter_range = 1 + sum(phase >= limit * MHZ for limit in FILTERS)
                    dividers = {"DIVR": reference, "DIVF": feedback, "DIVQ": halvings, "FILTER_RANGE": filter_range}
                    yield (clock, phase, vco), Pll(input_hz, clock, vco, dividers)


def instance(pll: Pll, input_mhz: str, clock_mhz: str, pad: bool) -> str:
    """Verilog of the cell. Another cell is used if the PLL's input is the pin beside it (`pad`)."""
    cell, port = ("SB_PLL40_PAD", "PACKAGEPIN") if pad else ("SB_PLL40_CORE", "REFERENCECLK")
    widths = {"DIVR": 4, "DIVF": 7, "DIVQ": 3, "FILTER_RANGE": 3}
    return f"""\
  {cell} #(
    .FEEDBACK_PATH("SIMPLE"), .PLLOUT_SELECT("GENCLK"),
    {", ".join(f".{name}({width}'d{pll.parameters[name]})" for name, width in widths.items())}
  ) pll (
    .{port}(clk), .PLLOUTGLOBAL(clock), .LOCK(locked), .RESETB(1'b1), .BYPASS(1'b0)
  );"""
