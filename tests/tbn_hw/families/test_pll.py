"""PLL settings: within the data sheets' limits, at or just below the wanted frequency."""

from fractions import Fraction

import pytest

from tbn_hw.families.frequency import MHZ
from tbn_hw.families.pll import pll
from tbn_hw.shared.errors import UsageError

INPUTS = (12, 16, 25, 27, 48, 50, 100)


@pytest.mark.parametrize("input_mhz", INPUTS)
@pytest.mark.parametrize("wanted_mhz", [17, 30, 48, 62.5, 77, 100, 133, 195])
def test_ecp5(input_mhz, wanted_mhz):
    found = pll("ecp5", input_mhz * MHZ, int(wanted_mhz * MHZ))
    if found is None:
        assert input_mhz == wanted_mhz
        return
    dividers = found.parameters
    phase = Fraction(input_mhz, dividers["CLKI_DIV"])
    vco = phase * dividers["CLKFB_DIV"] * dividers["CLKOP_DIV"]
    assert phase >= 10 and 400 <= vco <= 800 and found.vco == vco * MHZ
    assert all(1 <= value <= 128 for value in dividers.values()) and dividers["CLKFB_DIV"] <= 80
    assert 3.125 <= vco / dividers["CLKOP_DIV"] <= 400
    assert found.output == vco * MHZ / dividers["CLKOS_DIV"]
    assert 0.96 * wanted_mhz * MHZ < found.output <= wanted_mhz * MHZ


@pytest.mark.parametrize("input_mhz", INPUTS)
@pytest.mark.parametrize("wanted_mhz", [17, 24, 30, 48, 77, 133, 195])
def test_gowin(input_mhz, wanted_mhz):
    found = pll("gowin", input_mhz * MHZ, wanted_mhz * MHZ)
    if found is None:
        assert input_mhz == wanted_mhz
        return
    dividers = found.parameters
    phase = Fraction(input_mhz, dividers["IDIV_SEL"] + 1)
    clock = phase * (dividers["FBDIV_SEL"] + 1)
    assert 3 <= phase <= 400 and 3.90625 <= clock <= 600 and 500 <= clock * dividers["ODIV_SEL"] <= 1200
    assert 0 <= dividers["IDIV_SEL"] < 64 and 0 <= dividers["FBDIV_SEL"] < 64
    assert dividers["ODIV_SEL"] in (2, 4, 8, *range(16, 129, 16))
    assert (found.output, found.vco) == (clock * MHZ, clock * dividers["ODIV_SEL"] * MHZ)
    assert 0.9 * wanted_mhz * MHZ <= found.output <= wanted_mhz * MHZ


@pytest.mark.parametrize("input_mhz", INPUTS)
@pytest.mark.parametrize("wanted_mhz", [17, 24, 30, 48, 77, 133])
def test_ice40(input_mhz, wanted_mhz):
    found = pll("ice40", input_mhz * MHZ, wanted_mhz * MHZ)
    if found is None:
        assert input_mhz == wanted_mhz
        return
    dividers = found.parameters
    phase = Fraction(input_mhz, dividers["DIVR"] + 1)
    vco = phase * (dividers["DIVF"] + 1)
    assert 10 <= phase <= 133 and 533 <= vco <= 1066 and 16 <= found.output / MHZ <= 275
    assert 0 <= dividers["DIVR"] < 16 and 0 <= dividers["DIVF"] < 128 and 1 <= dividers["DIVQ"] < 7
    assert found.output == vco * MHZ / 2**dividers["DIVQ"]
    assert 0.9 * wanted_mhz * MHZ < found.output <= wanted_mhz * MHZ


def test_known_settings():
    """The settings equal those of Lattice's and others' tools: 12 to 48 and to 60 MHz on iCE40, 25 to 50 MHz on ECP5.
    For a GW2AR, 27 to 54 MHz, they equal those of Apicula's tool."""
    assert pll("ice40", 12 * MHZ, 48 * MHZ).parameters == {"DIVR": 0, "DIVF": 63, "DIVQ": 4, "FILTER_RANGE": 1}
    assert pll("ice40", 12 * MHZ, 60 * MHZ).parameters == {"DIVR": 0, "DIVF": 79, "DIVQ": 4, "FILTER_RANGE": 1}
    assert pll("ecp5", 25 * MHZ, 50 * MHZ).output_hz == 50 * MHZ
    assert pll("gowin", 27 * MHZ, 54 * MHZ).parameters == {"IDIV_SEL": 0, "FBDIV_SEL": 1, "ODIV_SEL": 16}


def test_pll_wrong():
    with pytest.raises(UsageError, match="^the PLL of ice40 cannot make 8 MHz, or a little less, of 12 MHz$"):
        pll("ice40", 12 * MHZ, 8 * MHZ)
    with pytest.raises(UsageError, match="^the PLL of ecp5 cannot make 500 MHz, or a little less, of 25 MHz$"):
        pll("ecp5", 25 * MHZ, 500 * MHZ)
    with pytest.raises(UsageError, match="^the PLL of ecp5 cannot make 50 MHz, or a little less, of 5 MHz$"):
        pll("ecp5", 5 * MHZ, 50 * MHZ)
    with pytest.raises(UsageError, match="^the PLL of gowin cannot make 3.5 MHz, or a little less, of 27 MHz$"):
        pll("gowin", 27 * MHZ, 3_500_000)
    with pytest.raises(UsageError, match="^the PLL of gowin cannot make 50 MHz, or a little less, of 2 MHz$"):
        pll("gowin", 2 * MHZ, 50 * MHZ)
