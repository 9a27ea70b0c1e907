"""The synthesise stage: every module of a design mapped to the cells of the target's family."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.store import shared
from tbn_hw.netlists import synthesis
from tbn_hw.stages.keys import content_key, file_hash, sources
from tbn_hw.tools.versions import versions
from tbn_hw.verilog.joined import split

if TYPE_CHECKING:
    from tbn_hw.stages.generate import Generated
    from tbn_hw.stages.planned import Planned
    from tbn_hw.stages.site import Site

NETLISTS = "synth/netlists"


@dataclass(frozen=True)
class Synthesised:
    """The netlist of each module, the figures of each module by name, their total, and a hash of the netlists."""

    netlists: tuple[Path, ...]
    modules: dict[str, Any]
    total: dict[str, Any]
    key: str


def synthesise(site: Site, planned: Planned, generated: Generated) -> Synthesised:
    """Write a netlist of each module; raises DoesNotFit if they need more than the target's part has.

    Raises ToolMissing, and SynthesisError when Yosys fails.
    """
    target, name = site.options.target, planned.design.name
    key = content_key("synthesise", sources(__name__), generated.key, name, target.family, versions("yosys"))

    def produce(folder: Path) -> dict[str, Any]:
        netlists = folder / NETLISTS
        netlists.mkdir(parents=True)
        with site.progress("synthesise") as step:
            modules = split(generated.verilog.read_text())
            return synthesis.synthesise(modules, target.family, netlists, os.cpu_count() or 1, step, top=name,
                                        cache=shared("netlists", site.workspace.records / "yosys"))

    found = site.stage("synthesise", key, [NETLISTS], produce)
    target.require(found["total"])
    netlists = sorted((site.workspace.root / NETLISTS).glob("*.v"))
    return Synthesised(tuple(netlists), found["modules"], found["total"],
                       content_key(*((path.name, file_hash(path)) for path in netlists)))
