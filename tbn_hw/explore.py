"""How fast a network can be on which targets, and what each rate costs.

For each target and each of a row of cycles a frame the solver finds the cheapest folding that fits. What is done is
kept in the output folder, a file a point, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from quantize.command import sections
from tbn_hw.shared.command import Parser, exits, finish, require
from tbn_hw.shared.progress import terminal
from tbn_hw.targets.listing import TargetOption

DEPTHS = ("estimate", "synthesis")
EPILOG = sections(
    ("examples", (
        ("%(prog)s --model tbn_digits --targets icebreaker ulx3s-25f",
         "what each rate costs on two boards, by estimates alone"),
        ("%(prog)s --model my.yaml --weights my.safetensors --targets icebreaker --until synthesis",
         "and what Yosys measures of the points that no other one beats"),
        ("%(prog)s --targets list", "the boards and parts there are"),
    )),
    ("what is written, in build/<model>-explore or the folder of --output", (
        ("points.csv", "a row a point: target, cycles, frames a second, LUTs, flip-flops, block RAMs, multipliers"),
        ("points.png", "the same as a plot"),
        ("points/<target>/", "what was found for each point, with its folding.yaml for the build's --folding; with "
         "--until synthesis its build, too"),
    )),
    ("exit codes", exits(1, 2, 3, 4, 5)),
)


def parse(arguments: Sequence[str] | None, prog: str = "python -m tbn_hw.explore") -> argparse.Namespace:
    """The command line; raises UsageError for a wrong one."""
    parser = Parser(prog=prog, description=__doc__, epilog=EPILOG)
    parser.add_argument("--model", required=True,
                        help="a model file, the name of one in the zoo, or a QONNX file (.onnx)")
    parser.add_argument("--weights", type=Path, help="a trained network; default: the one beside the model file")
    parser.add_argument("--targets", nargs="+", required=True, metavar="NAME", action=TargetOption,
                        help="boards or parts, or 'list' to show them all")
    parser.add_argument("--until", default="estimate", choices=DEPTHS,
                        help="synthesis: build each point of the front too, and measure (default: estimate)")
    parser.add_argument("--scheduler", metavar="ADDRESS",
                        help="a Dask cluster, whose workers see the same folders (default: processes of this machine)")
    parser.add_argument("--output", type=Path, help="the folder to write (default: build/<model>-explore)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None, prog: str = "python -m tbn_hw.explore") -> int:
    """Run the exploration; returns the exit code."""
    console = terminal()

    def work() -> None:
        options = parse(arguments, prog)
        require("explore", "matplotlib", *(["distributed"] if options.scheduler else []))
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
