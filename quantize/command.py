"""What the commands have in common."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable

BOUNDS = {
    "epochs": (1, 10**9), "images": (1, 10**9), "seed": (0, 2**32 - 1), "seeds": (1, 1000), "threads": (1, 1024),
}
"""The least and the most of each option that is a count or a seed."""


def check_numbers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the command with a usage error if an option named in `BOUNDS` is an integer out of its bounds."""
    for name, (least, most) in BOUNDS.items():
        value = getattr(options, name, None)
        if isinstance(value, int) and value < least:
            parser.error(f"--{name} must be at least {least}, not {value}")
        if isinstance(value, int) and value > most:
            parser.error(f"--{name} must be at most {most}, not {value}")


def finish(work: Callable[[], None], refused: tuple[type[Exception], ...], interrupted: str) -> int:
    """Do a command's work; 0 ok, 1 for an error that is ``refused`` or of a file, 130 for Ctrl-C, each in one line."""
    try:
        work()
    except refused as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 128 + signal.SIGINT
    return 0
