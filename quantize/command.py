"""What the commands have in common: their parser, the bounds of numbers, and the one line and exit code of an error."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

UNREAD = 128 + signal.SIGPIPE
"""The exit code where nothing reads the output any more, the one that a shell gives."""
BOUNDS = {
    "epochs": (1, 10**9), "images": (1, 10**9), "seed": (0, 2**32 - 1), "seeds": (1, 1000), "threads": (1, 1024),
}
"""The least and the most of each option that is a count or a seed."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong with a command line, and takes no option's name for another's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


def check_numbers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the command with a usage error if an option named in `BOUNDS` is an integer out of its bounds."""
    for name, (least, most) in BOUNDS.items():
        value = getattr(options, name, None)
        if isinstance(value, int) and value < least:
            parser.error(f"--{name} must be at least {least}, not {value}")
        if isinstance(value, int) and value > most:
            parser.error(f"--{name} must be at most {most}, not {value}")


def finish(work: Callable[[], int | None], refused: tuple[type[Exception], ...], interrupted: str,
           before: str = "") -> int:
    """Do a command's work; 0 ok, 1 for an error that is ``refused`` or of a file, 130 for Ctrl-C, each in one line.

    The line of an error begins with ``before``. Work that returns an exit code has the last word.
    """
    try:
        code = work()
        sys.stdout.flush()
    except refused as error:
        print(f"{before}{error}", file=sys.stderr)
        return 1
    except OSError as error:
        if is_unread(error):
            return UNREAD
        print(f"{before}{describe(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 128 + signal.SIGINT
    return code or 0


def describe(error: OSError) -> str:
    """Return one line that names the file, or the output where the error names none."""
    return f"{error.filename or 'the output'}: {error.strerror or error}"


def is_unread(error: OSError) -> bool:
    """Tell whether nothing reads the command's output any more, such as ``head``, which is no error to speak of."""
    _drop_output()
    return isinstance(error, BrokenPipeError) and error.filename is None


def _drop_output() -> None:
    """Close standard output if it cannot be written to, else Python tries once more at the end, and complains."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()
