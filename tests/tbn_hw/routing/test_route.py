"""Small designs through place and route to a bitstream, and the errors for those that miss their clock."""

import json

import pytest
from support.pads import with_pads

from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.report.figures import throughput
from tbn_hw.routing import shell
from tbn_hw.routing.bitstream import SUFFIXES, pack
from tbn_hw.routing.critical_path import named, place_of
from tbn_hw.routing.nextpnr import CriticalPath, Step
from tbn_hw.routing.route import FIGURES, Placeable, missed, route
from tbn_hw.shared.errors import DoesNotFit, PlacementError, UsageError
from tbn_hw.targets.catalogue import find_target
from tbn_hw.targets.device import Device

ADDER = """module sums(input clk, input [31:0] x, output reg [31:0] y);
  reg [31:0] a; always @(posedge clk) begin a <= a + x; y <= y ^ a; end
endmodule"""
TOP = """module tiny(input aclk, input [31:0] x, output [31:0] y, output z);
  sums layers_0_conv(.clk(aclk), .x(x), .y(y));
  reg r; always @(posedge aclk) r <= ~r; assign z = r;
endmodule"""
NODES = {"layers_0_conv": "layers[0].conv"}
GOWIN_IDS = {"tangnano9k": 0x1100481B, "tangnano20k": 0x0000081B}
"""The IDs of the parts, as in JTAG and at the head of a bitstream."""


@pytest.fixture(scope="module", params=["ecp5-25k", "icebreaker"])
def routed(request, tmp_path_factory):
    """A design that fits an ECP5's pins, but not those of an iCEBreaker, routed for each; target, folder, figures."""
    target, folder = find_target(request.param), tmp_path_factory.mktemp("route")
    synthesise({"sums": ADDER, "tiny": TOP}, target.family, folder, top="tiny")
    steps = []
    file = folder / "out" / f"tiny{SUFFIXES[target.family]}"
    figures = route(Placeable([folder / "sums.v", folder / "tiny.v"], "tiny", NODES), target, file,
                    seeds=(1, 2, 3), progress=lambda *step: steps.append(step))
    assert [step[1:] for step in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    return target, folder, figures


@pytest.mark.nextpnr
def test_route(routed):
    target, folder, figures = routed
    assert set(figures) == set(FIGURES) and json.dumps(figures)
    assert figures["out_of_context"] == (target.name == "icebreaker")
    speeds = sorted(seed["fmax_mhz"] for seed in figures["seeds"])
    assert (figures["least_mhz"], figures["median_mhz"], figures["fmax_mhz"]) == tuple(speeds)
    assert {seed["seed"] for seed in figures["seeds"]} == {1, 2, 3} and figures["seeds_without_place"] == 0
    assert next(seed["fmax_mhz"] for seed in figures["seeds"] if seed["seed"] == figures["seed"]) == speeds[-1]
    pins = figures["used"]["TRELLIS_IO" if target.family == "ecp5" else "SB_IO"]
    assert pins == (shell.PINS if figures["out_of_context"] else 66)
    assert figures["required_mhz"] is figures["clock_mhz"] is figures["board"] is None
    assert figures["device"] == str(target.device) and figures["warnings"] == []
    for seed in (1, 2, 3):
        assert "Program finished normally" in (folder / "out" / "route" / f"seed{seed}.log").read_text()
        assert "fmax" in json.loads((folder / "out" / "route" / f"seed{seed}.json").read_text())
    assert {path.name for path in (folder / "out").iterdir()} == {"route", figures["bitstream"]}


@pytest.mark.nextpnr
def test_bitstream(routed):
    """The file begins as its family's do: 12F and 25F differ in the ID of the part."""
    target, folder, figures = routed
    data = (folder / "out" / figures["bitstream"]).read_bytes()
    assert figures["bitstream_bytes"] == len(data) > 10_000
    if target.family == "ecp5":
        assert figures["bitstream"] == "tiny.bit" and b"LFE5U-25F" in data[:200]
        assert bytes.fromhex("ffffbdb3") in data[:400] and bytes.fromhex("41111043") in data[:400]
    else:
        assert figures["bitstream"] == "tiny.bin" and bytes.fromhex("7eaa997e") in data[:20]


@pytest.mark.nextpnr
def test_critical_path(routed):
    _, _, figures = routed
    path = figures["critical_path"]
    assert path["delay_ns"] == pytest.approx(1000 / figures["fmax_mhz"], rel=0.01)
    assert path["from"] == path["to"] == "layers[0].conv, other"
    assert sum(hop["logic_ns"] + hop["routing_ns"] for hop in path["hops"]) == pytest.approx(path["delay_ns"], abs=0.01)
    assert {hop["node"] for hop in path["hops"]} == {"layers[0].conv"}


@pytest.mark.nextpnr
def test_missed_clock(routed, tmp_path):
    """There is no bitstream of a design that is too slow. The error says by how much."""
    target, folder, _ = routed
    design = Placeable([folder / "sums.v", folder / "tiny.v"], "tiny", NODES)
    figures = route(design, target, tmp_path / "fast" / "tiny.bit", seeds=(1,), clock_mhz=900)
    assert figures["bitstream"] is None and {path.name for path in (tmp_path / "fast").iterdir()} == {"route"}
    error = missed(figures, target)
    short = f"{900 - figures['fmax_mhz']:.2f} MHz"
    assert figures["usable_mhz"] == figures["fmax_mhz"]
    assert isinstance(error, DoesNotFit) and error.exit_code == 5
    assert str(error).startswith(f"{target.name}: the clock of 900 MHz is missed by {short}; the best of 1 seed")
    assert str(error).endswith("its slowest path runs from layers[0].conv, other to layers[0].conv, other")


def test_clock_of_a_board():
    """A board's clock may have a part of the clock that a design reaches."""
    figures = {"required_mhz": 60.0, "fmax_mhz": 70.0, "bounded_mhz": None, "usable_mhz": 56.0, "seeds": [{}],
               "critical_path": {"from": "a", "to": "b"}}
    error = missed(figures, find_target("tangnano9k"))
    assert str(error) == ("tangnano9k: the clock of 60 MHz is missed by 4.00 MHz; the best of 1 seed reaches 70.00 "
                          "MHz, of which a board's clock may have 56.00; its slowest path runs from a to b")
    error = missed({**figures, "bounded_mhz": 65.0, "usable_mhz": 52.0}, find_target("tangnano9k"))
    assert "70.00 MHz, 65.00 MHz with the paths that nextpnr leaves out, of which a board's clock" in str(error)
    assert missed({**figures, "required_mhz": 56.0}, find_target("tangnano9k")) is None


@pytest.mark.nextpnr
def test_static_placer(routed, tmp_path, monkeypatch):
    """A large design of ECP5 has another placer."""
    target, folder, _ = routed
    monkeypatch.setattr("tbn_hw.families.ecp5.STATIC_CELLS", 10)
    design = Placeable([folder / "sums.v", folder / "tiny.v"], "tiny", NODES)
    route(design, target, tmp_path / f"tiny{SUFFIXES[target.family]}", seeds=(1,))
    small, large = ((path / "route" / "seed1.log").read_text() for path in (folder / "out", tmp_path))
    assert "analytical placer" in small and ("Static placer" in large) == (target.family == "ecp5")


@pytest.mark.nextpnr
@pytest.mark.parametrize(("name", "pins", "cell"), [
    ("icebreaker", "set_io aclk 35\nset_io y 9\n", "SB_IO"),
    ("tangnano9k", 'IO_LOC "aclk" 52;\nIO_LOC "y" 10;\n', "IOB"),
    ("tangnano20k", 'IO_LOC "aclk" 4;\nIO_LOC "y" 15;\n', "IOB")])
def test_pins(name, pins, cell, tmp_path):
    """With a constraint file the ports go to its pins, and engines inside another module are found."""
    target = find_target(name)
    synthesise({"sums": ADDER}, target.family, tmp_path)
    (tmp_path / "outer.v").write_text("""module outer(input aclk, output y); wire [31:0] s;
      sums layers_0_conv(.clk(aclk), .x(s), .y(s)); assign y = s[31]; endmodule""")
    (tmp_path / "board.v").write_text("""module board(aclk, y);
  input aclk;
  output y;
  outer accelerator(.aclk(aclk), .y(y));
endmodule""")
    (tmp_path / "pins").write_text(pins)
    netlists = [tmp_path / "sums.v", tmp_path / "outer.v", with_pads(tmp_path / "board.v", target.family)]
    design = Placeable(netlists, "board", NODES, constraints=tmp_path / "pins", inside="accelerator")
    file = tmp_path / "out" / f"b{SUFFIXES[target.family]}"
    figures = route(design, target, file, seeds=(1,), clock_mhz=20)
    assert figures["used"][cell] == 2 and not figures["out_of_context"]
    assert figures["critical_path"]["from"] == "layers[0].conv, other"
    assert figures["bitstream"] == file.name and missed(figures, target) is None
    if target.family == "gowin":
        head = file.read_text()[:1000].splitlines()
        assert format(0xA5C3, "016b") in head and format(0x06 << 56 | GOWIN_IDS[name], "064b") in head


def test_throughput():
    figures = {"fmax_mhz": 80.0, "clock_mhz": None, "tool": "nextpnr-ecp5 0.11", "seed": 2, "board": None}
    verified = {"interval_cycles": 20_000, "latency_cycles": 50_000}
    assert throughput(figures, verified, 1_000_000) == {
        "fps": 4000, "latency_ms": 0.625, "gops": 8, "at_mhz": 80, "source": "nextpnr-ecp5 0.11, seed 2",
        "line_fps": None, "slower": None}
    asked = throughput({**figures, "clock_mhz": 40.0}, {"interval_cycles": None, "latency_cycles": 50_000}, 1)
    assert asked == {"fps": None, "latency_ms": 1.25, "gops": None, "at_mhz": 40,
                     "source": "the clock asked for, met by nextpnr-ecp5 0.11, seed 2", "line_fps": None,
                     "slower": None}
    for line, slower in ((97.3, "line"), (5000.0, "accelerator")):
        found = throughput({**figures, "board": {"clock_mhz": 75.0, "line_fps": line}}, verified, 1_000_000)
        assert (found["fps"], found["at_mhz"], found["line_fps"], found["slower"]) == (3750, 75, line, slower)
        assert found["source"] == "the board's clock, met by nextpnr-ecp5 0.11, seed 2"


def test_refused(tmp_path):
    with pytest.raises(UsageError, match=r"^xc7 \(XC7A100T\) is for synthesis only; there is no open place and route$"):
        route(Placeable([], "top", {}), find_target("xc7"), tmp_path / "x.bit", seeds=(1,))


@pytest.mark.nextpnr
@pytest.mark.parametrize(("device", "packer"), [
    (Device("ecp5", "25k", "CABGA381", 6), "ecppack"), (Device("ice40", "hx8k", "ct256"), "icepack"),
    (Device("gowin", "GW2A-18C", "GW2AR-LV18QN88C8/I7"), "gowin_pack")], ids=["ecp5", "ice40", "gowin"])
def test_pack_wrong(device, packer, tmp_path):
    (tmp_path / "text").write_text("nonsense\n")
    with pytest.raises(PlacementError, match=f"^{packer} gave no bitstream; its word was "):
        pack(tmp_path / "text", device, tmp_path / "out.bit")
    assert {path.name for path in tmp_path.iterdir()} == {"text"}


def test_places():
    """Cells of an accelerator, as they are called in the netlist, and where they are."""
    nodes = {"layers_1_conv": "layers[1].conv"}
    assert place_of("design.layers_1_conv.2_mvu.pe0.sum[1]_LUT4_Z", nodes, "design.") == (
        "layers[1].conv", "products", "2_mvu.pe0")
    assert place_of("layers_1_conv.2_mvu.weights.0.2", nodes) == ("layers[1].conv", "weights", "2_mvu.weights")
    assert place_of("layers_1_conv.3_queue.level", nodes)[:2] == ("layers[1].conv", "queues")
    assert place_of("add_queue_a.queue.level", nodes)[:2] == ("add_queue_a", "queues")
    assert place_of("rst_TRELLIS_FF_Q", nodes) == ("top", "other", "")
    steps = (Step("clk-to-q", 1, "layers_1_conv.2_mvu.a.Q", "layers_1_conv.2_mvu.a.Q", ""),
             Step("routing", 2, "layers_1_conv.2_mvu.a.Q", "rst.D", "n"), Step("setup", 0.5, "rst.D", "rst.D", ""))
    path = named(CriticalPath("posedge aclk", "posedge aclk", steps), nodes)
    assert (path["from"], path["to"]) == ("layers[1].conv, accumulators", "top, other")
    assert [(hop["node"], hop["logic_ns"], hop["routing_ns"]) for hop in path["hops"]] == [
        ("layers[1].conv", 1, 0), ("top", 0.5, 2)]


@pytest.mark.yosys
def test_shell(tmp_path):
    """A shell's inputs come from its serial input in the order of the ports; its outputs leave by the serial output."""
    ports = [shell.Port("input", "aclk", 1), shell.Port("input", "a", 3), shell.Port("output", "b", 2),
             shell.Port("output", "c", 1)]
    assert shell.pins(ports) == 7
    text = shell.shell("outer", "inner", ports, "aclk")
    assert "inner design (.aclk(aclk), .a(held[2:0]), .b(seen[1:0]), .c(seen[2:2]));" in text
    inner = tmp_path / "inner.v"
    inner.write_text("module inner(aclk, a, b, c);\n  input aclk;\n  input [2:0] a;\n  output [1:0] b;\n  output c;\n"
                     "  assign b = a[1:0];\n  assign c = a[2];\nendmodule\n")
    assert shell.ports_of(inner.read_text(), "inner") == ports
    netlist = json_netlist([inner, shell.mapped("outer", "inner", ports, "aclk", "ice40", tmp_path / "shell")],
                           "outer", "ice40", tmp_path)
    cells = [cell["type"] for cell in json.loads(netlist.read_text())["modules"]["outer"]["cells"].values()]
    assert cells.count("SB_DFF") == 6 and cells.count("SB_LUT4") == 3
    with pytest.raises(ValueError, match="^module 'other' must be in the netlist$"):
        shell.ports_of(inner.read_text(), "other")
