"""Tables as public archives publish them, turned into a manifest: HAM10000, ISIC, APTOS, one-hot.

Knows columns by the names that they have there; opens no photograph.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from foldgrid.data.manifest.checks import rows_text
from foldgrid.data.manifest.rows import (
    DISTINCT,
    PERSON_UNKNOWN,
    SCORES,
    cell_text,
)
from foldgrid.data.manifest.table import RawTable, read_table
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem, nearest

NAMES: Mapping[str, tuple[str, ...]] = {
    "photo": (
        "photo", "image", "image_id", "image_name", "isic_id", "id_code", "image_path", "filename",
        "file_name", "file", "img", "path",
    ),
    "subject": ("subject", "patient_id", "patient", "subject_id", "person_id", "person"),
    "case": ("case", "lesion_id", "case_id"),
    "label": ("label", "dx", "diagnosis", "diagnosis_1", "class", "category", "target"),
    "value": ("value",),
    "visit": ("visit", "visit_id"),
    "day": ("day",),
}  # fmt: skip
"""By the manifest's column, what archives call it, the first that is there."""

OURS = (*NAMES, "taxonomy", "region", *SCORES, DISTINCT, PERSON_UNKNOWN)
PATIENT = "patient"
MOST_NAMED = 8


@dataclass(frozen=True)
class ImportedTable:
    """A manifest made of somebody's table.

    Attributes:
        rows: Its rows, a photograph each: the manifest's columns, then all others of the table.
        taken: By the manifest's column, the table's that it came from.
        one_hot: The table's columns that were one label each; empty where the label is a column.
        num_without_person: Photographs whose patient the table does not tell.
        held_out: What is held out in place of patients: "lesions", "photographs", or "".
    """

    rows: pd.DataFrame
    taken: Mapping[str, str]
    one_hot: tuple[str, ...]
    num_without_person: int
    held_out: str


def import_table(path: Path, photos: Path, columns: Mapping[str, str]) -> ImportedTable:
    """A manifest's rows, from a table as it was downloaded.

    Args:
        path: The table.
        photos: The folder with the photographs, at any depth.
        columns: The manifest's columns with the table's, where they are not to be guessed.

    Raises:
        InputError: All that is unclear: columns, photographs, labels.
    """
    table = read_table(path)
    taken = _taken(path, table, columns)
    frame = pd.DataFrame(
        [[cell_text(cell) for cell in row] for row in table.rows], columns=table.columns
    ).assign(_row=table.row_numbers)
    one_hot: tuple[str, ...] = ()
    if "label" not in taken and "value" not in taken:
        one_hot = _one_hot_columns(frame, set(taken.values()))
        if not one_hot:
            raise InputError(str(path), [_missing("label", table.columns)], _advice(taken))
    problems = list(table.problems)
    made = pd.DataFrame({name: frame[theirs] for name, theirs in taken.items()})
    made["photo"], missing = _found_photos(frame["_row"], made["photo"], photos)
    problems += missing
    if one_hot:
        made["label"], unclear = _labels_of(frame, one_hot)
        problems += unclear
    if problems:
        raise InputError(str(path), problems)
    made, num_without_person, held_out = _with_subjects(made)
    others = [
        name
        for name in table.columns
        if name and name not in {*taken.values(), *one_hot, *made.columns, *OURS}
    ]
    return ImportedTable(
        pd.concat([made, frame[others]], axis=1), taken, one_hot, num_without_person, held_out
    )


def _taken(path: Path, table: RawTable, columns: Mapping[str, str]) -> dict[str, str]:
    """By the manifest's column, the table's."""
    problems = [
        Problem("--columns", name, f'found "{theirs}". {_offer(theirs, table.columns)}')
        for name, theirs in columns.items()
        if theirs not in table.columns
    ]
    if problems:
        raise InputError(str(path), problems)
    spelled = {name.casefold(): name for name in reversed(table.columns)}
    taken = dict(columns)
    for name, known in NAMES.items():
        there = [spelled[each] for each in known if each in spelled]
        there = [each for each in there if each not in taken.values()]
        if name not in taken and there and not (name == "value" and "label" in taken):
            taken[name] = there[0]
    if "photo" not in taken:
        raise InputError(str(path), [_missing("photo", table.columns)], _advice(taken))
    return taken


def _missing(name: str, columns: Sequence[str]) -> Problem:
    known = ", ".join(NAMES[name])
    message = f"no column of the table is called so, nor {known}. {_offer(name, columns)}"
    return Problem("header", name, message)


def _offer(name: str, columns: Sequence[str]) -> str:
    close = nearest(name, columns, most=1)
    hint = f'Did you mean "{close[0]}"? ' if close else ""
    return f"{hint}The table has {', '.join(name for name in columns if name)}."


def _advice(taken: Mapping[str, str]) -> str:
    so_far = ",".join(f"{name}={theirs}" for name, theirs in taken.items())
    return f"Say which: --columns photo=…,label=…,subject=… (found so far: {so_far or 'none'})."


def _one_hot_columns(frame: pd.DataFrame, taken: Iterable[str]) -> tuple[str, ...]:
    """Columns of zeros and ones of which nearly every row has one: a label each."""
    names = [
        str(name)
        for name in frame.columns
        if name not in taken and name != "_row" and frame[name].isin(("0", "1", "0.0", "1.0")).all()
    ]
    return tuple(names) if len(names) > 1 else ()


def _labels_of(frame: pd.DataFrame, one_hot: Sequence[str]) -> tuple[list[str], list[Problem]]:
    is_set = frame[list(one_hot)].astype(float) == 1
    problems = []
    for count, what in ((0, "none of the labels"), (2, "several labels")):
        wrong = is_set.sum(axis=1) == 0 if count == 0 else is_set.sum(axis=1) >= count
        if wrong.any():
            rows = frame.loc[wrong, "_row"].tolist()
            message = f"found {what} {', '.join(one_hot)}. One is needed: correct or drop them."
            problems.append(Problem(rows_text(rows), "label", message))
    return [str(name) for name in is_set.idxmax(axis=1)], problems


def _found_photos(
    rows: pd.Series[int], names: pd.Series[str], folder: Path
) -> tuple[list[str], list[Problem]]:
    """Each photograph's path below a folder; archives leave out endings and folders."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for below, _, files in os.walk(folder):
        for name in sorted(files):
            relative = (Path(below) / name).relative_to(folder)
            for key in {str(relative), name, relative.stem, str(relative.with_suffix(""))}:
                by_name[key].append(str(relative))
    found, missing, unclear = [], [], []
    for row, name in zip(rows, names, strict=True):
        there = by_name.get(name) or by_name.get(Path(name).stem) or []
        found.append(there[0] if there else "")
        if not there:
            missing.append((row, name))
        elif len(set(there)) > 1:
            unclear.append((row, name, there))
    problems = []
    if missing:
        shown = ", ".join(f'"{name}"' for _, name in missing[:3])
        message = f"{shown}: no such file below {folder}, with any ending. Name the folder."
        problems.append(Problem(rows_text(row for row, _ in missing), "photo", message))
    for row, name, there in unclear[:MOST_NAMED]:
        message = f'"{name}" may be {" or ".join(sorted(set(there))[:3])}. Keep one of them.'
        problems.append(Problem(f"row {row}", "photo", message))
    return found, problems


def _with_subjects(made: pd.DataFrame) -> tuple[pd.DataFrame, int, str]:
    """Who each photograph is of: its patient, or what is known instead, and that no more is."""
    subject: pd.Series[Any] = made["subject"] if "subject" in made else pd.Series("", made.index)
    unknown = subject == ""
    held_out = ""
    if unknown.any():
        lesions = made["case"] if "case" in made else pd.Series("", made.index)
        stems = made["photo"].map(lambda photo: Path(photo).stem)
        has_lesions = bool((lesions[unknown] != "").all())
        held_out = "lesions" if has_lesions else "photographs"
        subject = subject.where(~unknown, lesions.where(lesions != "", stems))
    made = made.assign(subject=subject)
    if held_out == "lesions" and bool(unknown.all()):
        made = made.drop(columns="case")
    if unknown.any():
        made[PERSON_UNKNOWN] = [PATIENT if each else "" for each in unknown]
    first = [name for name in ("photo", "subject", "case", "label", "value") if name in made]
    return (
        made[[*first, *(name for name in made if name not in first)]],
        int(unknown.sum()),
        held_out,
    )


def describe_import(imported: ImportedTable) -> list[str]:
    """What was made of the table, a sentence a line."""
    renamed = ", ".join(f"{ours} from {theirs}" for ours, theirs in imported.taken.items())
    lines = [f"columns    {renamed}"]
    if imported.one_hot:
        lines.append(f"label      the one of {', '.join(imported.one_hot)} that is 1")
    if imported.num_without_person:
        lines.append(
            f"subjects   {counted(imported.num_without_person, 'photo')} without a patient: "
            f"{imported.held_out} are held out instead, so pictures of one patient may be in "
            "training and test. Values are optimistic for new patients; ranking and report say so."
        )
    return lines
