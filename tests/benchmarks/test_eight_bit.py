"""The table of 8-bit layers."""

import csv

import pytest

from benchmarks.eight_bit import main

pytestmark = pytest.mark.yosys

PAIR = 26
"""LUTs of the pair of registers that a unit has at its output."""


@pytest.mark.parametrize("family, limit", [("ecp5", 250 + PAIR), ("ice40", 200 + PAIR)])
def test_eight_bit(tmp_path, family, limit):
    """A classifier's product in LUTs only, and in a multiplier."""
    assert main(["--families", family, "--layers", "tbn_resnet classifier 1x1", "--output", str(tmp_path)]) == 0
    with (tmp_path / "eight_bit.csv").open() as file:
        without, multiplier = csv.DictReader(file)
    assert (without["dsp"], multiplier["dsp"]) == ("0", "1")
    assert int(multiplier["lut"]) < 0.6 * int(without["lut"]) < 0.6 * limit
    assert (tmp_path / "eight_bit.png").read_bytes().startswith(b"\x89PNG")
