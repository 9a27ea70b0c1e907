"""`manifest.json`: the list of what a build made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tbn_hw.shared.design import Design
from tbn_hw.stages.keys import file_hash
from tbn_hw.tools.versions import versions


def manifest(root: Path, design: Design, routed: Sequence[Path]) -> dict[str, Any]:
    """The manifest of the build in the folder `root`: hashes of files, tool versions, the layout, and the ports.

    `routed` are the files of place and route.
    """
    files = [root / "network.safetensors", *sorted((root / "rtl").iterdir()), *sorted((root / "rom").iterdir()),
             *routed]
    return {
        "model": design.network.name,
        "files": {str(file.relative_to(root)): file_hash(file) for file in files},
        "versions": versions(),
        **design.settings(),
        "ports": asdict(design.ports),
    }
