"""``--status``: what a run folder says of its launch, while it runs and afterwards.

Reads only, and nothing but the run folder: it works from another terminal and another machine.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foldgrid.launching.durations import format_duration
from foldgrid.launching.progress.file import read_progress
from foldgrid.records import PlannedFit, RunStore, SearchStore, last_lines
from foldgrid.records.run_lock import Holder, read_holder
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import CorruptFileError
from foldgrid.specs.progress import LaunchProgress

CellState = Literal["done", "diverged", "corrupt", "running", "failed", "started", "left"]

STYLES: dict[CellState, tuple[str, str]] = {
    "done": ("done", "green"),
    "diverged": ("diverged", "magenta"),
    "corrupt": ("corrupt", "bold red"),
    "running": ("epoch {epoch}", "cyan"),
    "failed": ("failed", "bold red"),
    "started": ("at {epoch}", "yellow"),
    "left": ("·", "dim"),
}
LAST_LINES = 3
MOST_BACKBONES = 12
"""Backbones that are all shown; of more, those that are alike are counted."""


@dataclass(frozen=True)
class Cell:
    """One fit of the grid.

    Attributes:
        fit: Which.
        state: ``done``, ``diverged``, ``running``, ``failed``, ``started`` (it was trained and is
            not now; the next launch goes on with it), ``corrupt`` (its record is not what was
            written; the next launch trains it again) or ``left``.
        epoch: Its last epoch; 0 without one.
    """

    fit: PlannedFit
    state: CellState
    epoch: int = 0


@dataclass(frozen=True)
class Status:
    """A run folder at one moment.

    Attributes:
        location: Of the run folder.
        title: The sweep's.
        holder: The launch that trains now; nothing where none does.
        progress: What the last launch said.
        cells: The grid's fits; empty for a search.
        trials: Of a search, how many trials are over; nothing for a grid.
    """

    location: str
    title: str
    holder: Holder | None
    progress: LaunchProgress | None
    cells: tuple[Cell, ...]
    trials: int | None


def read_status(store: RunStore) -> Status:
    """Looks at a run folder.

    Args:
        store: From ``RunStore.open``.
    """
    holder = read_holder(store.root)
    if holder is not None and not holder.is_alive():
        holder = None
    progress = read_progress(store)
    sweep = store.read_sweep()
    is_search = sweep.get("search_space") is not None
    search = SearchStore.of(store)
    return Status(
        store.location,
        str(sweep.get("title") or sweep.get("name")),
        holder,
        progress,
        () if is_search else tuple(_cells(store, progress, is_running=holder is not None)),
        sum(len(search.trials(s.name)) for s in search.read_plan().studies) if is_search else None,
    )


def _cells(store: RunStore, progress: LaunchProgress | None, is_running: bool) -> Iterator[Cell]:
    finished = store.finished_fits()
    running = progress.running if progress is not None and is_running else {}
    failed = progress.failures if progress is not None else {}
    for fit in store.read_plan():
        if fit.fit_id in finished:
            yield _finished_cell(store, fit)
        elif fit.fit_id in running:
            yield Cell(fit, "running", running[fit.fit_id].epoch)
        elif fit.fit_id in failed:
            yield Cell(fit, "failed")
        else:
            epochs = store.read_history(fit.fit_id)
            yield Cell(fit, "started" if epochs else "left", len(epochs))


def _finished_cell(store: RunStore, fit: PlannedFit) -> Cell:
    try:
        record = store.read_fit(fit.fit_id)
    except CorruptFileError:
        return Cell(fit, "corrupt")
    return Cell(fit, "done" if record.status == "complete" else "diverged", record.num_epochs)


def print_status(status: Status, store: RunStore, console: Console) -> None:
    """Prints it: who trains, how far, what failed, the matrix of backbones by folds, what next."""
    console.print(Text(status.title, "bold"))
    for line in _summary(status):
        console.print(Text(line), soft_wrap=True)
    for name, failure in (status.progress.failures if status.progress else {}).items():
        words = f"failed    {name} ({failure.words}): {failure.message}"
        console.print(Text(words, "red"), soft_wrap=True)
        folder = "fits" if status.trials is None else "search/trials"
        for line in last_lines(store.root, f"{folder}/{name}/failure.txt", LAST_LINES):
            console.print(Text(f"          {line}", "dim"), soft_wrap=True)
    if status.cells:
        console.print()
        print_matrix(status.cells, console)
    if status.holder is None:
        console.print(Text(f"\nNext:\n  {_next(status)}"), soft_wrap=True)


def _summary(status: Status) -> Iterator[str]:
    yield _who(status)
    if status.cells:
        yield _counts(status.cells)
    if status.trials is not None:
        yield f"trials    {status.trials} over"
    if status.progress is not None and status.holder is not None:
        yield from _now(status.progress, is_search=status.trials is not None)


def _who(status: Status) -> str:
    if status.holder is not None:
        return f"running   {status.holder.describe()}"
    if status.progress is None:
        return "not running; no launch has reported here yet"
    ago = format_duration(time.time() - status.progress.updated)
    return f"not running; the last launch reported {ago} ago"


def _next(status: Status) -> str:
    run = shlex.quote(status.location)
    if status.trials is not None:
        return f"foldgrid report {run}"
    if any(cell.state not in ("done", "diverged") for cell in status.cells):
        return "Launch it again: it trains only what is missing."
    return f"foldgrid rank {run}"


def print_matrix(cells: Sequence[Cell], console: Console) -> None:
    """Prints backbones by folds; of many, only those that are neither all done nor all left."""
    by_backbone: dict[str, list[Cell]] = {}
    for cell in cells:
        by_backbone.setdefault(cell.fit.backbone, []).append(cell)
    shown, alike = dict(by_backbone), []
    if len(by_backbone) > MOST_BACKBONES:
        for state in ("done", "left"):
            names = [
                name
                for name, own in by_backbone.items()
                if all(cell.state == state for cell in own)
            ]
            shown = {name: own for name, own in shown.items() if name not in names}
            alike += [f"  {counted(len(names), 'backbone')}: all folds {state}"] if names else []
    if shown:
        console.print(_matrix([cell for own in shown.values() for cell in own]))
    for line in alike:
        console.print(Text(line))


def _matrix(cells: Sequence[Cell]) -> Table:
    folds = sorted({cell.fit.fold for cell in cells})
    table = Table(box=None, padding=(0, 2), show_edge=False)
    table.add_column("backbone", no_wrap=True)
    for fold in folds:
        table.add_column(f"fold {fold}", no_wrap=True)
    by_place = {(cell.fit.backbone, cell.fit.fold): cell for cell in cells}
    for backbone in dict.fromkeys(cell.fit.backbone for cell in cells):
        row = [_word(by_place.get((backbone, fold))) for fold in folds]
        table.add_row(backbone, *row)
    return table


def _word(cell: Cell | None) -> Text:
    if cell is None:
        return Text("")
    words, style = STYLES[cell.state]
    return Text(words.format(epoch=cell.epoch), style)


def _counts(cells: tuple[Cell, ...]) -> str:
    names = {
        "left": "left",
        "started": "half trained",
        "running": "running",
        "failed": "failed",
        "corrupt": "corrupt",
    }
    num_over = sum(cell.state in ("done", "diverged") for cell in cells)
    words = [f"{num_over} of {len(cells)} done"]
    for state, name in names.items():
        number = sum(cell.state == state for cell in cells)
        words += [f"{number} {name}"] if number else []
    diverged = sum(cell.state == "diverged" for cell in cells)
    return "fits      " + ", ".join(words) + (f" ({diverged} diverged)" if diverged else "")


def _now(progress: LaunchProgress, *, is_search: bool) -> Iterator[str]:
    if progress.seconds_left is not None:
        yield f"left      about {format_duration(progress.seconds_left)}"
    for name, job in progress.running.items() if is_search else ():
        since = format_duration(time.time() - job.since)
        yield f"training  {name}: epoch {job.epoch}, for {since}"
