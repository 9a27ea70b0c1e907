"""How fast a network can be on which targets, and what each rate costs.

For each target and each of a row of cycles a frame the solver finds the cheapest folding that fits. What is done is
kept in the output folder, a file a point, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from quantize.command import sections
from tbn_hw.exploration.options import parse
from tbn_hw.shared.command import exits, finish, require
from tbn_hw.shared.progress import terminal

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


def main(arguments: Sequence[str] | None = None, prog: str = "python -m tbn_hw.explore") -> int:
    """Run the exploration; returns the exit code."""
    console = terminal()

    def work() -> None:
        options = parse(arguments, prog, __doc__, EPILOG)
        require("explore", "matplotlib", *(["distributed"] if options.scheduler else []))
        from tbn_hw.exploration.run import (  # imports the toolchain: --help and a wrong flag need not wait
            executor_of,
            explore,
        )

        with executor_of(options.scheduler) as executor:
            explore(options, executor, console)

    return finish(work, partial(console.print, soft_wrap=True),
                  "interrupted; the points that were done are kept")


if __name__ == "__main__":
    sys.exit(main())
