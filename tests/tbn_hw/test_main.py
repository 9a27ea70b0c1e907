"""`tbn-hw`: its commands, what `--help` and `--version` say and wait for, and its sentences and exit codes."""

import argparse
import importlib
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest
from support.paths import ROOT

from quantize.zoo import model_names
from tbn_hw.__main__ import COMMANDS, main
from tbn_hw.shared import errors
from tbn_hw.shared.command import EXITS
from tbn_hw.targets.catalogue import find_target, names
from tbn_hw.tools.versions import PACKAGES, versions

HEAVY = {"amaranth", "cocotb", "numpy", "onnx", "pydantic", "scipy", "serial", "torch", "yaml"}
"""Packages that whoever asks for help, or has a flag wrong, does not wait for."""


def told(capsys, *arguments):
    """What a command prints that ends itself, as `--help` does."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    out, err = capsys.readouterr()
    assert not err
    return out


def refused(capsys, code, *arguments):
    """The sentence of a command that is refused."""
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err[len("error: "):-1]


def test_help(capsys):
    text = told(capsys, "--help")
    assert text.startswith("usage: tbn-hw COMMAND [options]\n")
    assert re.findall(r"^  (\w+) +(.*)$", text.split("\ncommands:\n")[1].split("\n\n")[0], re.M) == [
        (name, command.does) for name, command in COMMANDS.items()]
    assert re.findall(r"^  (\d+) ", text, re.M) == [str(code) for code in EXITS]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(name, capsys):
    text = told(capsys, name, "--help")
    assert text.startswith(f"usage: tbn-hw {name} ")
    below = text[text.index("\nexamples:\n"):]
    assert "\nwhat is written" in below and "\n  130  stopped with Ctrl-C" in below.split("\nexit codes:\n")[1]
    assert all(len(line) <= 80 for line in below.splitlines() if not line.startswith(("  tbn-hw", "  torchrun")))


@pytest.mark.parametrize("name", ["build", "train"])
def test_help_names_the_zoo(name, capsys):
    listed = told(capsys, name, "--help").split("\nmodels of the zoo:\n")[1].split("\n\n")[0]
    assert re.findall(r"^  (\w+) +\w", listed, re.M) == model_names()


def test_examples(capsys, monkeypatch):
    """Each command line that a `--help` shows is one."""
    examples = [example for name in (None, *COMMANDS) for example in re.findall(
        r"^  tbn-hw (.*)$", told(capsys, *filter(None, [name]), "--help"), re.M)]
    assert {example.split()[0] for example in examples} == set(COMMANDS)

    class Taken(Exception):
        pass

    def parse(self, arguments, parse=argparse.ArgumentParser.parse_args):
        parse(self, arguments)
        raise Taken

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    for example in examples:
        with pytest.raises((Taken, SystemExit)) as end:
            main(shlex.split(example))
        assert isinstance(end.value, Taken) or end.value.code == 0, example


@pytest.mark.parametrize("arguments", [
    ["--help"], ["--version"], ["biuld"], ["build", "--help"], ["build", "--mdel"], ["explore", "--help"],
    ["run", "--help"], ["run", "--build", "b", "--port", "p", "--timeout", "0", "f"]], ids=" ".join)
def test_nobody_waits_for_the_toolchain(arguments):
    code = ("import json, sys\nfrom tbn_hw.__main__ import main\n"
            "try:\n  main(sys.argv[1:])\nexcept SystemExit:\n  pass\n"
            "print(json.dumps(sorted(sys.modules)))")
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "tbn_hw.__main__" in loaded and not HEAVY.intersection(loaded)


def test_version(capsys, monkeypatch):
    assert told(capsys, "--version").splitlines() == [
        f"tbn-hw {metadata.version('tbn-hw')}", f"Python {platform.python_version()}",
        *(f"{name} {version}" for name, version in versions().items())]
    monkeypatch.setitem(PACKAGES, "yosys", "no-such-package")
    assert "\nyosys is not installed\n" in told(capsys, "--version")


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["biuld"], "there is no command 'biuld'; near it is build"),
    (["Trian", "--help"], "there is no command 'Trian'; near it is train"),
    (["x"], "there is no command 'x'; choose one of build, explore, run, train, export, qonnx"),
    ([], "a command is missing: build, explore, run, train, export, qonnx; see tbn-hw --help"),
    (["--faster", "build"], "unrecognized arguments: --faster build; see tbn-hw --help"),
    (["build", "--mdel", "x"], "the following arguments are required: --model; see tbn-hw build --help"),
    (["explore", "--model", "x"], "the following arguments are required: --targets; see tbn-hw explore --help"),
    (["run", "f"], "the following arguments are required: --build, --port; see tbn-hw run --help"),
    (["build", "--model", "tbn_digits", "--target", "lists"], "--target: there is no target 'lists'; choose one of "),
])
def test_wrong(arguments, sentence, capsys):
    found = refused(capsys, 2, *arguments)
    assert found == sentence or sentence.endswith("one of ") and found.startswith(sentence)


@pytest.mark.parametrize(("arguments", "sentence"), [
    (["train"], "the following arguments are required: --model; see tbn-hw train --help"),
    (["export"], "the following arguments are required: --model, --checkpoint, -o/--output; see tbn-hw export --help"),
    (["qonnx"], "the following arguments are required: COMMAND; see tbn-hw qonnx --help"),
    (["qonnx", "check"], "the following arguments are required: file; see tbn-hw qonnx check --help"),
])
def test_wrong_training(arguments, sentence, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert capsys.readouterr().err == f"error: {sentence}\n"


@pytest.mark.parametrize(("name", "package", "extra"), [
    ("train", "torch", "train"), ("export", "torch", "train"), ("qonnx", "onnx", "qonnx"),
    ("explore", "matplotlib", "explore")])
def test_missing_package(name, package, extra, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    more = ["--model", "tbn_digits", "--targets", "icebreaker"] if name == "explore" else []
    assert main([name, *more]) == 3
    sentence = f"error: {package} is missing; install it with pip install '.[{extra}]'"
    assert " ".join(capsys.readouterr().err.split()) == sentence


def test_stopped(capsys, monkeypatch):
    def stop(module):
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib, "import_module", stop)
    assert main(["build", "--model", "tbn_digits"]) == 130


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--target", "list"]], ids=" ".join)
def test_unread(arguments):
    """Where nothing reads the output the exit code says so, and nothing else does."""
    read, write = os.pipe()
    os.close(read)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run([sys.executable, "-m", "tbn_hw", *arguments], cwd=ROOT, env=environment, stdout=write,
                          stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


FULL = "error: the output: No space left on device\n"
NONE = "error: there is no command 'none'; "


@pytest.mark.parametrize(("command", "streams", "code", "said"), [
    ("-m tbn_hw --help", ">/dev/full", 2, FULL), ("-u -m tbn_hw --help", ">/dev/full", 2, FULL),
    ("-m tbn_hw --help", "<&- >&- 2>&-", 0, ""), ("-m tbn_hw --help", ">&-", 0, ""),
    ("-m tbn_hw none", "2>/dev/full", 2, ""), ("-m tbn_hw none", "2>&-", 2, ""), ("-m tbn_hw none", ">&-", 2, NONE),
    ("-m quantize.qonnx --help", ">/dev/full", 1, FULL), ("-m quantize.qonnx check none", "2>/dev/full", 1, ""),
    ("-m quantize.qonnx none", "2>/dev/full", 2, ""), ("-m sim.golden --help", ">/dev/full", 1, FULL),
    ("-m sim.golden --network none --images none", "2>/dev/full", 1, ""), ("-m sim.golden", "2>&-", 2, "")])
def test_streams_that_are_full_or_closed(command, streams, code, said):
    """The exit code is a documented one, and where there is a place for it one sentence says why."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(["bash", "-c", f"{sys.executable} {command} {streams}"], cwd=ROOT, capture_output=True,
                          env=environment, text=True, check=False)
    assert done.returncode == code and done.stderr.startswith(said) and done.stderr.count("\n") == bool(said)


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path):
    """Otherwise what a library prints would go into the file."""
    code = "import os, sys; from quantize.streams import open_closed; open_closed(); file = open(sys.argv[1], 'wb'); " \
           "os.write(1, b'out'); os.write(2, b'err'); assert os.read(0, 1) == b''"
    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "$0" "$1" <&- >&- 2>&-', code, str(tmp_path / "file")],
                          cwd=ROOT, check=False)
    assert done.returncode == 0 and (tmp_path / "file").read_bytes() == b""


def test_targets(capsys):
    text = told(capsys, "build", "--target", "list")
    assert told(capsys, "explore", "--targets", "icebreaker", "list") == text
    boards, bare, parts = (table.splitlines() for table in text.split("\n\n")[:3])
    assert max(map(len, text.splitlines())) <= 80
    assert sorted(line.split()[0] for line in (*boards[1:], *bare[1:])) == names()
    for line in parts[1:]:
        name, family, *figures, clock, routed = line.replace(",", "").split()
        target = next(target for target in map(find_target, names()) if target.part_name == name)
        part = target.part
        assert (family, *map(int, figures), float(clock)) == (
            target.family, part.lut, part.ff, part.bram, part.dsp, part.clock_mhz)
        assert routed == ("no" if target.device is None else "yes")
    assert len(parts) - 1 == len({find_target(name).part_name for name in names()})
    assert "ulx3s-85f        LFE5U-85F  CABGA381 speed 6      205   25  3,000,000" in boards
    assert "xc7a35t     XC7A35T    csg324 speed 1     210" in bare


def test_exit_codes():
    codes = {error.exit_code for error in vars(errors).values()
             if isinstance(error, type) and issubclass(error, errors.BuildError)}
    assert codes == set(EXITS) - {0, 130, 141}


def test_entry_point():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    module, name = scripts["tbn-hw"].split(":")
    assert list(scripts) == ["tbn-hw"] and getattr(importlib.import_module(module), name) is main
