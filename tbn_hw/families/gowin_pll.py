"""The PLL of Gowin, rPLL: its dividers within the limits of the data sheets, and its cell."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tbn_hw.families.frequency import Pll, Rated, within

INPUT, PHASE, VCO, OUTPUT = (3, 400), (3, 400), (500, 1200), (3.90625, 600)
"""MHz, for both parts, from Gowin's data sheets GW1NR (DS117, C6/I5) and GW2AR (DS226, C8/I7), PLL parameters."""
DIVIDER, SPREAD = 64, (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
"""The largest value of the first two dividers, and all values of the oscillator's, from Gowin's UG286, rPLL."""


def settings(input_hz: int, wanted_hz: int) -> Iterator[Rated]:
    """output = input * (FBDIV_SEL + 1) / (IDIV_SEL + 1); the oscillator runs at ODIV_SEL times that."""
    if not within(Fraction(input_hz), INPUT):
        return
    for reference in range(DIVIDER):
        phase = Fraction(input_hz, reference + 1)
        for feedback in range(DIVIDER):
            clock = phase * (feedback + 1)
            if not within(phase, PHASE) or not within(clock, OUTPUT) or clock > wanted_hz:
                continue
            for spread in SPREAD:
                if within(clock * spread, VCO):
                    dividers = {"IDIV_SEL": reference, "FBDIV_SEL": feedback, "ODIV_SEL": spread}
                    yield (clock, phase, clock * spread), Pll(input_hz, clock, clock * spread, dividers)


def instance(pll: Pll, input_mhz: str, clock_mhz: str, pad: bool) -> str:
    """Verilog of the cell."""
    return f"""\
  // without its DEVICE, which Apycula is told otherwise
  rPLL #(
    .FCLKIN("{input_mhz}"),
    {", ".join(f".{name}({value})" for name, value in pll.parameters.items())}
  ) pll (
    .CLKIN(clk), .CLKFB(1'b0), .RESET(1'b0), .RESET_P(1'b0), .FBDSEL(6'd0), .IDSEL(6'd0), .ODSEL(6'd0),
    .PSDA(4'd0), .DUTYDA(4'd0), .FDLY(4'd0), .CLKOUT(clock), .LOCK(locked)
  );"""
