"""``foldgrid explain``: what the code of a check or a note means, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from foldgrid.analysis.checks.explanations import Explanation

KINDS = {
    "error": "a check: where it fails, values are wrong",
    "warning": "a check: where it fails, values are to be read with care",
    "note": "a note beside a ranking or a comparison",
}


def explain(code: str | None = None, /) -> None:
    """Explain the code of a check or a note, and what to do.

    Prints what is looked at, what it means for the metric values, what to do, and the literature
    behind it. Without a code it lists them all, a line each.

    Args:
        code: Such as FG301, as a ranking, a check or a report names it.
    """
    from rich.console import Console

    from foldgrid.analysis.checks.explanations import EXPLANATIONS
    from foldgrid.analysis.checks.explanations import explain as explained

    if code is None:
        print_all(EXPLANATIONS.values(), Console())
    else:
        print_one(explained(code), Console())


def print_all(explanations: Iterable[Explanation], console: Console) -> None:
    """Every code with its title, the checks before the notes."""
    is_note = None
    for each in explanations:
        if (each.kind == "note") != is_note:
            is_note = each.kind == "note"
            notes = "\nNotes of a ranking or a comparison"
            console.print(notes if is_note else "Checks of a run folder")
        console.print(f"  {each.code}  {each.title}", markup=False, highlight=False, soft_wrap=True)
    console.print("\nfoldgrid explain CODE says what one means, and what to do.")


def print_one(each: Explanation, console: Console) -> None:
    """One code: its title, then a row a question."""
    from foldgrid.tables.terminal import READABLE, topics

    console.print(f"{each.code}  {each.title}", markup=False, highlight=False, style="bold")
    console.print(f"       {KINDS[each.kind]}\n", markup=False, highlight=False)
    rows = (
        ("looks at", each.looks_at),
        ("means", each.meaning),
        ("do", each.advice),
        ("source", each.source),
    )
    filled = ((topic, words, False) for topic, words in rows if words)
    console.print(topics(filled), width=min(console.width, READABLE))
