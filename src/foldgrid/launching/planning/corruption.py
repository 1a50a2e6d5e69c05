"""Files of a run folder that are not what was written: named in the plan, then made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.records.verification import fit_faults
from foldgrid.specs.counted import counted
from foldgrid.tracking.runs import run_id_of

MOST_SHOWN = 8

Fact = tuple[str, str]


def corruption_facts(prepared: PreparedSweep) -> list[Fact]:
    """What of a sweep's run folder is corrupt, as rows of its plan; none where all is whole."""
    lines = [line for fit in prepared.corrupt for line in fit.lines]
    number = len(prepared.corrupt)
    fits = counted(number, "finished fit")
    verb = "is" if number == 1 else "are"
    rows = corruption_rows(lines, f"{fits} {verb} not what was written, and {verb} trained again:")
    closing = "the launch writes these files of the run folder again:"
    return [*rows, *corruption_rows(prepared.run_faults, closing, is_first=not rows)]


def corruption_rows(lines: Iterable[str], heading: str, *, is_first: bool = True) -> list[Fact]:
    """A heading, then a line a corrupt file; nothing where none is."""
    shown = list(lines)
    if not shown:
        return []
    rows = [heading, *(f"  {line}" for line in shown[:MOST_SHOWN])]
    if len(shown) > MOST_SHOWN:
        rows.append(f"  and {len(shown) - MOST_SHOWN} more")
    return [("corrupt" if is_first and not n else "", words) for n, words in enumerate(rows)]


def discard_corrupt(prepared: PreparedSweep, forget: Callable[[str], None]) -> None:
    """Clears away the corrupt fits that this launch trains again, and has trackers forget them.

    Args:
        prepared: The sweep.
        forget: Called with the id of each one's run.
    """
    corrupt = {fit.fit_id for fit in prepared.corrupt}
    left = [job.config.fit_id for job in prepared.grid.left if job.config.fit_id in corrupt]
    if not left:
        return
    # Looked at once more: another launch may have mended it since the plan was made.
    sizes = prepared.store.fit_sizes()
    for fit_id in left:
        folder = prepared.store.fit(fit_id)
        if folder.is_finished() and fit_faults(folder, sizes):
            forget(run_id_of(prepared.sweep.name, fit_id))
            folder.discard()
