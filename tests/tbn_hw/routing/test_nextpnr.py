"""Place and route of small designs, and the errors for designs that cannot be placed and routed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.pads import with_pads

from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing import nextpnr
from tbn_hw.routing.nextpnr import Routed, place_and_route, spread
from tbn_hw.shared.errors import DoesNotFit, PlacementError, SynthesisError, ToolMissing, UsageError
from tbn_hw.targets.device import Device
from tbn_hw.tools import versions

ECP5, ICE40 = Device("ecp5", "25k", "CABGA381", 6), Device("ice40", "hx8k", "ct256")
GOWIN = Device("gowin", "GW2A-18C", "GW2AR-LV18QN88C8/I7")
DEVICES = {"ecp5": ECP5, "gowin": GOWIN, "ice40": ICE40}
LOGIC = {"ecp5": ("TRELLIS_COMB", 24288), "gowin": ("LUT4", 20736), "ice40": ("ICESTORM_LC", 7680)}
FLIP_FLOPS = {"ecp5": "TRELLIS_FF", "gowin": "DFF"}  # those of iCE40 are in its logic cells
PINS = {"gowin": 'IO_LOC "clk" 4;\nIO_LOC "y[0]" 15;\nIO_LOC "y[1]" 16;\n'}
"""Pins for a family whose nextpnr does not choose any."""
COUNTER = "module counter(input clk, output reg [7:0] q); always @(posedge clk) q <= q + 3; endmodule"
TOP = """module top(input clk, output [1:0] y);
  wire [7:0] a, b;
  counter first(.clk(clk), .q(a));
  counter second(.clk(clk), .q(b));
  assign y = {a[7], ^b};
endmodule"""
MODULES = {"counter": COUNTER, "top": TOP}


def netlist(folder: Path, target: str, modules: dict[str, str] = MODULES, top: str = "top") -> Path:
    synthesise(modules, target, folder, top=top)
    files = {name: folder / f"{name}.v" for name in modules}
    return json_netlist((files | {top: with_pads(files[top], target)}).values(), top, target, folder)


def constraints(family: str, folder: Path) -> Path | None:
    if family not in PINS:
        return None
    (folder / "pins").write_text(PINS[family])
    return folder / "pins"


@pytest.fixture(scope="module")
def netlists(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {family: netlist(tmp_path_factory.mktemp(family), family) for family in DEVICES}


@pytest.mark.nextpnr
@pytest.mark.parametrize("device", DEVICES.values(), ids=list(DEVICES))
def test_place_and_route(device: Device, netlists: dict[str, Path], tmp_path: Path) -> None:
    seen: list[Routed] = []
    runs = place_and_route(netlists[device.family], device, tmp_path, seeds=(3, 1, 2), target_mhz=100, outputs=True,
                           constraints=constraints(device.family, tmp_path), workers=2, progress=seen.append)
    assert [run.seed for run in runs] == [3, 1, 2] and sorted(run.seed for run in seen) == [1, 2, 3]
    for run in runs:
        (speed,) = run.fmax_mhz.values()
        assert 100 < speed < 1000 and run.slowest_mhz == speed
        within = next(path for path in run.critical_paths if path.begin == path.end)
        assert within.delay_ns == pytest.approx(1000 / speed, rel=0.01)
        assert 0 < within.logic_ns < within.delay_ns
        assert (within.steps[0].kind, within.steps[-1].kind) == ("clk-to-q", "setup")
        assert any(name in within.steps[0].begin for name in ("first.", "second."))
        assert 16 <= run.cells < 50 and run.used.get(FLIP_FLOPS.get(device.family, ""), 16) == 16
        cell, number = LOGIC[device.family]
        assert run.available[cell] == number
        assert run.configuration is not None and run.configuration.stat().st_size > 1000
        assert run.netlist is not None and '"modules"' in run.netlist.read_text()
        assert run.tool.startswith(f"nextpnr-{device.family} 0.") and 0 < run.cpu_seconds <= run.seconds + 5
    speeds = sorted(run.slowest_mhz or 0 for run in runs)
    found = spread(runs)
    assert (found.least_mhz, found.median_mhz, found.most_mhz, found.seeds) == (*speeds, 3)


@pytest.mark.nextpnr
@pytest.mark.parametrize("family", ["gowin", "ice40"])
def test_place_and_route_repeats(family: str, netlists: dict[str, Path], tmp_path: Path) -> None:
    """The same seed gives the same result. Without `outputs` there are only figures."""
    pins = constraints(family, tmp_path)
    (one,) = place_and_route(netlists[family], DEVICES[family], tmp_path / "one", seeds=(7,), constraints=pins)
    (two,) = place_and_route(netlists[family], DEVICES[family], tmp_path / "two", seeds=(7,), constraints=pins)
    assert (one.fmax_mhz, one.used, one.critical_paths) == (two.fmax_mhz, two.used, two.critical_paths)
    assert one.configuration is None and one.netlist is None


@pytest.mark.nextpnr
def test_place_and_route_pins(netlists: dict[str, Path], tmp_path: Path) -> None:
    pins = tmp_path / "pins.pcf"
    pins.write_text("set_io clk J3\nset_io y[0] B1\nset_io y[1] B2\nset_io -nowarn led C1\nset_io other C2\n")
    (run,) = place_and_route(netlists["ice40"], ICE40, tmp_path, constraints=pins)
    assert run.used["SB_IO"] == 3
    assert run.warnings == ("unmatched constraint 'other' (on line 5)",)


@pytest.mark.nextpnr
def test_place_and_route_too_large(tmp_path: Path) -> None:
    """What the device lacks is named: here logic cells, and pins."""
    wide = ("module wide(input clk, input [49:0] d, output reg q); reg [1599:0] a;\n"
            "always @(posedge clk) begin a <= {a[1549:0], d} ^ {a[0], a[1599:1]}; q <= a[1599]; end endmodule")
    device = Device("ice40", "hx1k", "tq144")
    with pytest.raises(DoesNotFit, match=r"^ice40 hx1k tq144: the design asks for \d+ ICESTORM_LC of 1280$") as error:
        place_and_route(netlist(tmp_path, "ice40", {"wide": wide}, "wide"), device, tmp_path)
    assert error.value.exit_code == 5
    pins = "module pins(input clk, input [198:0] d, output reg q); always @(posedge clk) q <= ^d; endmodule"
    with pytest.raises(DoesNotFit, match="^ecp5 25k CABGA381 speed 6: the design asks for 201 TRELLIS_IO of 197$"):
        place_and_route(netlist(tmp_path, "ecp5", {"pins": pins}, "pins"), ECP5, tmp_path, seeds=(1, 2))
    narrow, small = wide.replace("[49:0] d", "d").replace("1549", "1598"), "gowin GW1NZ-1 GW1NZ-LV1QN48C6/I5"
    (tmp_path / "pins.cst").write_text('IO_LOC "clk" 9;\nIO_LOC "d" 10;\nIO_LOC "q" 11;\n')
    with pytest.raises(DoesNotFit, match=f"^{small}: the design asks for 1600 LUT4 of 1152 and 1601 DFF of 864$"):
        place_and_route(netlist(tmp_path, "gowin", {"wide": narrow}, "wide"), Device(*small.split()), tmp_path,
                        constraints=tmp_path / "pins.cst")


@pytest.mark.nextpnr
@pytest.mark.parametrize(
    ("family", "content", "reason"),
    [
        ("ice40", "set_io clk Q99", r"package does not have a pin named 'Q99' \(on line 1\)"),
        ("ice40", "gibberish here", r"unsupported PCF command 'gibberish' \(on line 1\)"),
        ("ice40", "set_io clk J3", r"IO 'y\[1\]' is unconstrained in PCF"),
        ("ecp5", "gibberish here", "unexpected end of LPF file"),
        ("ecp5", 'LOCATE COMP "clk" SITE "G2";', r"IO 'y\[1\]' is unconstrained in LPF"),
        ("gowin", PINS["gowin"].replace("15", "999"), r"Pin 999 not found"),
        ("gowin", 'IO_LOC "clk" 4;', "Unconstrained IO:"),
    ],
)
def test_place_and_route_wrong_pins(family: str, content: str, reason: str, netlists: dict[str, Path],
                                    tmp_path: Path) -> None:
    pins, device = tmp_path / "pins", DEVICES[family]
    pins.write_text(content)
    with pytest.raises(PlacementError, match=f"^{device}: nextpnr gave no result; its word was .{reason}") as error:
        place_and_route(netlists[family], device, tmp_path, constraints=pins)
    assert error.value.exit_code == 3


@pytest.mark.nextpnr
def test_place_and_route_wrong(netlists: dict[str, Path], tmp_path: Path) -> None:
    file = netlists["ice40"]
    with pytest.raises(UsageError, match="^place and route is for .*, not 'ecp6'$"):
        place_and_route(file, Device("ecp6", "25k", "CABGA381"), tmp_path)
    with pytest.raises(UsageError, match="none.json does not exist, or is no file$"):
        place_and_route(tmp_path / "none.json", ICE40, tmp_path)
    with pytest.raises(UsageError, match="^at least one seed"):
        place_and_route(file, ICE40, tmp_path, seeds=())
    with pytest.raises(PlacementError, match="^ice40 hx8k nosuch: nextpnr gave no result; .*Unsupported package"):
        place_and_route(file, Device("ice40", "hx8k", "nosuch"), tmp_path)
    with pytest.raises(PlacementError, match="^ice40 hx9k ct256: nextpnr gave no result; .*hx9k"):
        place_and_route(file, Device("ice40", "hx9k", "ct256"), tmp_path)
    with pytest.raises(PlacementError, match="^gowin GW2A-19 nosuch: nextpnr gave no result; .*'nosuch'"):
        place_and_route(netlists["gowin"], Device("gowin", "GW2A-19", "nosuch"), tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(PlacementError, match="Failed to parse JSON file"):
        place_and_route(tmp_path / "broken.json", ICE40, tmp_path)
    with pytest.raises(ValueError, match="^Fmax must be known for every seed"):
        spread([])


@pytest.mark.nextpnr
def test_place_and_route_missing(netlists: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions.PACKAGES, "nextpnr-ice40", "no-such-package")
    with pytest.raises(ToolMissing, match="^nextpnr-ice40 is missing; install it with `pip install no-such-package`$"):
        place_and_route(netlists["ice40"], ICE40, tmp_path)


@pytest.mark.nextpnr
def test_place_and_route_some(netlists: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `some`, seeds that find no place are left out. If all fail, that is an error."""
    run, unlucky = nextpnr._run, {1, 3}

    def sometimes(device: Device, arguments: list[str], folder: Path, seed: int, watch: Callable[[], None]) -> Routed:
        if seed in unlucky:
            raise DoesNotFit(f"no place with seed {seed}")
        return run(device, arguments, folder, seed, watch)

    monkeypatch.setattr(nextpnr, "_run", sometimes)
    seen: list[Routed] = []
    runs = place_and_route(netlists["ice40"], ICE40, tmp_path, seeds=(1, 2, 3), some=True, progress=seen.append)
    assert runs == seen and [run.seed for run in runs] == [2]
    with pytest.raises(DoesNotFit, match="^no place with seed 1$"):
        place_and_route(netlists["ice40"], ICE40, tmp_path, seeds=(1, 2), workers=1)
    with pytest.raises(DoesNotFit, match="^no place with seed [13]$"):
        place_and_route(netlists["ice40"], ICE40, tmp_path, seeds=(1, 3), some=True)


@pytest.mark.yosys
def test_json_netlist_wrong(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"^target must be one of {', '.join(FAMILIES)}, not 'ecp6'$"):
        json_netlist([], "top", "ecp6", tmp_path)
    (tmp_path / "top.v").write_text("module top(output y); absent a(.y(y)); endmodule")
    with pytest.raises(SynthesisError, match="^top: Yosys gave no netlist; .*absent"):
        json_netlist([tmp_path / "top.v"], "top", "ice40", tmp_path)
