"""Writes rows of figures as CSV files, tables in the terminal, and plots."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write a line for each row. The header is the first row's keys."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _text(value) for key, value in row.items()} for row in rows)


def show(console: Console, title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table. Numbers are right-aligned."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    for key, value in rows[0].items():
        table.add_column(key, justify="left" if isinstance(value, str) else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(_text, row.values()))
    console.print(table)


def bars(path: Path, title: str, unit: str, rows: Sequence[Row], label: Sequence[str], value: str,
         limits: Mapping[str, float] | None = None) -> None:
    """Write a PNG with a bar for each row. Its name is the row's values of `label`; `limits` are lines by name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.3 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    names = [" ".join(_text(row[key]) for key in label) for row in rows]
    drawn = axes.barh(range(len(rows)), [row[value] for row in rows], color="#4878a8")
    axes.bar_label(drawn, [_text(row[value]) for row in rows], padding=3, fontsize=8)
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    for name, limit in (limits or {}).items():
        axes.axvline(limit, color="#c05040", linewidth=1)
        axes.text(limit, len(rows) - 0.4, name, color="#c05040", fontsize=8, ha="center", va="top")
    axes.set_xlabel(unit)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:.0f}" if isinstance(
        value, float) else str(value)
