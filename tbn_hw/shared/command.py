"""Common parts of the commands: the refusal of a command line, and the one line and exit code of an error."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import NoReturn

from quantize import command
from quantize.command import UNREAD, describe, end
from quantize.streams import complain
from quantize.text import printable
from tbn_hw.shared.errors import BuildError, ToolMissing, UsageError

INTERRUPTED = 130
EXITS = {
    0: "done",
    1: "the model, its weights or its folding are refused",
    2: "the command line is wrong, or a file cannot be read or written",
    3: "a tool or a package is missing, Yosys or nextpnr ended without a result, or a worker process was killed",
    4: "the gateware differs from the golden model; the first node, pixel and channel are named",
    5: "the design does not fit or misses its timing",
    6: "the board does not answer, or not as it should",
    INTERRUPTED: "stopped with Ctrl-C; what was done is kept",
    UNREAD: "nothing reads what is printed any more, such as head",
}
"""What each exit code means."""


class Parser(command.Parser):
    """A parser that raises UsageError for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def exits(*errors: int) -> list[tuple[str, str]]:
    """Rows for `quantize.command.sections`: the exit codes of a command that may end with these errors."""
    return [(str(code), EXITS[code]) for code in (0, *errors, INTERRUPTED, UNREAD)]


def require(extra: str, *packages: str) -> None:
    """Raise ToolMissing for a package that is not installed. The extra `extra` of this project brings it."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ToolMissing(f"{package} is missing; install it with pip install '.[{extra}]'")


def finish(work: Callable[[], int | None], say: Callable[[str], None] = complain,
           interrupted: str | None = None) -> int:
    """Do a command's work and return the exit code. `say` gets the line of an error, or of an interruption by Ctrl-C.

    If the work returns an exit code, that is the command's.
    """
    def ended(error: Exception) -> tuple[int, str]:
        if isinstance(error, BuildError):
            return error.exit_code, f"error: {printable(str(error))}"
        assert isinstance(error, OSError)
        return UsageError.exit_code, f"error: {printable(describe(error))}"

    return end(work, (BuildError,), ended, say, interrupted)
