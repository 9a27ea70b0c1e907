"""A board's top level on the boards there are: pins for every port, a PLL that nextpnr takes, a bitstream."""

import re

import pytest
from support.networks import Builder

from tbn_hw.boards.netlist import mapped
from tbn_hw.boards.top import LEDS, for_target
from tbn_hw.netlists import synthesis
from tbn_hw.netlists.join import json_netlist
from tbn_hw.routing import bitstream
from tbn_hw.routing.nextpnr import place_and_route
from tbn_hw.shared.errors import UsageError
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.targets import catalogue
from tbn_hw.targets.catalogue import find_target

BOARDS = [name for name in catalogue.names() if find_target(name).board is not None]


def small(family="portable"):
    b = Builder((2, 2, 1))
    net = b.network(b.dense(b.flatten("input"), 3))
    return StreamingDesign.of(net, fold(net, {}), family)


@pytest.mark.yosys
@pytest.mark.parametrize("name", BOARDS)
def test_every_port_has_a_pin(name):
    target = find_target(name)
    top, text = for_target(small(), target, clock_mhz=50 if target.family == "ecp5" else 24)
    declared = re.findall(r"^  (?:input|output) +wire (\w+)", top.verilog.partition(");")[0], re.M)
    high = {f"high{n}" for n in range(len(target.board.high))}
    assert list(top.ports) == declared and set(declared) - set(LEDS) == {"clk", "uart_rx", "uart_tx"} | high
    assert all(f"assign {port} = 1'b1;" in top.verilog for port in high)
    for port in declared:
        line = rf'^(set_io {port} \S+|LOCATE COMP "{port}" SITE "\S+";|IO_LOC "{port}" \S+;)$'
        assert len(re.findall(line, text, re.M)) == 1
    assert 0.99 * 24e6 <= top.clock_hz <= 50e6


@pytest.mark.yosys
def test_pins_and_polarity():
    top, text = for_target(small(), find_target("icebreaker"))
    assert text.splitlines() == ["set_io clk 35", "set_io uart_rx 6", "set_io uart_tx 9", "set_io led_heartbeat 37",
                                 "set_io led_error 11", "set_frequency clk 12"]
    assert top.pll is None and top.clock_hz == 12_000_000 and "led_error = ~error" in top.verilog
    top, text = for_target(small(), find_target("colorlight-i5"), clock_mhz=40)
    assert top.ports == ("clk", "uart_rx", "uart_tx", "led_heartbeat") and "led_error" not in top.verilog
    assert text.splitlines()[:2] == ['LOCATE COMP "clk" SITE "P3";', 'IOBUF PORT "clk" IO_TYPE=LVCMOS33;']
    assert text.splitlines()[-1] == 'FREQUENCY PORT "clk" 25 MHZ;'
    text = for_target(small(), find_target("tangnano20k"))[1]
    assert text.splitlines()[::2] == ['IO_LOC "clk" 4;', 'IO_LOC "uart_rx" 70;', 'IO_LOC "uart_tx" 69;',
                                      'IO_LOC "led_heartbeat" 15;', 'IO_LOC "led_error" 16;']
    assert text.splitlines()[-1] == 'IO_PORT "led_error" IO_TYPE=LVCMOS33;'
    text = for_target(small(), find_target("tangnano9k"))[1]
    assert text.splitlines()[5::2] == [f'IO_PORT "{port}" IO_TYPE=LVCMOS{volts};' for port, volts in (
        ("uart_tx", 33), ("led_heartbeat", 18), ("led_error", 18))]
    assert 'LOCATE COMP "high0" SITE "L2";' in for_target(small(), find_target("ulx3s-85f"))[1]


def test_for_target_wrong():
    with pytest.raises(UsageError, match="^ecp5-85k is a part without a board; its pins are not known$"):
        for_target(small(), find_target("ecp5-85k"))
    with pytest.raises(UsageError, match="^the PLL of ice40 cannot make 400 MHz, or a little less, of 12 MHz$"):
        for_target(small(), find_target("icebreaker"), clock_mhz=400)


@pytest.mark.yosys
def test_analogue_settings_of_a_pll(tmp_path):
    """They are attributes in ECP5's netlists; without them its loop filter would have no resistance."""
    top, _ = for_target(small("ecp5"), find_target("ulx3s-12f"), clock_mhz=40)
    cell = mapped(top, small("ecp5"), "ecp5", tmp_path)[0].read_text().partition("  EHXPLLL #(")[0].rpartition(";")[2]
    found = dict(re.findall(r'\(\* (\w+) = "(\w+)" \*\)', cell))
    assert found == {"FREQUENCY_PIN_CLKI": "25", "FREQUENCY_PIN_CLKOS": "40", "ICP_CURRENT": "12", "LPF_RESISTOR": "8",
                     "MFG_ENABLE_FILTEROPAMP": "1", "MFG_GMCREF_SEL": "2"}


@pytest.mark.nextpnr
@pytest.mark.slow
@pytest.mark.parametrize(("name", "mhz", "cell"), [
    ("icebreaker", 20, "ICESTORM_PLL"), ("tangnano20k", 40, "rPLL"), ("tangnano9k", 20, "rPLL"),
    ("ulx3s-12f", 40, "EHXPLLL")])
def test_routed(name, mhz, cell, tmp_path):
    """The top level is placed on its pins with its PLL. The PLL's output has the computed frequency."""
    target = find_target(name)
    design = small(target.family)
    modules = {design.name: design.top(), **design.modules(1)}
    synthesis.synthesise(modules, target.family, tmp_path, 1, top=design.name)
    top, text = for_target(design, target, clock_mhz=mhz)
    (tmp_path / "pins").write_text(text)
    netlists = [tmp_path / f"{module}.v" for module in modules]
    netlists += mapped(top, design, target.family, tmp_path / "board")
    netlist = json_netlist(netlists, top.name, target.family, tmp_path / "joined")
    (run,) = place_and_route(netlist, target.device, tmp_path / "routed", constraints=tmp_path / "pins", outputs=True)
    assert run.used[cell] == 1 and run.bounded_mhz >= top.clock_hz / 1e6
    assert (run.bound is None) == (cell != "rPLL") and 0.6 * run.slowest_mhz < run.bounded_mhz <= run.slowest_mhz
    if cell == "EHXPLLL":
        assert re.search(r"LPF_RESISTOR 0001000\nword: ICP_CURRENT 01100", run.configuration.read_text())
    bitstream.pack(run.configuration, target.device, tmp_path / "bits")
    assert (tmp_path / "bits").stat().st_size > 10_000
