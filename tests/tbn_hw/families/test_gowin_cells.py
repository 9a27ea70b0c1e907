"""Gowin cells in the form that nextpnr gets: the changes, and that the function stays the same."""

import copy
import itertools
from typing import Any

import pytest

from tbn_hw.families.gowin_cells import mend


def cell(kind: str, parameters: dict[str, str], **wires: Any) -> dict[str, Any]:
    return {"type": kind, "parameters": parameters, "connections": {port: [bit] for port, bit in wires.items()}}


def mended(**cells: dict[str, Any]) -> dict[str, Any]:
    mend({"cells": cells, "ports": {}, "netnames": {}})
    return cells


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_luts(inputs: int) -> None:
    """They become LUT4s. The added inputs do not change the result."""
    for table in range(1 << (1 << inputs)):
        wires = {f"I{n}": 2 + n for n in range(inputs)} | {"F": 9}
        found = mended(lut=cell(f"LUT{inputs}", {"INIT": format(table, f"0{1 << inputs}b")}, **wires))["lut"]
        assert found["type"] == "LUT4" and found["connections"] == {port: [bit] for port, bit in wires.items()}
        whole = int(found["parameters"]["INIT"], 2)
        assert len(found["parameters"]["INIT"]) == 16
        assert all(whole >> value & 1 == table >> value % (1 << inputs) & 1 for value in range(16))


def test_luts_with_a_table_of_another_width() -> None:
    """Yosys writes a parameter in as many digits as its Verilog had."""
    for text in ("10", format(2, "032b"), "0010"):
        assert mended(lut=cell("LUT1", {"INIT": text}, I0=2, F=3))["lut"]["parameters"]["INIT"] == "10" * 8
    assert mended(lut=cell("LUT2", {"INIT": "1"}, I0=2, I1=3, F=4))["lut"]["parameters"]["INIT"] == "0001" * 4
    whole = cell("LUT4", {"INIT": "0110100110010110"}, I0=2, I1=3, I2=4, I3=5, F=6)
    assert mended(lut=dict(whole))["lut"] == whole


@pytest.mark.parametrize("kind", ["SP", "SPX9", "SDPB", "SDPX9B"])
def test_output_enables(kind: str) -> None:
    """Without an output register its enable becomes the port's own. With a register it stays."""
    own = "CEB" if kind.startswith("SD") else "CE"
    for mode in ("0", "1", format(0, "032b")):
        found = mended(ram=cell(kind, {"READ_MODE": mode}, CE=2, CEB=3, OCE="1"))["ram"]["connections"]
        assert found["OCE"] == (["1"] if mode == "1" else found[own])


@pytest.mark.parametrize("kind", ["DPB", "DPX9B"])
def test_output_enables_of_two_ports(kind: str) -> None:
    for first, second in itertools.product("01", repeat=2):
        found = mended(ram=cell(kind, {"READ_MODE0": first, "READ_MODE1": second}, CEA=2, CEB=3, OCEA="1", OCEB="1"))
        wires = found["ram"]["connections"]
        assert (wires["OCEA"], wires["OCEB"]) == (["1"] if first == "1" else [2], ["1"] if second == "1" else [3])


def alu(**wires: Any) -> dict[str, Any]:
    return cell("ALU", {}, I0=20, **wires)


def test_carries_that_stay() -> None:
    """Constants stay, and an ALU's carry to one chain. A chain's last carry may go anywhere but into a second chain."""
    cells = {"low": cell("GND", {}, G=8), "high": cell("VCC", {}, V=9), "start": alu(CIN="0", COUT=3),
             "one": alu(CIN=8), "also": alu(CIN=8), "two": alu(CIN=9), "more": alu(CIN=3, COUT=4),
             "use": cell("LUT4", {}, I0=4, I1=4)}
    assert mended(**copy.deepcopy(cells)) == cells


@pytest.mark.parametrize("other", ["lut", "port", "chain", "logic"])
def test_carry_heads(other: str) -> None:
    """A signal, or a carry with another use, comes into a chain as the carry of an ALU that adds 1 to it."""
    cells = {"start": alu(CIN="1", COUT=3), "more": alu(CIN=2 if other == "logic" else 3), "bit": cell("DFF", {}, Q=2)}
    cells |= {"lut": cell("LUT4", {}, I0=3)} if other == "lut" else {"twin": alu(CIN=3)} if other == "chain" else {}
    ports = {"y": {"bits": [3]}} if other == "port" else {}
    mend({"cells": cells, "ports": ports, "netnames": {"unused": {"bits": [21, 22]}}})
    chains = ["more", "twin"] if other == "chain" else ["more"]
    assert cells["start"]["connections"]["CIN"] == ["1"] and len(cells) == 3 + len(chains) + (other in ("lut", "chain"))
    for wire, name in enumerate(chains, 23):
        head = cells[f"{name}$head"]
        assert cells[name]["connections"]["CIN"] == [wire] and int(head["parameters"]["ALU_MODE"], 2) == 2
        assert head["connections"] == {"I0": [2 if other == "logic" else 3], "I1": ["1"], "I3": ["1"], "CIN": ["0"],
                                       "COUT": [wire], "SUM": ["x"]}
        assert head["port_directions"].keys() == head["connections"].keys()
