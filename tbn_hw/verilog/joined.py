"""One Verilog file of many modules, each behind a line with its name."""

from __future__ import annotations

from collections.abc import Mapping

_MARK = "// ==== "


def join(texts: Mapping[str, str]) -> str:
    """One Verilog file of all modules, `texts` by module name."""
    return "".join(f"{_MARK}{name}\n{text}" for name, text in texts.items())


def split(verilog: str) -> dict[str, str]:
    """The modules of a file that `join` made, by name."""
    parts = verilog.split(_MARK)[1:]
    return {name: text for name, _, text in (part.partition("\n") for part in parts)}
