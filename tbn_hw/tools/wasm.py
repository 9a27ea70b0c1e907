"""`python -m tbn_hw.tools.wasm PACKAGE FUNCTION ARGUMENT...`: a WebAssembly tool that ends with its parent.

The process watches its standard input. When that closes, its parent is gone, and the process ends too. Its last line of
output is the CPU time that it took.

A tool sees a /tmp of its own, so files are named relative to the working directory.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sim.process import ProcessFailed, execute, log_end

CPU_SECONDS = "cpu seconds:"
PRINTED = "printed.log"
STACK = 2 << 20
"""Bytes of WebAssembly stack, four times the default and the most that wasmtime takes: some passes recurse deeply."""
THREAD_STACK = 64 << 20


class ToolFailed(Exception):
    """A tool ended with an error; `lines` are the last lines that it printed."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(lines[-1] if lines else "no message")
        self.lines = lines


def run(package: str, function: str, arguments: list[str], folder: Path,
        watch: Callable[[], None] | None = None) -> float:
    """Run `function` of `package` in `folder`; returns its CPU seconds. Its output goes to the file PRINTED there.

    `watch` is called now and then, and ends the run if it raises. Raises ToolFailed when the tool fails.
    """
    printed = folder / PRINTED
    try:
        execute([sys.executable, "-m", __name__, package, function, *arguments], printed, cwd=folder,
                env={"TMPDIR": str(folder.resolve())}, watch=watch)
    except ProcessFailed:
        raise ToolFailed(log_end(printed).splitlines()) from None
    return float(printed.read_text(errors="replace").rpartition(CPU_SECONDS)[2])


def main() -> int:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import wasmtime

    plain = wasmtime.Config

    def config() -> wasmtime.Config:
        deep = plain()
        deep.max_wasm_stack = STACK
        return deep

    wasmtime.Config = config  # type: ignore[misc, assignment]
    threading.stack_size(THREAD_STACK)
    package, function, *arguments = sys.argv[1:]
    status: int = getattr(importlib.import_module(package), function)(arguments)
    if not status:
        print(f"\n{CPU_SECONDS} {time.process_time():.2f}", flush=True)
    return status


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
