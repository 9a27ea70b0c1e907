"""`python -m tbn_hw.build` as its user runs it: files, figures, caching, kills, determinism, and what it refuses."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.builds import build as build_here

from quantize.network import Network
from quantize.zoo import ZOO
from tbn_hw.report.page import render

DIGITS = "tbn_digits.yaml"


def build(*arguments, cwd=".", check=None):
    """A build that keeps its simulators and netlists to itself, as it does for a user."""
    done = build_here(*arguments, cwd=cwd, shared=False)
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


def build_apart(*arguments, env, check):
    """A build in a process of its own, with another environment."""
    done = subprocess.run([sys.executable, "-m", "tbn_hw.build", *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, **env})
    assert "Traceback" not in done.stderr and done.returncode == check, done.stderr
    return done


def files_of(folder):
    """Everything a build hands over, byte for byte; logs and reports carry times and are left out."""
    parts = [folder / "network.safetensors", *sorted((folder / "rtl").iterdir()), *sorted((folder / "rom").iterdir())]
    return {str(part.relative_to(folder)): part.read_bytes() for part in parts}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The digits network through every stage, once."""
    folder = tmp_path_factory.mktemp("build") / "digits"
    build("--model", DIGITS, "--target", "ice40", "--seeds", "1", "--output", folder, check=0)
    return folder


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_digits_end_to_end(digits):
    report = json.loads((digits / "report.json").read_text())
    assert report["verify"]["mismatches"] == 0 and report["verify"]["images"] >= 2
    assert report["verify"]["outputs_compared"] >= 10 * report["verify"]["images"]
    assert report["network"]["memory_saving"] == 32
    assert report["seeds"]["random_weights"] is None
    assert report["accuracy"]["images"] == 100 and report["accuracy"]["golden_percent"] >= 90
    assert 500 < report["synthesis"]["lut"] < 7680, "should fit an iCE40 HX8K"
    netlist, stages = report["verify"]["netlist"], {"load", "fold", "generate", "verify", "synthesise", "netlist"}
    assert set(report["seconds"]) == stages | {"route", "report"}
    assert (netlist["images"], netlist["mismatches"], netlist["skipped"]) == (3, 0, None)
    assert netlist["outputs_compared"] == 3 * 11 and netlist["simulator"].startswith("Verilator")
    slowest = max(layer["cycles"] for layer in report["layers"])
    assert report["verify"]["interval_cycles"] == slowest
    assert all(layer["cycles"] == layer["ideal_cycles"] for layer in report["layers"])
    assert sum(layer["lut"] for layer in report["layers"]) <= report["synthesis"]["lut"]
    for figures in (report["synthesis"], *report["layers"]):
        assert sum(part["lut"] for part in figures["parts"].values()) == figures["lut"]
    assert sum(part["lut_share"] for part in report["synthesis"]["parts"].values()) == pytest.approx(1)
    lanes = sum(layer["pe"] * layer["simd"] for layer in report["layers"] if layer["kind"] in ("conv", "dense"))
    assert report["synthesis"]["lanes"] == lanes
    assert report["synthesis"]["lut_per_lane"] == report["synthesis"]["lut"] / lanes
    assert (digits / "report.html").read_text() == render(report)
    for name in ("manifest.json", "network.safetensors", "rtl/tbn_digits.v"):
        assert (digits / name).stat().st_size
    assert list((digits / "sim").iterdir()) and list((digits / "synth").iterdir())


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_digits_routed(digits):
    """The bitstream lies beside the netlists, and the routed clock and the counted cycles give the frame rate."""
    report, manifest = (json.loads((digits / name).read_text()) for name in ("report.json", "manifest.json"))
    route, throughput, verify = report["route"], report["throughput"], report["verify"]
    assert route["tool"].startswith("nextpnr-ice40 ") and route["device"] == "ice40 hx8k ct256" and route["seed"] == 1
    assert route["bitstream_bytes"] == (digits / "synth" / "tbn_digits.bin").stat().st_size > 100_000
    assert "synth/tbn_digits.bin" in manifest["files"]
    assert {path.name for path in (digits / "synth").iterdir()} == {"netlists", "route", "tbn_digits.bin"}
    assert 20 < route["fmax_mhz"] == route["median_mhz"] < 300 and route["clock_mhz"] is None
    assert report["synthesis"]["lut"] < route["used"]["ICESTORM_LC"] < route["available"]["ICESTORM_LC"] == 7680
    assert report["synthesis"]["available"]["lut"] == 7680 and report["synthesis"]["part"] == "iCE40HX8K"
    assert throughput["at_mhz"] == route["fmax_mhz"] and throughput["source"] == f"{route['tool']}, seed 1"
    assert throughput["fps"] == pytest.approx(1e6 * route["fmax_mhz"] / verify["interval_cycles"], abs=0.01)
    assert throughput["latency_ms"] == pytest.approx(verify["latency_cycles"] / route["fmax_mhz"] / 1e3, abs=1e-5)
    assert throughput["gops"] == pytest.approx(2e-9 * report["network"]["macs"] * throughput["fps"], abs=1e-3)
    ends = {end.partition(", ")[0] for end in (route["critical_path"]["from"], route["critical_path"]["to"])}
    assert ends <= {"top", "axi_input", "axi_output", *(layer["name"] for layer in report["layers"])}


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_missed_clock(digits, tmp_path):
    """It is said by how much and where; the routed netlist is kept, but no bitstream and no report are left."""
    copy = shutil.copytree(digits, tmp_path / "digits")
    arguments = ["--model", DIGITS, "--output", copy]
    done = build(*arguments, "--target", "ice40", "--seeds", "1", "--clock", "500", check=5)
    assert re.search(r"error: ice40: the clock of 500 MHz is missed by \d+\.\d+ MHz; the best of 1 seed r", done.stderr)
    assert not (copy / "synth" / "tbn_digits.bin").exists()
    assert not (copy / "report.json").exists() and not (copy / "report.html").exists()
    assert (copy / "synth" / "route" / "seed1.log").exists()
    done = build(*arguments, "--target", "ice40", "--seeds", "1", "--clock", "500", check=5)
    assert "route: unchanged" in done.stderr


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_second_run_repeats_nothing(digits):
    before = (digits / "report.json").read_bytes()
    done = build("--model", DIGITS, "--target", "ice40", "--seeds", "1", "--output", digits, check=0)
    for stage in ("generate", "verify", "synthesise", "netlist", "route"):
        assert f"{stage}: unchanged" in done.stderr
    after = json.loads((digits / "report.json").read_text())
    assert {**after, "seconds": None} == {**json.loads(before), "seconds": None}


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_rom_images_equal_the_verilog(digits):
    """The `.mem` files hold what the memories in the Verilog start with, and both hold the network's weights."""
    verilog = (digits / "rtl" / "tbn_digits.v").read_text()
    found = 0
    for image in (digits / "rom").glob("*.mem"):
        rows = [int(line, 16) for line in image.read_text().split()]
        module = verilog.split(f"// ==== tbn_digits_{image.stem}\n")[1].split("// ==== ")[0]
        memories = re.findall(r"reg \[\d+:0\] (\\?\S+) +\[\d+:0\];\s*initial begin(.*?)end", module, re.DOTALL)
        contents = [
            [int(value, {"h": 16, "d": 10}[base]) for base, value in re.findall(r"= \d+'([hd])([0-9a-f]+);", text)]
            for _, text in memories
        ]
        assert rows in contents, image.stem
        found += 1
    assert found == sum("weights" in node.arrays for node in Network.load(digits / "network.safetensors").nodes)


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_folding_file(digits, tmp_path):
    """The folding that a build wrote gives the same files again, another one does not."""
    text = (digits / "folding.yaml").read_text()
    assert "layers[0].conv: {pe: " in text
    (tmp_path / "same.yaml").write_text(text)
    arguments = ["--model", DIGITS, "--target", "ice40", "--until", "generate", "--output", tmp_path / "b", "--folding"]
    build(*arguments, tmp_path / "same.yaml", check=0)
    assert files_of(tmp_path / "b") == files_of(digits)
    (tmp_path / "other.yaml").write_text("layers[0].conv: {pe: 4, simd: 3}\n")
    build(*arguments, tmp_path / "other.yaml", check=0)
    assert files_of(tmp_path / "b") != files_of(digits)
    assert "layers[0].conv: {pe: 4, simd: 3}\n" in (tmp_path / "b" / "folding.yaml").read_text()


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_own_pictures(digits, tmp_path):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / "colour.png")
    Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(tmp_path / "grey.png")
    done = build(
        "--model",
        DIGITS,
        "--target",
        "ice40",
        "--output",
        digits,
        "--until",
        "verify",
        "--images",
        tmp_path / "colour.png",
        tmp_path / "grey.png",
        check=0,
    )
    assert "colour.png" in done.stderr and "grey.png" in done.stderr and "1." in done.stderr


@pytest.mark.yosys
def test_same_bytes_with_any_hash_seed(tmp_path):
    for seed in ("1", "2"):
        build_apart("--model", DIGITS, "--until", "generate", "--output", tmp_path / seed,
                    env={"PYTHONHASHSEED": seed}, check=0)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")
    assert str(tmp_path) not in (tmp_path / "1" / "rtl" / "tbn_digits.v").read_text()


@pytest.mark.nextpnr
@pytest.mark.verilator
@pytest.mark.parametrize("sign", [".stages/lock", "network.safetensors", "folding.yaml", ".stages/generate.tmp/rtl",
                                  ".stages/generate.tmp/rom"])
def test_killed_then_run_again(digits, tmp_path, sign):
    """Killed once a file is there, some stages in; what follows gives the files of an undisturbed build."""
    arguments = ["--model", DIGITS, "--target", "ice40", "--until", "generate", "--output", tmp_path / "b"]
    process = subprocess.Popen([sys.executable, "-m", "tbn_hw.build", *map(str, arguments)], stderr=subprocess.DEVNULL,
                               start_new_session=True)
    wait_for(tmp_path / "b" / sign, process)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    build(*arguments, check=0)
    assert files_of(tmp_path / "b") == files_of(digits)
    visible = {entry.name for entry in (tmp_path / "b").iterdir()}
    assert visible == {".stages", "network.safetensors", "folding.yaml", "rtl", "rom"}


def wait_for(file, process):
    """Wait until a process has written a file, which it must do before it ends."""
    while not file.exists():
        assert process.poll() is None
        time.sleep(0.002)


def changed(tmp_path, old, new):
    """The digits model with a change, and its weights beside it."""
    text = (ZOO / DIGITS).read_text()
    assert old in text
    (tmp_path / "changed.yaml").write_text(text.replace(old, new, 1))
    (tmp_path / "changed.safetensors").write_bytes((ZOO / "tbn_digits.safetensors").read_bytes())
    return tmp_path / "changed.yaml"


def truncated(tmp_path):
    data = (ZOO / "tbn_digits.safetensors").read_bytes()
    (tmp_path / "short.safetensors").write_bytes(data[: len(data) // 2])
    return tmp_path / "short.safetensors"


def folding(tmp_path, text):
    (tmp_path / "f.yaml").write_text(text)
    return tmp_path / "f.yaml"


WRONG = {
    "no model": (lambda t: ["--model", "nothing.yaml"], 2, "--model: nothing.yaml: no such model file; the zoo holds "),
    "no qonnx file": (lambda t: ["--model", "nothing.onnx"], 2, "--model: nothing.onnx: no such file"),
    "folder for a model": (lambda t: ["--model", t], 2, ": a model file must be a file, not a folder"),
    "unknown key": (
        lambda t: ["--model", changed(t, "kernel: 3", "kernel: 3, colour: red")],
        1,
        "changed.yaml:8: layers[0].conv.colour: unknown key 'colour'",
    ),
    "wrong type": (
        lambda t: ["--model", changed(t, "kernel: 3", "kernel: three")],
        1,
        "must be an integer, not 'three'",
    ),
    "truncated weights": (
        lambda t: ["--model", DIGITS, "--weights", truncated(t)],
        1,
        "is not a whole safetensors file",
    ),
    "missing weights": (
        lambda t: ["--model", DIGITS, "--weights", "none.safetensors"],
        2,
        "--weights: none.safetensors: no such file",
    ),
    "folder for weights": (lambda t: ["--model", DIGITS, "--weights", t], 2, ": cannot be read; is a directory"),
    "foreign weights": (
        lambda t: ["--model", DIGITS, "--weights", ZOO / "tbn_resnet.safetensors"],
        1,
        "the model file's is",
    ),
    "other shapes": (lambda t: ["--model", changed(t, "channels: 16", "channels: 8")], 1, "weights of shape"),
    "other weights": (
        lambda t: ["--model", changed(t, "weights: binary", "weights: int8")],
        1,
        "layers[0].conv is weights binary, kernel 3, stride 1, padding 1 of output (8, 8, 16), where the model file "
        "tbn_digits has weights int8, kernel 3",
    ),
    "other activations": (
        lambda t: ["--model", changed(t, "- ternary", "- binary")],
        1,
        "layers[2].ternary, where the model file tbn_digits has none",
    ),
    "other pool": (
        lambda t: ["--model", changed(t, "- max_pool: {kernel: 2}", "- max_pool: {kernel: 1, stride: 2}")],
        1,
        "layers[4].max_pool is kernel 2, stride 2 of output (4, 4, 32), where",
    ),
    "other classes": (lambda t: ["--model", changed(t, "top_k: 1 ", "top_k: 3 ")], 1, "top_k is 1, where the model"),
    "folding": (
        lambda t: ["--model", changed(t, "weights: binary}", "weights: binary, folding: {pe: 5, simd: 1}}")],
        1,
        "PE 5 must evenly divide",
    ),
    "folding file": (
        lambda t: ["--model", DIGITS, "--folding", folding(t, "layers[0].conv:\n  pe: 5\n")],
        1,
        "f.yaml:1: layers[0].conv: PE 5 must evenly divide matrix height 16",
    ),
    "no folding file": (lambda t: ["--model", DIGITS, "--folding", t / "f.yaml"], 2, "f.yaml: no such file"),
    "target": (lambda t: ["--model", DIGITS, "--target", "abacus"], 2, "--target: there is no target 'abacus'"),
    "stage": (lambda t: ["--model", DIGITS, "--until", "lunch"], 2, "argument --until: invalid choice: 'lunch'"),
    "flag": (lambda t: ["--model", DIGITS, "--faster"], 2, "unrecognized arguments: --faster"),
    "routed target": (
        lambda t: ["--model", DIGITS, "--target", "xc7", "--until", "route"],
        2,
        "--target: xc7 (XC7A100T) is for synthesis only; there is no open place and route for it",
    ),
    "seeds": (lambda t: ["--model", DIGITS, "--seeds", "-1"], 2, "--seeds must not be negative, but is -1"),
    "clock": (lambda t: ["--model", DIGITS, "--clock", "0"], 2, "--clock must be a frequency in MHz, with at least"),
    "clock and no seeds": (lambda t: ["--model", DIGITS, "--clock", "9", "--seeds", "0"], 2, "with at least one of --"),
    "rate": (lambda t: ["--model", DIGITS, "--fps", "quick"], 2, "--fps: must be a positive number of frames a second"),
    "rate and folding": (
        lambda t: ["--model", DIGITS, "--fps", "9", "--folding", folding(t, "layers[0].conv:\n  pe: 4\n")],
        2,
        "--fps asks for a folding and --folding states one",
    ),
    "rate out of reach": (
        lambda t: ["--model", DIGITS, "--target", "icebreaker", "--fps", "100000"],
        5,
        "LUTs of them in layers[3].conv; the fastest folding that fits makes",
    ),
    "no picture": (lambda t: ["--model", DIGITS, "--images", t / "cat.png"], 2, "cat.png: no such file"),
    "images": (
        lambda t: ["--model", DIGITS, "--verify-images", "0"],
        2,
        "--verify-images must be a positive integer, not 0",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case, tmp_path):
    make, code, sentence = WRONG[case]
    (tmp_path / "out").mkdir()
    done = build(*make(tmp_path), *([] if case == "flag" else ["--output", tmp_path / "out"]), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and sentence in errors[0]
    if code == 1:
        assert not {entry.name for entry in (tmp_path / "out").iterdir()} - {".stages", "network.safetensors"}


@pytest.mark.yosys
def test_killed_while_its_processes_work(tmp_path):
    """The pipe at standard output closes when the last process of the build has ended."""
    command = [sys.executable, "-m", "tbn_hw.build", "--model", DIGITS, "--until", "generate", "--output", tmp_path]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(tmp_path / ".stages" / "generate.tmp" / "rom", process)
    while not any(children(worker) for worker in children(process.pid)):
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.communicate(timeout=20)
    assert process.returncode == -9 and not (tmp_path / "rtl").exists()


def children(pid):
    """The processes that the main thread of a process has started; none of one that has ended."""
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []


def test_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    done = build("--model", DIGITS, "--output", tmp_path / "file", check=2)
    assert "must be a folder that can be written" in done.stderr


@pytest.mark.yosys
def test_missing_compiler(tmp_path):
    """Without a C++ compiler the build says so before it simulates, and keeps what was done."""
    done = build_apart("--model", DIGITS, "--output", tmp_path, env={"PATH": str(tmp_path)}, check=3)
    assert "compiler" in done.stderr.lower()
    assert not (tmp_path / "sim").exists() and (tmp_path / "rtl").exists()
