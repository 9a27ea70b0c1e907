"""The commands of this project by one name: `tbn-hw`, or `python -m tbn_hw`."""

from __future__ import annotations

import argparse
import difflib
import importlib
import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any, NamedTuple

from quantize.command import sections
from tbn_hw.shared.command import Parser, exits, finish, require
from tbn_hw.shared.errors import ToolMissing, UsageError

DISTRIBUTION = "tbn-hw"
DESCRIPTION = "From ternary-binary neural networks to verified FPGA accelerators, with open tools."


class Command(NamedTuple):
    """The module whose `main(arguments, prog)` a command is, what it does, and the extra and the package it needs."""

    module: str
    does: str
    needs: tuple[str, str] | None = None


COMMANDS = {
    "build": Command("tbn_hw.build", "from a trained model to Verilog, verified, with bitstream and report"),
    "explore": Command("tbn_hw.explore", "how fast a network can be on which targets, and what each rate costs"),
    "run": Command("tbn_hw.run", "your own pictures through a board that runs a build"),
    "train": Command("quantize.train", "trains a model", ("train", "torch")),
    "export": Command("quantize.export", "turns a trained model into the network that is built", ("train", "torch")),
    "qonnx": Command("quantize.qonnx.__main__", "QONNX files in and out", ("qonnx", "onnx")),
}
EXAMPLES = (
    ("%(prog)s build --model tbn_digits", "a trained network of the zoo as an accelerator, in build/tbn_digits"),
    ("%(prog)s build --target list", "the boards and parts it can be built for"),
    ("%(prog)s train --model my.yaml --data DIR", "a network of your own: training,"),
    ("%(prog)s export --model my.yaml --checkpoint build/my/train/checkpoint.pt -o my.safetensors",
     "its integers,"),
    ("%(prog)s build --model my.yaml --target icebreaker", "and its bitstream"),
    ("%(prog)s build --help", "all about one command"),
)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print("\n".join(f"{name} {version}" for name, version in _versions()))
        parser.exit()


def _versions() -> list[tuple[str, str]]:
    """This package, the Python that runs it, and the tools that a build calls."""
    from tbn_hw.tools.versions import PACKAGES, versions

    try:
        found = [(DISTRIBUTION, metadata.version(DISTRIBUTION))]
    except metadata.PackageNotFoundError:
        found = [(DISTRIBUTION, "is not installed")]
    found.append(("Python", platform.python_version()))
    for name in PACKAGES:
        try:
            found += versions(name).items()
        except ToolMissing:
            found.append((name, "is not installed"))
    return found


def _chosen(given: Sequence[str], prog: str) -> Command:
    """The command that a command line names; raises UsageError where it names none, and ToolMissing."""
    parser = Parser(prog=prog, usage="%(prog)s COMMAND [options]", description=DESCRIPTION, epilog=sections(
        ("commands", [(name, command.does) for name, command in COMMANDS.items()]),
        ("examples", EXAMPLES), ("exit codes", exits(1, 2, 3, 4, 5, 6))))
    parser.add_argument("--version", action=_Version, nargs=0,
                        help="show the versions of this package and of its tools, and exit")
    if not given or given[0].startswith("-"):
        parser.parse_args(given)
        parser.error(f"a command is missing: {', '.join(COMMANDS)}")
    name = given[0]
    if name not in COMMANDS:
        near = difflib.get_close_matches(name.lower(), COMMANDS, n=3, cutoff=0.6)
        raise UsageError(f"there is no command {name!r}; " + (
            f"near it {'are' if near[1:] else 'is'} {' and '.join(near)}" if near
            else f"choose one of {', '.join(COMMANDS)}"))
    command = COMMANDS[name]
    if command.needs:
        require(*command.needs)
    return command


def main(arguments: Sequence[str] | None = None, prog: str = "tbn-hw") -> int:
    """Run the command that the first argument names; returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> int:
        module = importlib.import_module(_chosen(given, prog).module)
        code: int = module.main(given[1:], f"{prog} {given[0]}")
        return code

    return finish(work)


if __name__ == "__main__":
    sys.exit(main(prog="python -m tbn_hw"))
