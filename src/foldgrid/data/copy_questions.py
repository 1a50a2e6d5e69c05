"""Pictures under two subjects, or under two truths: what only people can answer.

Knows rows and groups of copies; decodes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from foldgrid.data.manifest.checks import rows_text
from foldgrid.data.manifest.rows import DISTINCT
from foldgrid.data.picture_hashes import CopyGroup
from foldgrid.specs.counted import counted

MOST_QUESTIONS = 12


@dataclass(frozen=True)
class CopyQuestion:
    """One picture, or two that look the same, where they should be apart.

    Attributes:
        rows: The manifest's rows.
        photos: As the manifest has them.
        column: In which they differ: ``subject``, ``label``, ``value``.
        values: What stands there.
        is_exact: Whether the files are equal; otherwise the pictures are near copies.
    """

    rows: tuple[int, ...]
    photos: tuple[str, ...]
    column: str
    values: tuple[str, ...]
    is_exact: bool

    def __str__(self) -> str:
        kind = "are equal files" if self.is_exact else "are near copies"
        names = " and ".join(f'"{photo}"' for photo in self.photos)
        under = " and ".join(self.values)
        return f"{rows_text(self.rows)}  {names} {kind} under the {self.column}s {under}"


def copy_questions(
    photos: pd.DataFrame, copies: Sequence[CopyGroup], truth: str = ""
) -> Iterator[CopyQuestion]:
    """What to ask of copies under two subjects, or under two values of a column ``truth``.

    Rows that say that they are distinct (`DISTINCT`) are asked of no more, unless their files are
    equal.

    Args:
        photos: The manifest's rows, in the order of the copies' places.
        copies: `copies_of_study` of them.
        truth: The column that copies must agree in.
    """
    for group in copies:
        rows, is_exact = photos.iloc[list(group.places)], any(group.is_exact)
        rows = rows if is_exact else rows[~rows[DISTINCT]]
        column = next((each for each in ("subject", truth) if each and _differ(rows, each)), "")
        if column:
            yield CopyQuestion(
                tuple(rows["row"].tolist()),
                tuple(rows["photo"].tolist()),
                column,
                tuple(sorted(map(str, rows[column].unique()))),
                is_exact,
            )


def within_subjects(photos: pd.DataFrame, copies: Sequence[CopyGroup]) -> list[str]:
    """Near copies of one subject as lines, at most `MOST_QUESTIONS` of them."""
    lines = []
    for group in copies:
        rows = photos.iloc[list(group.places)]
        if not any(group.is_exact) and not _differ(rows, "subject") and not rows[DISTINCT].any():
            names = " = ".join(rows["photo"])
            lines.append(f"  {rows_text(rows['row'])}  near copies of one subject: {names}")
    left = len(lines) - MOST_QUESTIONS
    return [*lines[:MOST_QUESTIONS], *([f"  … and {left} more"] if left > 0 else [])]


def picture_numbers(photos: pd.DataFrame, copies: Sequence[CopyGroup]) -> list[int]:
    """A number for each photograph, equal for copies but where a row says that it is distinct.

    Args:
        photos: The manifest's rows, in the order of the copies' places.
        copies: `copies_of_study` of them.
    """
    numbers = list(range(len(photos)))
    is_distinct = photos[DISTINCT].tolist()
    for group in copies:
        asked = [place for place in group.places if any(group.is_exact) or not is_distinct[place]]
        for place in asked[1:]:
            numbers[place] = numbers[asked[0]]
    return numbers


def _differ(rows: pd.DataFrame, column: str) -> bool:
    return bool(rows[column].nunique() > 1)


def describe_questions(questions: Sequence[CopyQuestion]) -> list[str]:
    """The questions as lines, and how they are answered; none where there are none."""
    if not questions:
        return []
    return [
        f"{counted(len(questions), 'question')}: is this one picture?",
        *(f"  {question}" for question in questions[:MOST_QUESTIONS]),
        *([f"  … and {len(questions) - MOST_QUESTIONS} more"] * (len(questions) > MOST_QUESTIONS)),
        "  Look at them: a split cannot keep the copies of one picture apart. It lies under one",
        "  subject, with one truth: keep that row. Where near copies are two pictures nonetheless,",
        f'  write "yes" in a column {DISTINCT} in the rows of all but one of them.',
    ]
