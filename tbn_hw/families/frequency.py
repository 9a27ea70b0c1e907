"""Frequencies: the limits that data sheets give, in MHz, and what a PLL makes of its input."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MHZ = 1_000_000


def within(value: Fraction, limits: tuple[float, float]) -> bool:
    """Whether a frequency in hertz lies within `limits`, which are in MHz."""
    return limits[0] * MHZ <= value <= limits[1] * MHZ


@dataclass(frozen=True)
class Pll:
    """Dividers of a PLL, as its cell's parameters, and the resulting frequencies, in hertz."""

    input_hz: int
    output: Fraction
    vco: Fraction
    parameters: dict[str, int]

    @property
    def output_hz(self) -> int:
        """The output, to the nearest hertz."""
        return round(self.output)


Rated = tuple[tuple[Fraction, Fraction, Fraction], Pll]
"""A PLL after its rating: the output, the phase detector's and the oscillator's frequency. Higher is better."""
