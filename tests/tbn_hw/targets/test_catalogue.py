"""The data files of boards and parts, and the errors for a target that does not exist or is too small."""

import re

import pytest
from support.pads import with_pads

from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route
from tbn_hw.shared.errors import DoesNotFit, UsageError
from tbn_hw.targets import catalogue
from tbn_hw.targets.catalogue import default_target, find_target
from tbn_hw.targets.device import Device

PIN = {"ecp5": r"[A-Y]\d{1,2}", "gowin": r"\d{1,2}", "ice40": r"[A-T]?\d{1,2}"}
LINE = {"ecp5": 'LOCATE COMP "{}" SITE "{}";\n', "gowin": 'IO_LOC "{}" {};\n', "ice40": "set_io {} {}\n"}
"""Of a constraint file: a port and its pin."""
CELLS = {"ecp5": ("TRELLIS_IO", "TRELLIS_COMB", "TRELLIS_FF", "DP16KD"), "gowin": ("IOB", "LUT4", "DFF", "BSRAM"),
         "ice40": ("SB_IO", "ICESTORM_LC", "ICESTORM_LC", "ICESTORM_RAM")}
"""What nextpnr calls a pin, a LUT, a flip-flop and a block RAM."""


def boards():
    """The name of each board. Of those that come with several parts, it is the one with the smallest."""
    targets = sorted(map(find_target, catalogue.names()), key=lambda target: target.part.lut, reverse=True)
    return sorted({target.title: target.name for target in targets if target.board is not None}.values())


@pytest.mark.parametrize("name", catalogue.names())
def test_every_target(name):
    target = find_target(name)
    assert target.name == name and target.family in FAMILIES
    assert (target.device is None) == (FAMILIES[target.family].place_and_route is None)
    assert target.part.ff >= target.part.lut * (0.75 if target.family == "gowin" else 1) and 30 <= target.pins < 400
    if target.board is None:
        return
    board = target.board
    pins = [board.clock.pin, board.uart.rx, board.uart.tx, *board.leds.pins]
    assert len(set(pins)) == len(pins) and all(re.fullmatch(PIN[target.family], pin) for pin in pins)
    assert 10 <= board.clock.mhz <= 100
    assert (board.io_type is not None) == (target.family != "ice40")


def test_generic_names():
    """Three families' names stand for a large device of each."""
    assert find_target("ecp5").device == Device("ecp5", "85k", "CABGA756", 6) == find_target("ecp5-85k").device
    assert find_target("ice40").device == Device("ice40", "hx8k", "ct256")
    assert find_target("xc7").part_name == "XC7A100T"
    assert find_target("ulx3s-12f").device == Device("ecp5", "12k", "CABGA381", 6)
    assert find_target("ulx3s-12f").board == find_target("ulx3s-85f").board
    assert find_target("icebreaker").part.bram == 30
    assert default_target() == find_target("ecp5")
    assert [file.default for file in catalogue._files().values() if file.default] == ["ecp5"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ulx3s", "^--target: there is no target 'ulx3s'; near it are ulx3s-85f, ulx3s-45f, ulx3s-25f, ulx3s-12f$"),
        ("ICEbraker", "^--target: there is no target 'ICEbraker'; near it are icebreaker"),
        ("abacus", "^--target: there is no target 'abacus'; choose one of colorlight-i5, ecp5, .*, xc7a35t$"),
    ],
)
def test_no_such_target(name, sentence):
    with pytest.raises(UsageError, match=sentence):
        find_target(name)


def test_require():
    target = find_target("ulx3s-12f")
    target.require({"lut": 12000, "ff": 12000, "bram": 32, "dsp": 28})
    with pytest.raises(DoesNotFit) as error:
        target.require({"lut": 12001, "ff": 10, "bram": 32.5, "dsp": 28})
    assert str(error.value) == ("ulx3s-12f (LFE5U-12F): the design asks for 12,001 LUTs of 12,000 and "
                                "32.5 block RAMs of 32")
    assert error.value.exit_code == 5


@pytest.mark.nextpnr
@pytest.mark.parametrize("name", boards())
def test_board_pins(name, tmp_path):
    """nextpnr knows every pin of a board, in the board's package."""
    target = find_target(name)
    board, lights = target.board, len(target.board.leds.pins)
    text = (f"module blink(input clk, input rx, output tx, output [{lights - 1}:0] led); reg [7:0] n;\n"
            f"always @(posedge clk) n <= n + rx; assign tx = n[7]; assign led = {{{lights}{{n[6]}}}}; endmodule")
    synthesise({"blink": text}, target.family, tmp_path)
    leds = {f"led[{index}]": pin for index, pin in enumerate(board.leds.pins)}
    pins = {"clk": board.clock.pin, "rx": board.uart.rx, "tx": board.uart.tx, **leds}
    (tmp_path / "pins").write_text("".join(LINE[target.family].format(*pin) for pin in pins.items()))
    netlist = json_netlist([with_pads(tmp_path / "blink.v", target.family)], "blink", target.family, tmp_path)
    (run,) = place_and_route(netlist, target.device, tmp_path, constraints=tmp_path / "pins")
    io, lut, ff, bram = CELLS[target.family]
    assert run.used[io] == len(pins)
    if target.family == "ecp5":  # the 12F is a 25F, and nextpnr knows the package's pins
        assert run.available[io] == target.pins
        assert run.available[bram] >= target.part.bram and run.available[ff] >= target.part.ff
    else:
        assert (run.available[bram], run.available[lut], run.available[ff]) == (
            target.part.bram, target.part.lut, target.part.ff)


def test_wrong_file(tmp_path, monkeypatch):
    """A mistake in a data file is named with its place."""
    parts, board = tmp_path / "parts.yaml", tmp_path / "board.yaml"
    monkeypatch.setattr(catalogue.resources, "files", lambda package: tmp_path)
    parts.write_text("P: {family: ecp5, lut: 1, ff: many, bram: 1, dsp: 1, clock_mhz: 1}")
    with pytest.raises(ValueError, match="^parts.yaml: ff: Input should be a valid integer"):
        catalogue._targets.__wrapped__()
    parts.write_text("P: {family: ecp6, lut: 1, ff: 1, bram: 1, dsp: 1, clock_mhz: 1}")
    with pytest.raises(ValueError, match=f"^parts.yaml: family: must be one of {', '.join(FAMILIES)}, not 'ecp6'$"):
        catalogue._targets.__wrapped__()
    parts.write_text("P: {family: xc7, nextpnr: a35t, lut: 1, ff: 1, bram: 1, dsp: 1, clock_mhz: 1}")
    board.write_text("{title: t, devices: {d: {part: P, package: x, pins: 9}}}")
    with pytest.raises(ValueError, match="^board.yaml: d: there is no place and route for xc7, so its part must have "):
        catalogue._targets.__wrapped__()
    parts.write_text("P: {family: xc7, lut: 1, ff: 1, bram: 1, dsp: 1, clock_mhz: 1}")
    board.write_text("{title: t, devices: {d: {part: P, package: x, pins: 9}}, board: {clock: {pin: A1, mhz: 1}, "
                     "uart: {rx: A2, tx: A3, baud: 1}, leds: {pins: [], active_low: false}}}")
    with pytest.raises(ValueError, match="^board.yaml: d: there is no board's top level for xc7, so there must be no "):
        catalogue._targets.__wrapped__()
    parts.write_text("P: {family: ecp5, lut: 1, ff: 1, bram: 1, dsp: 1, clock_mhz: 1}")
    board.write_text("{title: t, devices: {d: {part: Q, package: x, pins: 9}}}")
    with pytest.raises(ValueError, match="^board.yaml: d: there is no part 'Q' in this file or in parts.yaml"):
        catalogue._targets.__wrapped__()
    part = "{family: xc7, lut: 1, ff: 1, bram: 1, dsp: 1, clock_mhz: 1}"
    board.write_text(f"{{title: t, parts: {{Q: {part}}}, devices: {{d: {{part: Q, package: x, pins: 9}}}}}}")
    assert catalogue._targets.__wrapped__()["d"].part_name == "Q"
    board.write_text("{title: t, devices: {d: {part: P, package: x, pins: 9, colour: red}}}")
    with pytest.raises(ValueError, match="^board.yaml: devices.d.colour: Extra inputs are not permitted"):
        catalogue._targets.__wrapped__()
