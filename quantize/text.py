"""Text that comes from files, made fit for a terminal."""

from __future__ import annotations

import unicodedata

MOST_SHOWN = 1000
"""Characters of a line of `printable` text."""


def is_printable(text: str) -> bool:
    """Tell whether a text has no control characters and no halves of surrogate pairs, which cannot be written."""
    return not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text)


def printable(text: str) -> str:
    """Return a text that no terminal takes for a command. Characters that `is_printable` refuses become escapes.

    Ends of lines stay. A line of more than `MOST_SHOWN` characters loses its middle.
    """
    return "\n".join(_shortened("".join(map(_escaped, line))) for line in text.split("\n"))


def _escaped(letter: str) -> str:
    return letter if is_printable(letter) else letter.encode("unicode_escape", "surrogatepass").decode()


def _shortened(line: str) -> str:
    half = MOST_SHOWN // 2
    return line if len(line) <= MOST_SHOWN else f"{line[:half]} ... {line[-half:]}"
