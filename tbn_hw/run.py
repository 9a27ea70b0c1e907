"""Your own pictures through a board that runs a build, over its serial line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hdl.link.words import BAUD
from quantize.command import sections
from tbn_hw.shared.command import Parser, exits, finish
from tbn_hw.shared.errors import UsageError

MOST_BAUD = 2**31 - 1
"""What a system's serial port can be told."""
EPILOG = sections(
    ("examples", (
        ("%(prog)s --build build/tbn_digits --port /dev/ttyUSB1 seven.png",
         "the class of a picture, on a board whose bitstream is that of build/tbn_digits"),
        ("%(prog)s --build build/tbn_digits --port COM3 --timeout 5 one.png two.png",
         "of two pictures, on Windows, with more patience"),
    )),
    ("what is written", (
        ("standard output", "a line a picture: its class, the confidence and the time"),
    )),
    ("exit codes", exits(1, 2, 6)),
)


def parse(arguments: Sequence[str] | None, prog: str) -> argparse.Namespace:
    """The command line; raises UsageError for a wrong one."""
    parser = Parser(prog=prog, description=__doc__, epilog=EPILOG)
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="the folder of the build on the board")
    parser.add_argument("--port", required=True, help="a serial port, such as /dev/ttyUSB0 or COM3, or a pyserial URL")
    parser.add_argument("--baud", type=int, help=f"bits a second on the line (default: the build's, else {BAUD})")
    parser.add_argument("--timeout", type=float, default=1.0, metavar="SECONDS",
                        help="silence after which a request is sent again (default: 1)")
    parser.add_argument("images", type=Path, nargs="+", metavar="FILE", help="pictures to classify")
    options = parser.parse_args(arguments)
    if options.baud is not None and not 1 <= options.baud <= MOST_BAUD:
        raise UsageError(f"--baud must be a positive integer up to {MOST_BAUD}, not {options.baud}")
    if not 0 < options.timeout < 3600:
        raise UsageError(f"--timeout must be a positive number of seconds below 3600, not {options.timeout:g}")
    return options


def main(arguments: Sequence[str] | None = None, prog: str = "python -m tbn_hw.run") -> int:
    """Run the command; returns the exit code."""

    def work() -> None:
        options = parse(arguments, prog)
        from tbn_hw.host.classify import classify  # imports NumPy and Pillow: --help need not wait

        classify(options)

    return finish(work)


if __name__ == "__main__":
    sys.exit(main())
