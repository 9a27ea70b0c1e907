"""The template of the top level, and the names that it takes."""

from __future__ import annotations

import re
from importlib import resources

TOP = resources.files("tbn_hw.streaming").joinpath("top.v.j2").read_text()
"""Verilog of the top level, with Jinja's marks where a network decides."""


def names(template: str) -> frozenset[str]:
    """Every word of a Verilog template outside of its comments and of Jinja's marks: keywords, ports and wires."""
    plain = re.sub(r"\s*\{%-[^%]*%\}|\{%[^%]*%\}|\{\{[^}]*\}\}", " ", template)
    return frozenset(re.findall(r"[A-Za-z_][A-Za-z0-9_$]*", re.sub(r"//[^\n]*", "", plain)))
