"""The PLLs of ECP5, Gowin and iCE40: dividers for a wanted frequency, within the limits of the data sheets."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from tbn_hw.shared.errors import UsageError

MHZ = 1_000_000

ECP5_INPUT, ECP5_PHASE, ECP5_VCO, ECP5_OUTPUT = (8, 400), (10, 400), (400, 800), (3.125, 400)
"""MHz, from Lattice's ECP5 data sheet (FPGA-DS-02012), sysCLOCK PLL timing."""
ECP5_FEEDBACK, ECP5_DIVIDER = 80, 128
"""Largest feedback and other dividers, from Lattice's library reference, EHXPLLL."""

GOWIN_INPUT, GOWIN_PHASE, GOWIN_VCO, GOWIN_OUTPUT = (3, 400), (3, 400), (500, 1200), (3.90625, 600)
"""MHz that both parts have, from Gowin's data sheets GW1NR (DS117, C6/I5) and GW2AR (DS226, C8/I7), PLL parameters."""
GOWIN_DIVIDER, GOWIN_SPREAD = 64, (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)
"""The largest of the first two dividers, and those of the oscillator, from Gowin's UG286, rPLL."""

ICE40_INPUT, ICE40_PHASE, ICE40_VCO, ICE40_OUTPUT = (10, 133), (10, 133), (533, 1066), (16, 275)
"""MHz, from Lattice's iCE40 LP/HX data sheet (FPGA-DS-02029), sysCLOCK PLL timing; UltraPlus has the same."""
ICE40_FILTERS = (17, 26, 44, 66, 101)
"""MHz at the phase detector below which FILTER_RANGE is 1, 2, ...; above the last it is 6."""


@dataclass(frozen=True)
class Pll:
    """Dividers of a PLL, as its cell's parameters, and what comes of them."""

    family: str
    input_hz: int
    output: Fraction
    """In hertz."""
    vco: Fraction
    parameters: dict[str, int]

    @property
    def output_hz(self) -> int:
        """To the nearest hertz."""
        return round(self.output)


def pll(family: str, input_hz: int, wanted_hz: int) -> Pll | None:
    """The PLL whose output is nearest to `wanted_hz`, not above it; None where the input has that frequency already.

    Of several equals the one with the fastest phase detector, then the fastest oscillator, which both jitter least.
    Raises UsageError where the family has no PLL here, or none of its settings comes within a tenth of what is wanted.
    """
    if wanted_hz == input_hz:
        return None
    settings = {"ecp5": _ecp5, "gowin": _gowin, "ice40": _ice40}
    if family not in settings:
        raise UsageError(f"a board's clock can be made for {', '.join(settings)}, not for {family!r}")
    found = max(settings[family](input_hz, wanted_hz), key=lambda setting: setting[0], default=None)
    if found is None or found[1].output < Fraction(9, 10) * wanted_hz:
        raise UsageError(f"the PLL of {family} cannot make {wanted_hz / MHZ:g} MHz, or a little less, of "
                         f"{input_hz / MHZ:g} MHz")
    return found[1]


Rated = tuple[tuple[Fraction, Fraction, Fraction], Pll]


def _within(value: Fraction, limits: tuple[float, float]) -> bool:
    return limits[0] * MHZ <= value <= limits[1] * MHZ


def _ecp5(input_hz: int, wanted_hz: int) -> list[Rated]:
    """Feedback goes from CLKOP, whose divider is free; the clock is CLKOS."""
    if not _within(Fraction(input_hz), ECP5_INPUT) or not _within(Fraction(wanted_hz), ECP5_OUTPUT):
        return []
    found = []
    for reference in range(1, ECP5_DIVIDER + 1):
        phase = Fraction(input_hz, reference)
        if not _within(phase, ECP5_PHASE):
            continue
        for factor in range(1, int(ECP5_VCO[1] * MHZ / phase) + 1):
            vco = phase * factor
            output = -(-vco // wanted_hz)
            feedback = next((n for n in range(1, ECP5_FEEDBACK + 1) if factor % n == 0
                             and factor // n <= ECP5_DIVIDER and _within(vco / (factor // n), ECP5_OUTPUT)), None)
            if not _within(vco, ECP5_VCO) or feedback is None or output > ECP5_DIVIDER:
                continue
            dividers = {"CLKI_DIV": reference, "CLKFB_DIV": feedback, "CLKOP_DIV": factor // feedback,
                        "CLKOS_DIV": int(output)}
            clock = vco / output
            found.append(((clock, phase, vco), Pll("ecp5", input_hz, clock, vco, dividers)))
    return found


def _gowin(input_hz: int, wanted_hz: int) -> list[Rated]:
    """output = input * (FBDIV_SEL + 1) / (IDIV_SEL + 1); the oscillator runs at ODIV_SEL times that."""
    if not _within(Fraction(input_hz), GOWIN_INPUT):
        return []
    found = []
    for reference in range(GOWIN_DIVIDER):
        phase = Fraction(input_hz, reference + 1)
        for feedback in range(GOWIN_DIVIDER):
            clock = phase * (feedback + 1)
            if not _within(phase, GOWIN_PHASE) or not _within(clock, GOWIN_OUTPUT) or clock > wanted_hz:
                continue
            for spread in GOWIN_SPREAD:
                if _within(clock * spread, GOWIN_VCO):
                    dividers = {"IDIV_SEL": reference, "FBDIV_SEL": feedback, "ODIV_SEL": spread}
                    found.append(((clock, phase, clock * spread),
                                  Pll("gowin", input_hz, clock, clock * spread, dividers)))
    return found


def _ice40(input_hz: int, wanted_hz: int) -> list[Rated]:
    """The simple feedback path: output = input * (DIVF + 1) / (DIVR + 1) / 2**DIVQ."""
    if not _within(Fraction(input_hz), ICE40_INPUT):
        return []
    found = []
    for reference in range(16):
        phase = Fraction(input_hz, reference + 1)
        if not _within(phase, ICE40_PHASE):
            continue
        for feedback in range(128):
            vco = phase * (feedback + 1)
            if not _within(vco, ICE40_VCO):
                continue
            for halvings in range(1, 7):
                clock = vco / 2**halvings
                if clock <= wanted_hz and _within(clock, ICE40_OUTPUT):
                    filter_range = 1 + sum(phase >= limit * MHZ for limit in ICE40_FILTERS)
                    dividers = {"DIVR": reference, "DIVF": feedback, "DIVQ": halvings, "FILTER_RANGE": filter_range}
                    found.append(((clock, phase, vco), Pll("ice40", input_hz, clock, vco, dividers)))
    return found
