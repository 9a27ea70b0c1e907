"""Open ends of carry chains: the same function, whatever the open carry input reads."""

import itertools
from typing import Any

import pytest

from tbn_hw.families.ecp5_chains import OPEN, open_ends


def half(table: int, a: int, b: int, c: int, d: int, carry: int) -> tuple[int, int]:
    """Sum and carry of half a CCU2C."""
    lut4, lut2 = table >> (a + 2 * b + 4 * c + 8 * d) & 1, table >> (a + 2 * b) & 1
    return lut4 ^ carry, carry if lut4 else lut2


def cell(init: int, carry: list, constants: str, sum_wire: list, inject: str = "NO") -> dict[str, Any]:
    return {"type": "CCU2C", "parameters": {"INIT0": f"{init:016b}", "INJECT1_0": inject}, "connections": {
        "A0": [2], "B0": [3], "C0": [constants[0]], "D0": [constants[1]], "S0": sum_wire, "S1": [5], "CIN": carry,
        "COUT": [6]}}


def opened(ccu2c: dict[str, Any], users: list[int]) -> dict[str, Any]:
    open_ends({"ports": {"y": {"bits": users}}, "cells": {"chain": ccu2c}})
    return ccu2c


@pytest.mark.parametrize("init", [0x96AA, 0x0F0F, 0x6996, 0xF000, 0x1234, 0xFFFF, 0x0000])
@pytest.mark.parametrize("constants", ["00", "01", "10", "11"])
@pytest.mark.parametrize("carry", ["0", "1"])
def test_open_start(init: int, constants: str, carry: str) -> None:
    found = opened(cell(init, [carry], constants, [4]), [2, 3, 5, 6])
    wires, table = found["connections"], int(found["parameters"]["INIT0"], 2)
    assert (wires["CIN"], wires["S0"], wires["C0"], wires["D0"]) == (OPEN, OPEN, ["1"], ["1"])
    for a, b, anything in itertools.product((0, 1), repeat=3):
        before = half(init, a, b, int(constants[0]), int(constants[1]), int(carry))
        assert half(table, a, b, 1, 1, anything)[1] == before[1]


def test_open_start_kept() -> None:
    """A carry input that is a signal, or matters for a sum that is used, stays; so does all that is used."""
    for chain, users in [(cell(0x96AA, [7], "01", [4]), [2, 3, 5, 6, 7]), (cell(0x96AA, ["0"], "01", [4]), [4, 5, 6]),
                         (cell(0x96AA, ["0"], "01", [4], "YES"), [5, 6])]:
        carry, table = chain["connections"]["CIN"], chain["parameters"]["INIT0"]
        found = opened(chain, users)
        assert (found["connections"]["CIN"], found["parameters"]["INIT0"]) == (carry, table)
        assert found["connections"]["S1"] == [5] and found["connections"]["COUT"] == [6]


def test_open_end() -> None:
    found = opened(cell(0x96AA, [7], "01", [4]), [4, 5])
    assert found["connections"]["COUT"] == OPEN and found["connections"]["S0"] == [4]
