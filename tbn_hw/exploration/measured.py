"""A point of an exploration, built up to synthesis and measured; it may run on any machine that has this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tbn_hw.families.cells import FIGURES


def built(arguments: list[str], folding: str, folder: str) -> dict[str, Any]:
    """The figures of a build up to synthesis with this folding, in a folder of its own.

    `arguments` are those of `tbn_hw.build` that say what to build. If the build fails, `error` is its last line and the
    figures are None.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    stated = Path(folder, "stated.yaml")
    stated.write_text(folding)
    command = [sys.executable, "-m", "tbn_hw.build", *arguments, "--seeds", "0", "--folding", str(stated),
               "--output", str(Path(folder, "build"))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"the build ended with exit code {done.returncode}"]
        return dict.fromkeys(("cycles", *FIGURES)) | {"error": said[-1]}
    report = json.loads(Path(folder, "build", "report.json").read_text())
    figures = {figure: report["synthesis"][figure] for figure in FIGURES}
    return {"cycles": report["verify"]["interval_cycles"], **figures, "error": None}
