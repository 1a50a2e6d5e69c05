"""What failed in a launch, as people need it: which, how, the end of its log, where to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from foldgrid.records import last_lines, run_location
from foldgrid.records.files import FileRoot
from foldgrid.specs.failure import SHARED_BY_ALL, Failure

NUM_LINES = 3
MOST_WITH_LINES = 10
"""Beyond these a failure is a line: who looks for the cause looks at the first."""


@dataclass(frozen=True)
class FailedJob:
    """A fit or a trial that failed.

    Attributes:
        title: For people: ``resnet34 fold 0``.
        failure: How.
        log: Its log, below the run folder.
    """

    title: str
    failure: Failure
    log: str


def print_failures(
    failed: Sequence[FailedJob], what: str, root: FileRoot, console: Console
) -> None:
    """Prints every failure: title, class, message, the last lines of its log, and where that is.

    Args:
        failed: What failed, in the order of failing.
        what: ``fits`` or ``trials``.
        root: The run folder.
        console: Where to.
    """
    # The launch has said itself what is not the fault of a single one.
    failed = [each for each in failed if each.failure.kind not in SHARED_BY_ALL]
    if not failed:
        return
    console.print(Text(f"\n{len(failed)} {what} failed:", "bold red"))
    width = max(len(each.title) for each in failed)
    kinds = max(len(each.failure.words) for each in failed)
    for number, each in enumerate(failed):
        head = f"  {each.title:<{width}}  {each.failure.words:<{kinds}}  "
        message = each.failure.message.splitlines()[0]
        console.print(Text.assemble((head, "bold"), message), soft_wrap=True)
        if number < MOST_WITH_LINES:
            for line in last_lines(root, each.log, NUM_LINES):
                console.print(Text(f"    | {line}", "dim"), soft_wrap=True)
        console.print(Text(f"    {run_location(root.location, each.log)}"), soft_wrap=True)
