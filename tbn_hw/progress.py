"""Progress bars of a build's stages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress(stage: str, console: Console) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar; the function given takes the name of what was done, how many are done, and of how many."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TextColumn("{task.fields[item]}"))
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(stage, total=None, item="")

        def step(item: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, item=item)

        yield step
