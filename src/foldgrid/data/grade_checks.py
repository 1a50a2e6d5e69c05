"""Checks of several graders' opinions on the same photographs.

Each takes the rows that read well (see `LabelledManifest.photos`) and returns what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from foldgrid.data.manifest_checks import lookalike_names, rows_text
from foldgrid.data.manifest_rows import GRADE_PREFIX
from foldgrid.specs.errors import Problem, nearest


def grade_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The graders' columns of a header, in its order."""
    return tuple(name for name in columns if name.startswith(GRADE_PREFIX))


def find_nameless_graders(graders: Sequence[str]) -> list[Problem]:
    """Find a grader's column without the grader's name."""
    message = f'found a column without a grader. Name it, as in "{GRADE_PREFIX}anna".'
    return [Problem("header", name, message) for name in graders if name == GRADE_PREFIX]


def find_lookalike_grades(photos: pd.DataFrame, graders: Sequence[str]) -> list[Problem]:
    """Find grades that differ only in case or blanks, whichever grader wrote them."""
    if not graders:
        return []
    given = _given(photos, graders)
    return lookalike_names(given.rename(columns={"grade": f"{GRADE_PREFIX}…"}), f"{GRADE_PREFIX}…")


def find_odd_grades(photos: pd.DataFrame, graders: Sequence[str]) -> list[Problem]:
    """Find graders who graded nothing, photos without a grade, and grades given once."""
    if not graders:
        return []
    given = _given(photos, graders)
    problems = [
        Problem("all rows", name, "empty. This grader graded nothing: drop the column.")
        for name in graders
        if not (given["grader"] == name).any()
    ]
    ungraded = photos.loc[~photos["row"].isin(given["row"]), "row"]
    if len(ungraded) and len(given):
        message = "nobody graded these photos; their label stands alone."
        problems.append(Problem(rows_text(ungraded), f"{GRADE_PREFIX}…", message))
    counts = given["grade"].value_counts()
    usual = counts.index[counts > 1].tolist()
    for grade in sorted(counts.index[counts == 1]):
        close = nearest(grade, usual, most=1)
        if close:
            at = given.loc[given["grade"] == grade].iloc[0]
            message = f'"{grade}": found once. Did you mean "{close[0]}"?'
            problems.append(Problem(rows_text([at["row"]]), at["grader"], message))
    return problems


def _given(photos: pd.DataFrame, graders: Sequence[str]) -> pd.DataFrame:
    """A row for each grade that was given: ``row``, ``grader``, ``grade``."""
    long = photos.melt(["row"], list(graders), var_name="grader", value_name="grade")
    return long[long["grade"] != ""]
