"""Registers behind block RAM: which ones move into it."""

import json
import random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal

from hdl.rom import read_only
from tbn_hw.families.ecp5_memories import output_registers
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise

CLOCK, ENABLE = 2, 3


def register(data, out, **changes):
    parameters = {"CLKMUX": "CLK", "CEMUX": "CE", "LSRMUX": "LSR", "REGSET": "RESET"}
    wires = {"CLK": [CLOCK], "CE": [ENABLE], "LSR": ["0"], "DI": [data], "Q": [out]}
    return {"type": "TRELLIS_FF", "parameters": parameters | {k: v for k, v in changes.items() if k in parameters},
            "port_directions": {port: "output" if port == "Q" else "input" for port in wires},
            "connections": wires | {k: v for k, v in changes.items() if k in wires}}


def lut(*inputs):
    wires = {port: [bit] for port, bit in zip("ABCD", inputs, strict=False)} | {"Z": [999]}
    return {"type": "LUT4", "parameters": {}, "connections": wires,
            "port_directions": {port: "output" if port == "Z" else "input" for port in wires}}


def design(cells, *, width=36, used=(10, 11), outputs=(90, 91), **parameters):
    """A memory whose DOA0 and DOB0 drive the nets `used`."""
    wires = {"CLKA": ["0"], "CLKB": [CLOCK], "OCEA": ["0"], "OCEB": ["1"], "DOA0": [used[0]], "DOB0": [used[1]],
             "DOB1": [12], "CEB": [ENABLE]}
    if width < 36:
        wires["CLKA"] = [CLOCK]
    memory = {"type": "DP16KD", "connections": wires,
              "parameters": {"DATA_WIDTH_A": f"{width:032b}", "REGMODE_A": "NOREG", "REGMODE_B": "NOREG",
                             "CLKBMUX": "CLKB"} | parameters,
              "port_directions": {port: "output" if port.startswith("DO") else "input" for port in wires}}
    return {"ports": {"o": {"direction": "output", "bits": list(outputs)}}, "cells": {"memory": memory, **cells}}


def test_registers_move():
    module = design({"low": register(10, 90), "high": register(11, 91)})
    assert output_registers(module) == 2
    assert list(module["cells"]) == ["memory"]
    memory = module["cells"]["memory"]
    assert memory["connections"]["DOA0"] == [90] and memory["connections"]["DOB0"] == [91]
    assert memory["connections"]["OCEA"] == memory["connections"]["OCEB"] == [ENABLE]
    assert memory["parameters"]["REGMODE_A"] == memory["parameters"]["REGMODE_B"] == "OUTREG"
    assert output_registers(module) == 0


def test_register_without_enable():
    module = design({"low": register(10, 90, CEMUX="1"), "high": register(11, 91, CEMUX="1")})
    assert output_registers(module) == 2
    assert module["cells"]["memory"]["connections"]["OCEB"] == ["1"]


def test_ports_of_their_own():
    """The halves of a memory with two ports move apart."""
    module = design({"low": register(10, 90), "high": lut(11)}, width=18)
    assert output_registers(module) == 1
    assert module["cells"]["memory"]["parameters"] == {
        "DATA_WIDTH_A": f"{18:032b}", "REGMODE_A": "OUTREG", "REGMODE_B": "NOREG", "CLKBMUX": "CLKB"}


@pytest.mark.parametrize("high", [
    register(11, 91, CE=[4]), register(11, 91, CLK=[4]), register(11, 91, LSR=[5]), register(11, 91, REGSET="SET"),
    register(11, 91, CLKMUX="INV"), register(11, 91, CEMUX="1"), register(11, 91, CEMUX="INV"),
    register(11, 91, LSRMUX="INV"), register(8, 91, DI=[8], CE=[11]), lut(11)])
def test_other_registers_stay(high):
    module = design({"low": register(10, 90), "high": high})
    before = json.dumps(module)
    assert output_registers(module) == 0
    assert json.dumps(module) == before


@pytest.mark.parametrize("change", [
    {"cells": {"also": lut(10)}}, {"outputs": (90, 91, 10)}, {"CLKBMUX": "INV"}, {"REGMODE_B": "OUTREG"}])
def test_words_that_are_read_elsewhere_stay(change):
    cells = {"low": register(10, 90), "high": register(11, 91)} | change.pop("cells", {})
    module = design(cells, **change)
    before = json.dumps(module)
    assert output_registers(module) == 0
    assert json.dumps(module) == before


@pytest.mark.yosys
def test_of_yosys(tmp_path):
    """A ROM with a register behind it, as an MVU has it: all of its bits move, in both shapes of the memory."""
    m, enable, rng = Module(), Signal(name="enable"), random.Random(1)
    ports = [enable]
    for depth, width in ((64, 70), (1500, 8)):
        row, word = Signal(range(depth), name=f"row{depth}"), Signal(width, name=f"word{depth}", reset_less=True)
        data = read_only(m, f"rom{depth}", [rng.getrandbits(width) for _ in range(depth)], width, row, enable, "block")
        with m.If(enable):
            m.d.sync += [word.eq(data), row.eq(row + 1)]
        ports.append(word)
    text = rtlil.convert(m, name="roms", ports=ports)
    synthesise({"roms": text}, "ecp5", tmp_path / "synth")
    netlist = json_netlist([tmp_path / "synth" / "roms.v"], "roms", "ecp5", tmp_path / "placement")
    module = json.loads(netlist.read_text())["modules"]["roms"]
    memories = [cell for cell in module["cells"].values() if cell["type"] == "DP16KD"]
    registers = [cell for cell in module["cells"].values() if cell["type"] == "TRELLIS_FF"]
    assert len(memories) == 3 and all("OUTREG" in cell["parameters"].values() for cell in memories)
    assert len(registers) == 6 + 11  # the two addresses
