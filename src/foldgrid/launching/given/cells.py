"""A given table's rows beside a sweep's samples: each sample once, and no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from foldgrid.records.given_tables import Cells
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.heads import Solution

MOST_NAMES = 3


@dataclass(frozen=True)
class GivenOutcome:
    """What a given base learner says in one fold.

    Attributes:
        predicted: By sample, the task's ``prediction_names``.
        learned: What the task learned of the fold's training samples; see ``FitRecord``.
        chosen: What a head chose by them; see ``FitRecord``.
        solution: The head's, of features; nothing of given predictions.
    """

    predicted: pd.DataFrame
    learned: dict[str, float] = field(default_factory=dict)
    chosen: dict[str, float] = field(default_factory=dict)
    solution: Solution | None = None


class GivenCells(Cells):
    """The cells of a table that has a row for each sample of a sweep."""

    advice = "See docs/how-to/models.md, Made elsewhere."

    def missing_columns(self, needed: Iterable[str]) -> list[Problem]:
        """Columns that are not there."""
        found = ", ".join(map(str, self.frame.columns[:12])) or "none"
        more = ", ..." if len(self.frame.columns) > 12 else ""
        return [
            Problem("header", name, f"not found. Found: {found}{more}.")
            for name in needed
            if name not in self.frame
        ]

    def sample_problems(self, known: pd.Index[str]) -> list[Problem]:
        """Samples that are there twice, of another sweep, or missing.

        Args:
            known: The sweep's.
        """
        own = pd.Series(self.texts("sample"))
        return [
            Problem("rows", "sample", f"{some_samples(names)} {words}")
            for names, words in (
                (own[own.duplicated()].unique(), "given more than once; each sample has one row."),
                (own[~own.isin(known)].unique(), "not in this sweep's split. Remove them."),
                (
                    known.difference(own.tolist(), sort=False),
                    "of this sweep's split not found; a row a sample is needed.",
                ),
            )
            if len(names)
        ]


def some_samples(names: Iterable[str]) -> str:
    """``12 samples (a, b, c, ...)``."""
    listed = list(map(str, names))
    more = ", ..." if len(listed) > MOST_NAMES else ""
    return f"{counted(len(listed), 'sample')} ({', '.join(listed[:MOST_NAMES])}{more})"
