"""Checks of a labelled manifest: labels, cases and the hierarchy of classes against each other.

Each takes the rows that read well (see `LabelledManifest.photos`) and returns what it finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from foldgrid.data.manifest.checks import (
    find_disagreements,
    lookalike_names,
    rows_by_file,
    rows_text,
)
from foldgrid.data.manifest.rows import ANNOTATION_PREFIX, DISTINCT
from foldgrid.specs.errors import Problem, nearest

SEPARATORS = "-_./"
"""Besides case and blanks, what tells no two classes apart: ``acral-lentiginous``."""


def find_double_labels(photos: pd.DataFrame) -> list[Problem]:
    """Find files that several rows name, under one label or under several."""
    problems = []
    for rows in rows_by_file(photos):
        name, labels = rows["photo"].iloc[0], rows.groupby("label", sort=False)["row"]
        if len(labels) > 1:
            found = " and ".join(f'"{label}" ({rows_text(same)})' for label, same in labels)
            message = f'found "{name}" under the labels {found}. A photo has one: keep that row.'
            problems.append(Problem(rows_text(rows["row"]), "label", message))
        else:
            message = f'found "{name}" {len(rows)} times. A photo is listed once: keep one row.'
            problems.append(Problem(rows_text(rows["row"]), "photo", message))
    return problems


def find_lookalike_labels(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects, cases, labels and names in the hierarchy that look the same and are not."""
    return [
        *lookalike_names(photos, "subject", way_out=DISTINCT),
        *lookalike_names(photos[photos["case"] != ""], "case", way_out=DISTINCT),
        *lookalike_names(photos, "label", ignoring=SEPARATORS),
        *lookalike_names(_branches(photos), "taxonomy", ignoring=SEPARATORS),
    ]


def _branches(photos: pd.DataFrame) -> pd.DataFrame:
    """A row for each photo and name on its path through the hierarchy, the label left out."""
    rows = [
        (row, name)
        for row, taxonomy in zip(photos["row"], photos["taxonomy"], strict=True)
        for name in taxonomy.split("/")[:-1]
    ]
    return pd.DataFrame(rows, columns=["row", "taxonomy"])


def find_hierarchy_mistakes(photos: pd.DataFrame) -> list[Problem]:
    """Find labels that the hierarchy does not end in, that it has twice, or not at all."""
    placed = photos[photos["taxonomy"] != ""]
    if placed.empty:
        return []
    leaves = placed["taxonomy"].str.rsplit("/", n=1).str[-1]
    wrong = placed[leaves != placed["label"]]
    known = leaves.unique().tolist()
    problems = [_wrong_leaf(row, label, path, known) for row, label, path in _cells(wrong)]
    right = placed[leaves == placed["label"]]
    problems += find_disagreements(
        right, ["label"], ("taxonomy",), "a label has one place in the hierarchy"
    )
    nowhere = photos[~photos["label"].isin(placed["label"])]
    for label, rows in nowhere.groupby("label", sort=False):
        close = nearest(str(label), known, most=1)
        hint = f'Did you mean the label "{close[0]}"?' if close else "Write its path from the root."
        message = f'empty for the label "{label}", which has no place in the hierarchy. {hint}'
        problems.append(Problem(rows_text(rows["row"]), "taxonomy", message))
    return problems


def _cells(rows: pd.DataFrame) -> list[tuple[int, str, str]]:
    columns = rows["row"].tolist(), rows["label"].tolist(), rows["taxonomy"].tolist()
    return list(zip(*columns, strict=True))


def _wrong_leaf(row: int, label: str, path: str, known: Sequence[str]) -> Problem:
    leaf = path.rsplit("/", 1)[-1]
    close = nearest(label, known, most=1)
    hint = f' Did you mean the label "{close[0]}"?' if close and close[0] != label else ""
    message = f'found "{path}", which ends in "{leaf}", beside the label "{label}". The last name '
    return Problem(f"row {row}", "taxonomy", f"{message}is the label: correct one of them.{hint}")


def find_too_few_labels(photos: pd.DataFrame, problems: Sequence[Problem]) -> list[Problem]:
    """Find that there is but one label, of which nothing can be learned."""
    # While other mistakes stand, rows are missing here and the count would mislead.
    if problems or photos["label"].nunique() > 1:
        return []
    only = photos["label"].iloc[0]
    message = f'found only "{only}". At least 2 labels are needed to distinguish.'
    return [Problem("all rows", "label", message)]


def find_rare_labels(photos: pd.DataFrame) -> list[Problem]:
    """Find labels of one photo or one subject: usable in a hierarchy, often a slip of the pen."""
    num_subjects = photos.groupby("label", sort=False)["subject"].nunique()
    common = num_subjects.index[num_subjects > 1].tolist()
    problems = []
    for label in num_subjects.index[num_subjects == 1]:
        rows = photos.loc[photos["label"] == label, "row"]
        found = "found once" if len(rows) == 1 else f"all {len(rows)} photos are of one subject"
        close = nearest(str(label), common, most=1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        message = f'"{label}": {found}. It cannot be both learned and tested.{hint}'
        problems.append(Problem(rows_text(rows), "label", message))
    return problems


def find_inner_labels(photos: pd.DataFrame) -> list[Problem]:
    """Find labels that stand inside the hierarchy, above other labels."""
    paths = sorted(set(photos["taxonomy"]) - {""})
    problems = []
    for path in paths:
        below = [other for other in paths if other.startswith(f"{path}/")]
        if below:
            rows = photos.loc[photos["taxonomy"] == path, "row"]
            message = f'"{path}" is a label and also holds others, such as "{below[0]}".'
            problems.append(Problem(rows_text(rows), "taxonomy", message))
    return problems


def annotation_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """The raters' columns of a header, in its order."""
    return tuple(name for name in columns if name.startswith(ANNOTATION_PREFIX))


def find_nameless_raters(raters: Sequence[str]) -> list[Problem]:
    """Find a rater's column without the rater's name."""
    message = f'found a column without a rater. Name it, as in "{ANNOTATION_PREFIX}anna".'
    return [Problem("header", name, message) for name in raters if name == ANNOTATION_PREFIX]


def find_lookalike_annotations(photos: pd.DataFrame, raters: Sequence[str]) -> list[Problem]:
    """Find annotations that differ only in case or blanks, whichever rater wrote them."""
    if not raters:
        return []
    given = _given(photos, raters)
    return lookalike_names(
        given.rename(columns={"grade": f"{ANNOTATION_PREFIX}…"}), f"{ANNOTATION_PREFIX}…"
    )


def find_odd_annotations(photos: pd.DataFrame, raters: Sequence[str]) -> list[Problem]:
    """Find raters who annotated nothing, photos without an annotation, and lone annotations."""
    if not raters:
        return []
    given = _given(photos, raters)
    problems = [
        Problem("all rows", name, "empty. This rater annotated nothing: drop the column.")
        for name in raters
        if not (given["rater"] == name).any()
    ]
    ungraded = photos.loc[~photos["row"].isin(given["row"]), "row"]
    if len(ungraded) and len(given):
        message = "nobody annotated these photos; their label stands alone."
        problems.append(Problem(rows_text(ungraded), f"{ANNOTATION_PREFIX}…", message))
    counts = given["grade"].value_counts()
    usual = counts.index[counts > 1].tolist()
    for grade in sorted(counts.index[counts == 1]):
        close = nearest(grade, usual, most=1)
        if close:
            at = given.loc[given["grade"] == grade].iloc[0]
            message = f'"{grade}": found once. Did you mean "{close[0]}"?'
            problems.append(Problem(rows_text([at["row"]]), at["rater"], message))
    return problems


def _given(photos: pd.DataFrame, raters: Sequence[str]) -> pd.DataFrame:
    """A row for each annotation: ``row``, ``rater``, ``grade``."""
    long = photos.melt(["row"], list(raters), var_name="rater", value_name="grade")
    return long[long["grade"] != ""]
