"""The standard streams of a command: closed ones, and ones that are full or that nothing reads any more."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

NAMES = ("stdin", "stdout", "stderr")


def open_closed() -> None:
    """Connect each standard stream that was closed when this process began to the null device.

    Python has None for such a stream. Its number would go to the next file that is opened, and whatever a library
    prints would go into that file.
    """
    for number, name in enumerate(NAMES):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            os.set_inheritable(number, True)  # as standard streams are
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))


def complain(line: str) -> None:
    """Print a line to standard error."""
    print(line, file=sys.stderr)


def flush() -> None:
    """Write what waits in standard output and error; raises OSError. A command within a command may have closed them.
    """
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()


def drop_broken() -> None:
    """Close standard output or error if it cannot be written. Otherwise Python would try again at exit, and complain.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if not stream.closed:
                stream.flush()
        except OSError:
            with suppress(OSError):
                stream.close()
