"""The targets as tables, and the option's value `list` that prints them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from quantize.command import sections

LIST = "list"
"""Given instead of a target's name, it prints the tables."""
LEGEND = (
    ("pins", "those of the package that a design may use"),
    ("MHz", "a board's oscillator; of a part the clock that --fps reckons with, unless --clock is given"),
    ("baud", "bits a second of the board's serial port"),
    ("LUTs", "of 4 inputs; of Xilinx 7, 6"),
    ("block RAMs", "of 18 Kbit; of iCE40, 4; of Xilinx 7, 36"),
    ("nextpnr", "whether there is place and route"),
)


class TargetOption(argparse.Action):
    """An option that takes one target's name or several. With `list` it prints the tables and ends the command."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: str | Sequence[Any] | None, option_string: str | None = None) -> None:
        if LIST in ([values] if isinstance(values, str) else values or ()):
            print(tables())
            parser.exit()
        setattr(namespace, self.dest, values)


def tables() -> str:
    """Three tables: the boards, the names of bare parts, and the resources of parts."""
    from tbn_hw.targets.catalogue import (  # imports pydantic, and --help need not wait for it
        WORDS,
        Target,
        find_target,
        names,
    )

    known = sorted(map(find_target, names()), key=lambda target: (target.family, target.part.lut, target.name))
    parts = {target.part_name: target for target in known}

    def row(target: Target) -> tuple[str, ...]:
        grade = "" if target.speed is None else f" speed {target.speed}"
        return target.name, target.part_name, f"{target.package}{grade}", f"{target.pins}"

    boards = [(*row(target), f"{target.board.clock.mhz:g}", f"{target.board.uart.baud:,}")
              for target in known if target.board]
    resources = [(name, target.family, *(f"{getattr(target.part, figure):,}" for figure in WORDS),
                  f"{target.part.clock_mhz:g}", "yes" if target.device else "no") for name, target in parts.items()]
    return "\n\n".join((
        _table(("board", "part", "package", "pins", "MHz", "baud"), boards),
        _table(("no board", "part", "package", "pins"), [row(target) for target in known if not target.board]),
        _table(("part", "family", *WORDS.values(), "MHz", "nextpnr"), resources),
        sections(("columns", LEGEND))))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table with columns as wide as they need. Numbers are aligned to the right."""
    columns = list(zip(head, *rows, strict=True))
    numeric = [all(cell.replace(",", "").replace(".", "").isdigit() for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join("  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in
                               zip(line, widths, numeric, strict=True)).rstrip() for line in (head, *rows))
