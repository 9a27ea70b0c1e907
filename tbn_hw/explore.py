"""`python -m tbn_hw.explore`: how fast a network can be on which targets, and what each rate costs.

For each target and each of a row of cycles a frame the solver finds the cheapest folding that fits. What is done is
kept in the output folder, a file a point, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tbn_hw.shared.command import Parser, finish
from tbn_hw.shared.errors import ToolMissing
from tbn_hw.shared.progress import terminal

DEPTHS = ("estimate", "synthesis")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; raises UsageError for a wrong one."""
    parser = Parser(prog="python -m tbn_hw.explore", description=__doc__)
    parser.add_argument("--model", required=True,
                        help="a model file, the name of one in the zoo, or a QONNX file (.onnx)")
    parser.add_argument("--weights", type=Path, help="a trained network; default: the one beside the model file")
    parser.add_argument("--targets", nargs="+", required=True, metavar="NAME", help="boards or parts; see README.md")
    parser.add_argument("--until", default="estimate", choices=DEPTHS,
                        help="synthesis: build each point of the front too, and measure (default: estimate)")
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="a Dask cluster, whose workers see the same folders (default: processes of this machine)")
    parser.add_argument("--output", type=Path, help="the folder to write (default: build/<model>-explore)")
    return parser.parse_args(arguments)


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
