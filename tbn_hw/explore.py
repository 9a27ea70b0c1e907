"""`python -m tbn_hw.explore`: how fast a network can be on which targets, and what each rate costs.

For each target and each of a row of cycles a frame the solver finds the cheapest folding that fits. What is done is
kept in the output folder, a file a point, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from functools import partial

from tbn_hw.exploration.options import parse
from tbn_hw.shared.command import finish
from tbn_hw.shared.errors import ToolMissing
from tbn_hw.shared.progress import terminal


def _require(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ToolMissing(f"{package} is missing; install it with pip install '.[explore]'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the exploration; returns the exit code."""
    console = terminal()

    def work() -> None:
        options = parse(arguments)
        _require("matplotlib", *(["distributed"] if options.scheduler else []))
        from tbn_hw.exploration.run import (  # imports the toolchain, which --help and a wrong flag need not wait for
            executor_of,
            explore,
        )

        with executor_of(options.scheduler) as executor:
            explore(options, executor, console)

    return finish(work, partial(console.print, soft_wrap=True),
                  "interrupted; the points that were done are kept")


if __name__ == "__main__":
    sys.exit(main())
