"""A table that a user brings, cell by cell: read, and every mistake named with its row and column.

What the columns mean is for those who ask: a ranking of predictions, or a sweep's given learners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.specs.errors import InputError, Problem, SweepError

PARTITIONS = {"oof": "train", "train": "train", "test": "test"}
"""What ``partition`` may say, and the word of a split for it."""

MARK = ":"
"""Between a model and a class in a column's name."""

SUM_TOLERANCE = 0.01
"""How far the probabilities of a row may be from 1 together: somebody rounded them."""


def read_table(path: Path) -> pd.DataFrame:
    """The cells of a CSV or Parquet file; a row's name is its line in the file.

    Raises:
        SweepError: It is not there, or neither.
    """
    try:
        if path.suffix.lower() in {".parquet", ".pq"}:
            return pd.read_parquet(path)
        # As text, so that subject 007 stays 007 and a label NA stays one.
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SweepError(f"{path}: not found. Give a CSV or Parquet file.") from error
    except (OSError, ValueError, ImportError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{path}: cannot be read as a table ({first}). Give a CSV or Parquet file."
        raise SweepError(message) from error
    return frame.set_axis(frame.index + 2)


class Cells:
    """The cells of a table.

    Args:
        frame: The table, its columns named by text.
        source: What it is called in messages.

    Attributes:
        advice: Where such tables are explained.
    """

    advice = "See docs/reference/python.md."

    def __init__(self, frame: pd.DataFrame, source: str) -> None:
        self.frame, self.source = frame, source
        self.rows = [f"row {name}" for name in frame.index]

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Raises what was found, if anything."""
        if problems:
            raise InputError(self.source, problems, self.advice)

    def duplicated_columns(self) -> list[Problem]:
        """Columns that are there twice."""
        names = self.frame.columns[self.frame.columns.duplicated()].unique()
        return [Problem("header", name, "found twice. Rename or remove one.") for name in names]

    def texts(self, column: str, usual: str = "") -> list[str]:
        """A column as text; ``usual`` in each row where there is none."""
        if column not in self.frame:
            return [usual] * len(self.frame)
        return [text_of(value) for value in self.frame[column]]

    def numbers(self, column: str) -> tuple[NDArray[np.float64], list[Problem]]:
        """A column as numbers, and its cells that are none."""
        values = self.frame[column]
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        problems = [
            Problem(row, column, f"{found_words(value)}. A number is needed.")
            for row, value, number in zip(self.rows, values, numbers, strict=True)
            if not np.isfinite(number)
        ]
        return numbers, problems

    def partitions(self) -> tuple[list[str], list[Problem]]:
        """The side of each row in a split's words, ``train`` or ``test``; oof without a column."""
        names = self.texts("partition", "oof")
        problems = [
            Problem(row, "partition", f'found "{name}". Write oof or test.')
            for row, name in zip(self.rows, names, strict=True)
            if name not in PARTITIONS
        ]
        return [PARTITIONS.get(name, "train") for name in names], problems

    def class_indices(
        self, classes: Sequence[str], labels: Mapping[str, Sequence[str]]
    ) -> tuple[NDArray[np.int64], list[Problem]]:
        """The place of each row's ``truth`` among classes, -1 where it is none of them.

        Args:
            classes: Their names, in order.
            labels: By class, the labels that belong to it; a truth may be one of these.
        """
        places = {name: place for place, name in enumerate(classes)}
        owners = {label: name for name, given in labels.items() for label in given}
        names = self.texts("truth")
        found = [places.get(name, places.get(owners.get(name, ""), -1)) for name in names]
        problems = [
            Problem(row, "truth", f'found "{name}". The classes are {", ".join(places)}.')
            for row, name, place in zip(self.rows, names, found, strict=True)
            if place < 0
        ]
        return np.array(found, np.int64), problems

    def fraction_problems(self, model: str, values: pd.DataFrame) -> Iterator[Problem]:
        """Rows that are no probabilities.

        Args:
            model: Whose they are.
            values: A column a class, a row a row of the table.
        """
        lowest, total = values.min(axis=1), values.sum(axis=1, skipna=False)
        for row, least, whole in zip(self.rows, lowest, total, strict=True):
            if least < 0:
                yield Problem(row, model, f"found {least:g}. Probabilities are 0 to 1.")
            elif abs(whole - 1) > SUM_TOLERANCE:
                text = f"the classes add up to {whole:.3g}. Probabilities of a row add up to 1."
                yield Problem(row, model, text)


def text_of(value: Any) -> str:
    """A cell as text; a whole number without its point, nothing for nothing."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def found_words(value: Any) -> str:
    """``found "x"``, or ``empty``."""
    text = text_of(value)
    return f'found "{text}"' if text else "empty"
