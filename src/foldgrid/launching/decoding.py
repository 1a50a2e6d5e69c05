"""Photographs decoded while a launch starts whatever else takes long to start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from foldgrid.data.dataset import Dataset, Survey, load_mosaics


@contextmanager
def decoding(survey: Survey, console: Console) -> Iterator[Future[Dataset]]:
    """Decodes photographs while the block starts whatever else takes long to start.

    Leaving the block early stops the photographs that are still in line.
    """
    stopped = threading.Event()

    def decode() -> Dataset:
        with photograph_progress(console, "Decoding photographs") as show:

            def on_progress(num_done: int, num_photos: int) -> None:
                if stopped.is_set():
                    raise CancelledError
                if show is not None:
                    show(num_done, num_photos)

            return load_mosaics(survey, on_progress)

    with ThreadPoolExecutor(1, "decoding") as pool:
        try:
            yield pool.submit(decode)
        finally:
            stopped.set()


@contextmanager
def photograph_progress(console: Console, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar while photographs are generated, read or decoded; gone when it is done."""
    if not console.is_terminal:
        yield None
        return
    columns = TextColumn(what), BarColumn(), TextColumn("{task.completed} of {task.total}")
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
