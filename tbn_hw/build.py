"""`python -m tbn_hw.build`: from a model file to Verilog, ROM images, verification, synthesis and a report."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from tbn_hw.options import parse
from tbn_hw.shared.command import finish
from tbn_hw.shared.progress import terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the build; returns the exit code."""
    console = terminal()

    def work() -> None:
        options = parse(arguments)
        from tbn_hw.stages.pipeline import build  # the toolchain, which --help and a wrong flag need not wait for

        build(options, console)

    return finish(work, partial(console.print, soft_wrap=True),
                  "interrupted; the stages that were done are kept")


if __name__ == "__main__":
    sys.exit(main())
