"""Shared by all commands: the parser, the bounds of numbers, and errors as one line and an exit code."""

from __future__ import annotations

import argparse
import signal
import sys
import textwrap
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from quantize.streams import complain, drop_broken, flush, open_closed
from quantize.text import printable

UNREAD = 128 + signal.SIGPIPE
"""The exit code when nothing reads the output any more. A shell gives the same one."""
WIDTH, BESIDE = 80, 24
"""Columns of `--help`, and the most that a thing may take with its description beside it."""
EXITS = (
    ("0", "done"),
    ("1", "a file, a model or its data are refused"),
    ("2", "the command line is wrong"),
    ("3", "tbn-hw: a package is missing"),
    ("130", "stopped with Ctrl-C; what was done is kept"),
    (str(UNREAD), "nothing reads what is printed any more, such as head"),
)
"""The exit codes of the commands of this room, for `sections`."""
BOUNDS = {
    "epochs": (1, 10**9), "images": (1, 10**9), "seed": (0, 2**32 - 1), "seeds": (1, 1000), "threads": (1, 1024),
}
"""The least and the greatest value of each option that is a count or a seed."""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports an error in one line and accepts no abbreviated options.

    It prints its description and its epilog line by line as they are.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def print_help(self, file: Any = None) -> None:
        """Print the help. An output that cannot be written is an OSError, which argparse would pass over."""
        print(self.format_help(), end="", file=file)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        sys.stdout.flush()  # now, while `end` can still notice that nothing reads it
        super().exit(status, message)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {printable(message)}; see {self.prog} --help\n")


def sections(*parts: tuple[str, Iterable[tuple[str, str]]]) -> str:
    """Return the text of `--help` below the options. A part is a title and its rows, each a thing and its description.

    Descriptions stand beside the things. If a thing of the list is long, they stand below.
    """
    lines = []
    for title, rows in parts:
        rows = list(rows)
        wide = max(len(thing) for thing, _ in rows)
        beside = wide <= BESIDE
        indent = " " * (wide + 4 if beside else 6)
        lines.append(f"{title}:")
        for thing, said in rows:
            text = textwrap.wrap(said, WIDTH - len(indent), break_on_hyphens=False)
            lines.append(f"  {thing:<{wide}}  {text.pop(0)}" if beside and text else f"  {thing}")
            lines += [indent + line for line in text]
        lines.append("")
    return "\n".join(lines).rstrip()


def zoo() -> list[tuple[str, str]]:
    """Return rows for `sections`: the packaged models, each with the comment that its file begins with."""
    return [(file.stem, file.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# "))
            for file in sorted(Path(__file__).with_name("zoo").glob("*.yaml"))]


def check_numbers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the command with a usage error if an option in `BOUNDS` is an integer out of its bounds."""
    for name, (least, most) in BOUNDS.items():
        value = getattr(options, name, None)
        if isinstance(value, int) and value < least:
            parser.error(f"--{name} must be at least {least}, not {value}")
        if isinstance(value, int) and value > most:
            parser.error(f"--{name} must be at most {most}, not {value}")


def finish(work: Callable[[], int | None], refused: tuple[type[Exception], ...], interrupted: str,
           before: str = "") -> int:
    """Do a command's ``work`` and return its exit code. Errors are printed in one line that begins with ``before``.

    The code is what ``work`` returns, 0 if that is None, 1 for an error in ``refused`` or an OSError, 130 for Ctrl-C
    (after the line ``interrupted``), and `UNREAD` when nothing reads the output.
    """
    def ended(error: Exception) -> tuple[int, str]:
        return 1, f"{before}{printable(describe(error) if isinstance(error, OSError) else str(error))}"

    return end(work, refused, ended, complain, interrupted)


def end(work: Callable[[], int | None], refused: tuple[type[Exception], ...],
        ended: Callable[[Exception], tuple[int, str]], say: Callable[[str], None], interrupted: str | None) -> int:
    """Do a command's ``work`` and return its exit code, whatever becomes of the standard streams meanwhile.

    ``ended`` gives the code and the line for an error in ``refused`` or an OSError. ``say`` prints a line. If it
    cannot, the code alone tells how the command ended.
    """
    open_closed()
    caught: tuple[type[Exception], ...] = (OSError, *refused)
    line = None
    try:
        code = work() or 0
        flush()
    except caught as error:
        if isinstance(error, BrokenPipeError) and error.filename is None:
            code = UNREAD
        else:
            code, line = ended(error)
    except KeyboardInterrupt:
        code, line = 128 + signal.SIGINT, interrupted
    finally:
        drop_broken()
    if line is not None:
        with suppress(OSError, ValueError):  # standard error is full, or was closed for that
            say(line)
        drop_broken()
    return code


def describe(error: OSError) -> str:
    """Return one line about an error. It names the error's file, or the output if the error has none."""
    return f"{error.filename or 'the output'}: {error.strerror or error}"
