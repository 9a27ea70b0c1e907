"""The terminal: where a command prints, and progress bars of its stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def terminal() -> Console:
    """The console that a command prints to. Markup is off, because names of files, classes and nodes may have brackets.
    """
    return Console(stderr=True, highlight=False, markup=False)


@contextmanager
def progress(stage: str, console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar. Its function takes the name of what was done last, the number done, and the number of all."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.fields[item]}", markup=False))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(stage, total=None, item="")

        def step(item: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, item=item)

        yield step
