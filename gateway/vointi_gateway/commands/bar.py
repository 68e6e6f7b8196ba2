"""How far long work is, as a bar in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column

from ..progress import Told, untold


@contextmanager
def bar(console: Console, what: str) -> Iterator[Told]:
    """A bar in a terminal, gone at the end; nothing where the output goes elsewhere."""
    if not console.is_terminal:
        yield untold
        return
    # The names of files are long and come last: what is before them keeps its place.
    columns = (
        BarColumn(bar_width=20, table_column=Column(min_width=20)),
        TaskProgressColumn(table_column=Column(min_width=4, justify="right")),
        TimeElapsedColumn(table_column=Column(min_width=7)),
        TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True)),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task(what, total=None)

        def told(done: int, total: int, what: str) -> None:
            # To `update` None is no news, and the last part's total would stay.
            progress.tasks[0].total = total or None
            progress.update(task, completed=done, description=what)

        yield told
