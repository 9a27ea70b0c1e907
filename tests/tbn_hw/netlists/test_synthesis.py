"""Synthesis of small modules. Their cost can be counted by hand."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from amaranth import Module, Signal, signed
from amaranth.back import rtlil, verilog

from hdl.threshold import Threshold
from sim.store import STORE
from tbn_hw.families.registry import FAMILIES
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import SynthesisError, UsageError
from tbn_hw.tools import wasm, yosys

pytestmark = pytest.mark.yosys

REGISTER = "module register(input clk, input [7:0] d, output reg [7:0] q); always @(posedge clk) q <= d; endmodule"
PARITY = "module parity(input [3:0] a, output y); assign y = ^a; endmodule"
ADDER = "module adder(input [15:0] a, b, output [15:0] y); assign y = a + b; endmodule"
RAM = """module ram(input clk, we, input [8:0] a, input [31:0] d, output reg [31:0] q);
  reg [31:0] m [0:511];
  always @(posedge clk) if (we) m[a] <= d; else q <= m[a];
endmodule"""
LUT_RAM = """module lut_ram(input clk, we, input [3:0] a, b, input [3:0] d, output [3:0] q);
  reg [3:0] m [0:15];
  always @(posedge clk) if (we) m[a] <= d;
  assign q = m[b];
endmodule"""
PRODUCT = """module product(input clk, input signed [15:0] a, b, output reg signed [31:0] y);
  always @(posedge clk) y <= a * b;
endmodule"""
MODULES = {"register": REGISTER, "parity": PARITY, "adder": ADDER, "ram": RAM, "lut_ram": LUT_RAM, "product": PRODUCT}
TOP = """module top(input clk, input [7:0] d, output [7:0] q, output reg y);
  wire [7:0] between;
  wire p;
  register first(.clk(clk), .d(d), .q(between));
  register second(.clk(clk), .d(between), .q(q));
  parity parity(.a(d[3:0]), .y(p));
  always @(posedge clk) y <= p;
endmodule"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def figures(result: dict) -> tuple:
    return tuple(result[key] for key in ("lut", "ff", "bram", "dsp"))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("ecp5", {"register": (0, 8, 0, 0), "parity": (1, 0, 0, 0), "adder": (16, 0, 0, 0), "ram": (1, 0, 1, 0),
                  "lut_ram": (6, 0, 0, 0), "product": (0, 32, 0, 1)}),
        ("gowin", {"register": (0, 8, 0, 0), "parity": (1, 0, 0, 0), "adder": (16, 0, 0, 0), "ram": (0, 0, 1, 0),
                   "lut_ram": (4, 0, 0, 0), "product": (0, 32, 0, 1)}),
        ("ice40", {"register": (0, 8, 0, 0), "parity": (1, 0, 0, 0), "adder": (16, 0, 0, 0), "ram": (1, 0, 4, 0)}),
        ("xc7", {"adder": (16, 0, 0, 0), "ram": (1, 0, 0.5, 0), "product": (0, 0, 0, 1)}),
    ],
)
def test_synthesise(target: str, expected: dict, store: Path, tmp_path: Path) -> None:
    modules = {name: MODULES[name] for name in expected}
    steps = []
    result = synthesise(modules, target, tmp_path, 2, lambda *step: steps.append(step), cache=store)
    assert {name: figures(found) for name, found in result["modules"].items()} == expected
    assert figures(result["total"]) == tuple(sum(column) for column in zip(*expected.values(), strict=True))
    assert result["total"]["tool"].startswith("Yosys 0.")
    assert sorted(name for name, _, _ in steps) == sorted(modules)
    assert [(done, total) for _, done, total in steps] == [(n, len(modules)) for n in range(1, len(modules) + 1)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.v" for name in modules)
    for name in modules:
        assert f"module {name}(" in (tmp_path / f"{name}.v").read_text()


def test_synthesise_top(store: Path, tmp_path: Path) -> None:
    """The totals count instances: two registers, one parity, and a flip-flop of the top level's own."""
    modules = {"top": TOP, "register": REGISTER, "parity": PARITY}
    result = synthesise(modules, "ecp5", tmp_path, top="top", cache=store)
    assert figures(result["total"]) == (1, 17, 0, 0)
    assert result["modules"]["top"]["cells"] == {"TRELLIS_FF": 1, "register": 2, "parity": 1}
    assert "register second" in (tmp_path / "top.v").read_text().replace("\\", "")


def test_synthesise_rtlil(store: Path, tmp_path: Path) -> None:
    module, a, y = Module(), Signal(4), Signal()
    module.d.sync += y.eq(a.any())
    text = rtlil.convert(module, ports=[a, y], name="any", emit_src=False)
    result = synthesise({"any": text}, "ice40", tmp_path, cache=store)
    assert figures(result["modules"]["any"]) == (1, 1, 0, 0)


def test_synthesise_split_names(store: Path, tmp_path: Path) -> None:
    """Amaranth's Verilog has a wire for each element of a stream. Names of ABC's results clash with theirs."""
    threshold = Threshold(i_shape=signed(8), hi=np.arange(8), lo=np.arange(8) - 5, par=4)
    text = verilog.convert(threshold, name="threshold", emit_src=False)
    assert synthesise({"threshold": text}, "ecp5", tmp_path, cache=store)["total"]["lut"] > 8


def test_synthesise_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known, under any name, is not synthesised again."""
    cache, modules = tmp_path / "cache", {"register": REGISTER, "parity": PARITY}
    first = synthesise(modules, "ice40", tmp_path, cache=cache)
    assert first["cpu_seconds"] > 0.1

    def run(*arguments: object) -> float:
        raise AssertionError("Yosys was called")

    monkeypatch.setattr(yosys, "run", run)
    again = synthesise(modules, "ice40", tmp_path, cache=cache)
    assert again == {**first, "cpu_seconds": 0}
    other = synthesise({"twin": PARITY.replace("parity", "twin")}, "ice40", tmp_path, cache=cache)
    assert other["modules"]["twin"] == first["modules"]["parity"]
    assert "module twin(" in (tmp_path / "twin.v").read_text()
    with pytest.raises(AssertionError, match="Yosys was called"):
        synthesise(modules, "ecp5", tmp_path, cache=cache)


def test_synthesise_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Builds that name a store find the results of other builds there. Without a store nothing is kept."""
    monkeypatch.setenv(STORE, str(tmp_path / "store"))
    first = synthesise({"parity": PARITY}, "ice40", tmp_path / "one")
    (entry,) = (tmp_path / "store" / "netlists").iterdir()
    assert synthesise({"parity": PARITY}, "ice40", tmp_path / "two") == {**first, "cpu_seconds": 0}
    assert (tmp_path / "two" / "parity.v").read_bytes() == (tmp_path / "one" / "parity.v").read_bytes()
    monkeypatch.delenv(STORE)
    assert synthesise({"parity": PARITY}, "ice40", tmp_path / "two")["cpu_seconds"] > 0
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["parity.v"] and entry.is_dir()


def test_synthesise_alike(tmp_path: Path) -> None:
    """Modules that differ only in their names cost one run, and both are counted."""
    modules = {name: PARITY.replace("parity", name) for name in ("one", "two")}
    result = synthesise(modules, "ice40", tmp_path, cache=tmp_path / "cache")
    assert result["total"]["lut"] == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_synthesise_spoilt_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = synthesise({"parity": PARITY}, "ice40", tmp_path, cache=cache)
    (entry,) = cache.iterdir()
    (entry / "result.json").write_text("{")
    assert synthesise({"parity": PARITY}, "ice40", tmp_path, cache=cache)["modules"].keys() == first["modules"].keys()


def test_synthesise_wrong(tmp_path: Path) -> None:
    broken = "module broken(output y);\n  assign y = 1 +;\nendmodule"
    with pytest.raises(SynthesisError, match="^broken: Yosys gave no netlist; its last word .*syntax error") as error:
        synthesise({"parity": PARITY, "broken": broken}, "ice40", tmp_path, cache=tmp_path / "cache")
    assert (error.value.module, error.value.exit_code) == ("broken", 3)
    assert not list((tmp_path / "cache").glob(".*"))
    with pytest.raises(SynthesisError, match="absent"):
        synthesise({"top": "module top; absent a(); endmodule"}, "ice40", tmp_path, cache=tmp_path / "cache")
    with pytest.raises(UsageError, match=f"^target must be one of {', '.join(FAMILIES)}, not 'ecp6'$"):
        synthesise({"parity": PARITY}, "ecp6", tmp_path)


@pytest.mark.parametrize("crashes", [1, 2])
def test_yosys_crashes(crashes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is mapped again by ABC's short recipe; if that crashes too, the crash is told."""
    run, ways = wasm.run, []

    def crash(package: str, function: str, arguments: list[str], *rest: object) -> float:
        if "-V" not in arguments:
            ways.append(arguments[-2:])
            if len(ways) <= crashes:
                raise wasm.ToolFailed(["Caused by:", "    wasm trap: unreachable"])
        return run(package, function, arguments, *rest)

    monkeypatch.setattr(wasm, "run", crash)
    if crashes == 2:
        with pytest.raises(SynthesisError, match="^adder: Yosys gave no netlist; its last word was '.*wasm trap"):
            synthesise({"adder": ADDER}, "gowin", tmp_path, cache=tmp_path / "cache")
    else:
        found = synthesise({"adder": ADDER}, "gowin", tmp_path, cache=tmp_path / "cache")
        assert figures(found["total"]) == (16, 0, 0, 0)
    assert ways == [["-s", "script.ys"],
                    ["-p", "scratchpad -copy abc9.script.default.fast abc9.script; script script.ys"]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_synthesise_killed(number: signal.Signals, tmp_path: Path) -> None:
    """A build that ends in the middle takes Yosys with it and leaves nothing that a later one takes for a result."""
    slow = "module slow(input [63:0] a, b, output [127:0] y); assign y = a * b % 127; endmodule"
    code = ("import signal, sys, pathlib; from tbn_hw.netlists.synthesis import synthesise\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it\n"
            f"synthesise({{'slow': {slow!r}}}, 'ice40', pathlib.Path('.'), cache=pathlib.Path('cache'))")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(Path.cwd()), *sys.path]))}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    cache = tmp_path / "cache"
    deadline = time.monotonic() + 120
    while not list(cache.glob(".*.tmp/script.ys")) or not running(cache):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) != 0
    assert not list(tmp_path.glob("*.v")) and not list(cache.glob("[!.]*"))
    while running(cache):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    synthesise({"parity": PARITY}, "ice40", tmp_path, cache=cache)
    assert not list(cache.glob(".*"))


def running(folder: Path) -> list[str]:
    """The processes whose working directory is below `folder`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(process.name)
        except OSError:
            continue
    return found
