"""The bound on the period of routed Gowin netlists, on netlists made by hand with delays that are easy to add."""

from typing import Any

import pytest

from tbn_hw.families.gowin_delays import Delays, delays
from tbn_hw.families.gowin_timing import analyse
from tbn_hw.shared.errors import PlacementError

FAN = {f"{name}Fan": [0.0] for name in ("F", "Q", "OF", "X0", "X2", "X8")}
NUMBER = {f"{name}FanNum": 10 for name in ("F", "Q", "X0", "X2", "X8")} | {"OFFanNum": 10}
TABLE = Delays(
    groups={
        "lut": {"a_f": [1.0, 0.5], "b_f": [0.9], "c_f": [0.8], "d_f": [0.7], "m0_ofx0": [0.4], "m1_ofx1": [0.5],
                "fx_ofx1": [0.2]},
        "alu": {"a_f": [1.1], "b_f": [1.2], "d_f": [1.3], "a0_fco": [0.6], "b0_fco": [0.65], "d0_fco": [0.55],
                "fci_fco": [0.05], "fci_f0": [0.5]},
        "sram": {**{f"rad{n}_do": [0.3] for n in range(4)}, "clk_do": [0.4], "clk_di_set": [0.04]},
        "dff": {"di_clksetpos": [0.2], "di_clksetneg": [0.1], "clk_qpos": [0.3], "clk_qneg": [0.3], "lsr_q": [1.5],
                "ce_clksetpos": [0.05], "lsr_clksetpos_syn": [0.06]},
        "bram": {**dict.fromkeys(("clk_do", "clka_doa", "clkb_dob", "clkb_do"), [0.8]),
                 **dict.fromkeys(("clk_do_bypass", "clka_doa_bypass", "clkb_dob_bypass", "clkb_do_bypass"), [3.5]),
                 "clk_ad_set": [0.25]},
        "fanout": FAN | NUMBER,
        "wire": {"X2": [0.4], "X8": [0.6]}, "glbsrc": {"SPINE_TAP_SCLK_0": [0.7], "BRANCH_SCLK": [0.1]}, "hclk": {},
    },
    classes={"F0": "LUT_OUT", "N200": "X2", "N201": "X2", "S201": "X2", "N202": "X2",
             "LT01": "LW_TAP", "LB31": "LW_BRANCH", "X": "?"}, columns=10, rows=10,
    segments=[(1, 3, range(10), range(10))])


def cell(kind: str, *, at: str = "X1Y1", **ports: Any) -> dict[str, Any]:
    """A cell; the ports named as outputs in `OUT` drive, the others read."""
    bits = {port: bit if isinstance(bit, list) else [bit] for port, bit in ports.items()}
    return {"type": kind, "parameters": {}, "attributes": {"NEXTPNR_BEL": f"{at}/BEL"}, "connections": bits,
            "port_directions": {port: "output" if port in OUT else "input" for port in bits}}


OUT = ("F", "O", "Q", "SUM", "COUT", "DO", "DOUT")
HERE = "X1Y1/F0;;1"
"""A wire that ends where it begins."""


def period(routes: dict[int, str] | None = None, **cells: dict[str, Any]) -> float:
    bits = {bit for one in cells.values() for found in one["connections"].values() for bit in found}
    names = {f"n{bit}": {"bits": [bit], "attributes": {"ROUTING": (routes or {}).get(bit, HERE)}} for bit in bits}
    return analyse({"cells": cells, "netnames": names}, TABLE).period_ns


FIRST, LAST = cell("DFF", CLK=1, D=2, Q=10), cell("DFFE", CLK=1, D=20, Q=21)
CASES = [  # a cell from net `a` to net `b`, and its delay
    ("LUT1", "F", {"I0": "a"}, 1.0), ("LUT2", "F", {"I1": "a"}, 0.9), ("LUT3", "F", {"I2": "a"}, 0.8),
    ("LUT4", "F", {"I3": "a"}, 0.7), *((f"MUX2_LUT{n}", "O", {pin: "a"}, 0.5) for n in (5, 6, 7, 8)
                                      for pin in ("I0", "I1", "S0")),
    ("ALU", "SUM", {"I0": "a"}, 1.1), ("ALU", "SUM", {"CIN": "a"}, 0.5), ("ALU", "COUT", {"I1": "a"}, 0.65),
    ("ALU", "COUT", {"CIN": "a"}, 0.05), ("ALU", "COUT", {"I2": "a"}, 0.65), ("RAM16SDP4", "DO", {"RAD": "a"}, 1.0),
    ("DFFC", "Q", {"CLEAR": "a"}, 1.5), ("DFFP", "Q", {"PRESET": "a"}, 1.5),
]


@pytest.mark.parametrize(("kind", "out", "inputs", "delay"), CASES)
@pytest.mark.parametrize("length", [1, 3])
def test_chain(kind: str, out: str, inputs: dict[str, str], delay: float, length: int) -> None:
    """A chain takes the clock's delay, each of its cells, and the setup. So a longer one is slower."""
    nets = [10, *range(30, 29 + length), 20]
    cells = {f"c{n}": cell(kind, **{out: nets[n + 1]}, **dict.fromkeys(inputs, nets[n])) for n in range(length)}
    start = 0.4 if kind == "RAM16SDP4" else 0.3  # what was just written comes later than what a flip-flop holds
    assert period(first=FIRST, last=LAST, **cells) == pytest.approx(start + length * delay + 0.2)


def test_block_ram() -> None:
    """Without its register an output takes the longer time. Any input is set up as early as the earliest."""
    block = cell("SDPB", CLKA=1, ADA0=10, DO=20)
    assert period(first=FIRST, ram=block) == pytest.approx(0.3 + 0.25)
    assert period(ram=block, last=LAST) == pytest.approx(3.5 + 0.2)
    block["parameters"] = {"READ_MODE": "1"}
    assert period(ram=block, last=LAST) == pytest.approx(0.8 + 0.2)
    block["parameters"] = {"READ_MODE0": "1", "READ_MODE1": "0"}
    assert period(ram=block, last=LAST) == pytest.approx(3.5 + 0.2)


def test_written_word() -> None:
    ram = cell("RAM16SDP4", CLK=1, DI=[10, 11], DO=[20, 22])
    assert period(ram=ram, last=LAST) == pytest.approx(0.4 + 1.0 + 0.2)
    assert period(first=FIRST, ram=ram) == pytest.approx(0.3 + 0.04)


def test_enable() -> None:
    assert period(first=FIRST, last=cell("DFFE", CLK=1, CE=10, Q=21)) == pytest.approx(0.3 + 0.06)


@pytest.mark.parametrize(("route", "at", "delay"), [
    ("X1Y5/F0;;1;X1Y5/N200;X1Y5/N200/F0;1;X1Y3/D1;X1Y3/D1/N202;1", "X1Y3", 0.4),  # two tiles up
    ("X1Y0/F0;;1;X1Y0/N200;X1Y0/N200/F0;1;X1Y0/D1;X1Y0/D1/S201;1", "X1Y0", 0.4),  # turned round at the rim
    ("X1Y5/F0;;1;X1Y5/N200;X1Y5/N200/F0;1;X1Y3/D1;X1Y3/D1/N202;1;X1Y4/N200;X1Y4/N200/N201;1;"
     "X1Y2/D1;X1Y2/D1/N202;1", "X1Y3", 0.4),  # the branch to another tile does not count
    ("X1Y5/F0;;1;X1Y5/N200;X1Y5/N200/F0;1;X1Y3/D1;X1Y3/D1/N202;1;X1Y4/N200;X1Y4/N200/N201;1;"
     "X1Y2/D1;X1Y2/D1/N202;1", "X1Y2", 0.8),
    ("X1Y5/F0;;1;X1Y5/N200;X1Y5/N200/F0;1;X1Y3/D1;X1Y3/D1/N202;1;X1Y4/N200;X1Y4/N200/N201;1;"
     "X1Y2/D1;X1Y2/D1/N202;1", "X9Y9", 0.8),  # no wire ends at the tile: the slowest of all
    ("X1Y5/F0;;1;X1Y5/LT02;X1Y5/LT02/F0;1;X1Y8/LBO0;X1Y8/LBO0/LT01;1;X4Y8/D1;X4Y8/D1/LB31;1;"
     "X1Y5/N200;X1Y5/N200/F0;1;X1Y3/D1;X1Y3/D1/N202;1", "X4Y8", 0.7 + 0.1),  # long wires
    ("X1Y5/F0;;1;X1Y5/N200;X1Y5/N200/F0;1;X1Y4/N200;X1Y4/N200/N201;1;X1Y3/D1;X1Y3/D1/N202;1;X1Y3/D1;X1Y3/D1/N201;1",
     "X1Y3", 0.8),  # two wires taken for one: the slower way
    ("X1Y5/F0;;1;X7Y7/D1;X7Y7/D1/N202;1", "X7Y7", 0.4),  # a wire whose place is unknown: the sum of all
])
def test_route(route: str, at: str, delay: float) -> None:
    last = cell("DFF", at=at, CLK=1, D=10, Q=21)
    assert period({10: route}, first=FIRST, last=last) == pytest.approx(0.3 + delay + 0.2)


@pytest.mark.parametrize(("routes", "cells", "message"), [
    ({}, {"odd": cell("LUT9", I0=10, F=20)}, "no delay of the cell LUT9"),
    ({20: ""}, {"lut": cell("LUT4", I0=10, F=20)}, "the net at last.D has no route"),
    ({}, {"a": cell("LUT4", I0=20, F=30), "b": cell("LUT4", I0=30, F=20)}, "in a loop without a register"),
    ({20: "X1Y1/F0;;1;X1Y1/D1;X1Y1/D1/X;1"}, {"lut": cell("LUT4", I0=10, F=20)}, "no delay of the wire X"),
])
def test_refused(routes: dict[int, str], cells: dict[str, Any], message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        period(routes, first=FIRST, last=LAST, **cells)


def test_multiplier_is_named() -> None:
    cells = {"first": FIRST, "last": LAST, "product": cell("MULT9X9", A0=10, DOUT=20)}
    names = {f"n{bit}": {"bits": [bit], "attributes": {"ROUTING": HERE}} for bit in (10, 20)}
    found = analyse({"cells": cells, "netnames": names}, TABLE)
    assert found.untimed == ("MULT9X9",) and found.period_ns == pytest.approx(0.5)


@pytest.mark.parametrize(("part", "package"), [("GW1N-9C", "GW1NR-LV9QN88PC6/I5"),
                                               ("GW2A-18C", "GW2AR-LV18QN88C8/I7")])
def test_no_cell_gives_zero(part: str, package: str) -> None:
    """Every cell of the table above has a delay in Apycula's database too."""
    table = delays(part, package)
    for kind, out, inputs, _ in CASES:
        assert all((table.through(kind, port, out) or 0) > 0 for port in inputs)
    for kind in ("DFF", "DFFRE", "RAM16SDP4", "SDPB", "DPX9B"):
        assert table.launch(kind, {}) > 0 and table.setup(kind, "D") > 0
    assert table.wire("N201", 1) < table.wire("N201", 20)
    with pytest.raises(PlacementError, match="no delays of the speed grade"):
        delays(part, part)
