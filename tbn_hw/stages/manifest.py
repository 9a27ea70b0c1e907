"""`manifest.json`: what a build made."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tbn_hw.stages.workspace import file_hash
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.streaming.generate import ports
from tbn_hw.tools.versions import versions


def manifest(root: Path, accelerator: Accelerator) -> dict[str, Any]:
    """What was built in the folder `root`: hashes of the files, tool versions, folding, queue depths and ports."""
    files = [root / "network.safetensors", *sorted((root / "rtl").iterdir()), *sorted((root / "rom").iterdir()),
             *sorted((root / "synth" / "board").glob("*")),
             *sorted((root / "synth").glob(f"{accelerator.name}.bi[tn]"))]
    return {
        "model": accelerator.network.name,
        "files": {str(file.relative_to(root)): file_hash(file) for file in files},
        "versions": versions(),
        "folding": {engine.node.name: asdict(engine.folding)
                    for engine in accelerator.engines if engine.node is not None},
        "queues": {engine.name: engine.depth for engine in accelerator.engines if engine.kind == "queue"},
        "ports": asdict(ports(accelerator)),
    }
