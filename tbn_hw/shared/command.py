"""What the commands have in common: how they refuse a command line, and the one line and exit code of an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NoReturn

from quantize import command
from quantize.command import UNREAD, describe, is_unread
from tbn_hw.shared.errors import BuildError, UsageError

INTERRUPTED = 130


class Parser(command.Parser):
    """A parser that raises UsageError for a wrong command line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def finish(work: Callable[[], None], say: Callable[[str], None], interrupted: str | None = None) -> int:
    """Do a command's work and return the exit code; an error is told to `say`, and so is what Ctrl-C leaves."""
    try:
        work()
        sys.stdout.flush()
    except BuildError as error:
        say(f"error: {error}")
        return error.exit_code
    except OSError as error:
        if is_unread(error):
            return UNREAD
        say(f"error: {describe(error)}")
        return UsageError.exit_code
    except KeyboardInterrupt:
        if interrupted is not None:
            say(interrupted)
        return INTERRUPTED
    return 0
