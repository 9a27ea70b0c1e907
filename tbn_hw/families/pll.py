"""The PLL setting for a wanted frequency, on any family with boards."""

from __future__ import annotations

from fractions import Fraction

from tbn_hw.families.frequency import MHZ, Pll
from tbn_hw.families.registry import board_facts
from tbn_hw.shared.errors import UsageError


def pll(family: str, input_hz: int, wanted_hz: int) -> Pll | None:
    """The PLL with the output nearest to `wanted_hz`, not above it; None if the input has that frequency already.

    Among equals it is the one with the fastest phase detector, then the fastest oscillator: these jitter least. Raises
    UsageError if the family has no boards, or if no setting comes within a tenth of the wanted frequency.
    """
    if wanted_hz == input_hz:
        return None
    settings = board_facts(family).pll.settings(input_hz, wanted_hz)
    found = max(settings, key=lambda setting: setting[0], default=None)
    if found is None or found[1].output < Fraction(9, 10) * wanted_hz:
        raise UsageError(f"the PLL of {family} cannot make {wanted_hz / MHZ:g} MHz, or a little less, of "
                         f"{input_hz / MHZ:g} MHz")
    return found[1]
