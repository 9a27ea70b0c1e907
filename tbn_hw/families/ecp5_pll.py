"""The PLL of ECP5, EHXPLLL: its dividers within the limits of the data sheet, and its cell."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tbn_hw.families.frequency import MHZ, Pll, Rated, within

INPUT, PHASE, VCO, OUTPUT = (8, 400), (10, 400), (400, 800), (3.125, 400)
"""MHz, from Lattice's ECP5 data sheet (FPGA-DS-02012), sysCLOCK PLL timing."""
FEEDBACK, DIVIDER = 80, 128
"""The largest feedback divider, and the largest of the others, from Lattice's library reference, EHXPLLL."""


def settings(input_hz: int, wanted_hz: int) -> Iterator[Rated]:
    """Settings of the dividers. The feedback comes from CLKOP, and its divider is free; the clock is CLKOS."""
    if not within(Fraction(input_hz), INPUT) or not within(Fraction(wanted_hz), OUTPUT):
        return
    for reference in range(1, DIVIDER + 1):
        phase = Fraction(input_hz, reference)
        if not within(phase, PHASE):
            continue
        for factor in range(1, int(VCO[1] * MHZ / phase) + 1):
            vco = phase * factor
            output = -(-vco // wanted_hz)
            feedback = next((n for n in range(1, FEEDBACK + 1) if factor % n == 0
                             and factor // n <= DIVIDER and within(vco / (factor // n), OUTPUT)), None)
            if not within(vco, VCO) or feedback is None or output > DIVIDER:
                continue
            dividers = {"CLKI_DIV": reference, "CLKFB_DIV": feedback, "CLKOP_DIV": factor // feedback,
                        "CLKOS_DIV": int(output)}
            clock = vco / output
            yield (clock, phase, vco), Pll(input_hz, clock, vco, dividers)


def instance(pll: Pll, input_mhz: str, clock_mhz: str, pad: bool) -> str:
    """Verilog of the cell; the attributes in its second line are its analogue settings."""
    dividers = pll.parameters
    return f"""\
  wire feedback;
  (* FREQUENCY_PIN_CLKI = "{input_mhz}" *) (* FREQUENCY_PIN_CLKOS = "{clock_mhz}" *)
  (* ICP_CURRENT = "12" *) (* LPF_RESISTOR = "8" *) (* MFG_ENABLE_FILTEROPAMP = "1" *) (* MFG_GMCREF_SEL = "2" *)
  EHXPLLL #(
    .PLLRST_ENA("DISABLED"), .INTFB_WAKE("DISABLED"), .STDBY_ENABLE("DISABLED"), .DPHASE_SOURCE("DISABLED"),
    .FEEDBK_PATH("CLKOP"), .OUTDIVIDER_MUXA("DIVA"), .OUTDIVIDER_MUXB("DIVB"),
    .CLKOP_ENABLE("ENABLED"), .CLKOP_CPHASE({dividers["CLKOP_DIV"] - 1}), .CLKOP_FPHASE(0),
    .CLKOS_ENABLE("ENABLED"), .CLKOS_CPHASE({dividers["CLKOS_DIV"] - 1}), .CLKOS_FPHASE(0),
    {", ".join(f".{name}({value})" for name, value in dividers.items())}
  ) pll (
    .CLKI(clk), .CLKFB(feedback), .CLKOP(feedback), .CLKOS(clock), .LOCK(locked),
    .RST(1'b0), .STDBY(1'b0), .PHASESEL0(1'b0), .PHASESEL1(1'b0), .PHASEDIR(1'b0), .PHASESTEP(1'b0),
    .PHASELOADREG(1'b0), .PLLWAKESYNC(1'b0), .ENCLKOP(1'b0), .ENCLKOS(1'b0)
  );"""
