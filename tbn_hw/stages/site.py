"""The site of a build: what all its stages share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tbn_hw.options import Options
from tbn_hw.shared.design import Progress
from tbn_hw.shared.progress import progress
from tbn_hw.stages.workspace import Outcome, Workspace

SUMMARIES = ("manifest.json", "report.json", "report.html")
"""Files that describe a whole build. They are removed when a part of it changes."""
CHECKS = ("accuracy", "verify", "netlist")
"""Stages that only check: no other stage uses their files."""


@dataclass(frozen=True)
class Site:
    """The options of a build, its terminal and its folder, and the seconds of each stage that is done."""

    options: Options
    console: Console
    workspace: Workspace
    seconds: dict[str, float] = field(default_factory=dict)

    def progress(self, what: str) -> AbstractContextManager[Progress]:
        """A progress bar in the terminal."""
        return progress(what, self.console)

    def write(self, name: str, data: bytes) -> None:
        """Write a file that others are made from. If it changes, the SUMMARIES are removed."""
        if self.workspace.write(name, data):
            self.workspace.discard(*SUMMARIES)

    def outcome(self, name: str, key: str, outputs: Sequence[str],
                produce: Callable[[Path], dict[str, Any]]) -> Outcome:
        """As `Workspace.stage`. If the stage has to run, the report of an earlier build is removed first.

        The bitstream of an earlier build is removed if the stage's files are no longer those that it was made from.
        """
        def fresh(folder: Path) -> dict[str, Any]:
            self.workspace.discard(*SUMMARIES)
            data = produce(folder)
            if name not in CHECKS and self.workspace.differs(folder, outputs):
                self.workspace.discard(*self._bitstreams())
            return data

        return self.workspace.stage(name, key, outputs, fresh)

    def stage(self, name: str, key: str, outputs: Sequence[str],
              produce: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
        """The result of a stage. Its seconds are noted. The arguments are those of `outcome`."""
        outcome = self.outcome(name, key, outputs, produce)
        self.done(name, outcome.seconds, outcome.cached)
        return outcome.data

    def done(self, stage: str, seconds: float, cached: bool = False) -> None:
        """Note the seconds of a stage, and print them."""
        self.seconds[stage] = round(seconds, 2)
        self.console.print(f"{stage}: {'unchanged' if cached else f'{seconds:.1f} s'}")

    def _bitstreams(self) -> list[str]:
        """The files of the folder `synth`. Everything in it except bitstreams lies in subfolders."""
        synth = self.workspace.root / "synth"
        return [f"synth/{path.name}" for path in synth.glob("*") if path.is_file()]
