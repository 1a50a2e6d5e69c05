"""A table of predictions that somebody brings, checked: every mistake in one message.

``subject``, ``truth`` and a column a model (of classes a column a model and class,
``model:class``); ``sample``, ``visit``, ``day``, ``region``, ``fold`` and ``partition`` where they
are known. A row is a unit. Knows nothing of run folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from foldgrid.analysis.predictions.predictions import BaseLearner, PredictionTable
from foldgrid.analysis.predictions.validation import split_problems
from foldgrid.records.given_tables import MARK, Cells, text_of
from foldgrid.specs.errors import InputError, Problem, SweepError, did_you_mean
from foldgrid.specs.task import TASKS, AnyTask, TaskSpec
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring, by_model

ABOUT = ("subject", "sample", "visit", "day", "region", "fold", "partition", "truth")
"""The columns that are no model's."""

NEEDED = ("subject", "truth")
_TASK: TypeAdapter[TaskSpec] = TypeAdapter(AnyTask)


@dataclass(frozen=True)
class GivenPredictions:
    """A table in which no mistake was found.

    Attributes:
        table: What the ranking is made of.
        has_folds: Whether it says which fold held a subject out; else each subject is its own.
    """

    table: PredictionTable
    has_folds: bool


def read_given(
    frame: pd.DataFrame,
    source: str,
    task: str | Mapping[str, Any] | TaskSpec | None = None,
    models: Sequence[str] | None = None,
) -> GivenPredictions:
    """Checks a table of predictions and makes what a ranking needs of it.

    Args:
        frame: The table.
        source: What it is called in messages.
        task: What is predicted, as a sweep's ``task`` says it; else the truth's kind tells.
        models: The models to rank; all without.

    Raises:
        InputError: All mistakes of the table, each with its row and column.
        SweepError: The task is none, or cannot be ranked from a table.
    """
    cells = _Cells(frame.rename(columns=str), source, models)
    cells.refuse(cells.header_problems())
    scoring = make_scoring(cells.task(task))
    _refuse_task(cells, scoring)
    samples = cells.samples()
    references, problems = cells.references(scoring)
    samples["reference"] = references
    predicted, wrong = cells.predictions(scoring)
    cells.refuse([*cells.subject_problems(), *problems, *wrong])
    cells.refuse(split_problems(samples))
    samples = samples.set_index("sample")
    predicted = predicted.set_axis(samples.index)
    is_test = (samples["partition"] == "test").to_numpy()
    learners = tuple(BaseLearner(name, (), (), "") for name in cells.models)
    table = PredictionTable(
        learners, samples, predicted[~is_test], predicted[is_test], scoring.spec
    )
    return GivenPredictions(table, "fold" in cells.frame)


def _refuse_task(cells: _Cells, scoring: Scoring) -> None:
    """A table of classes is no task of numbers, and photographs of regions need their region."""
    found = "classes" if cells.classes else "numbers"
    if scoring.target_kind != found:
        raise SweepError(
            f"{cells.source}: found a table of {found}, and the task {scoring.spec.name} is of "
            f"{scoring.target_kind}.\nA table of classes has a column for each model and class, "
            "model:class; a table of numbers one for each model."
        )
    if scoring.parts(pd.DataFrame({"region": ["trunk"]})) and "region" not in cells.frame:
        raise SweepError(
            f"{cells.source}: the task {scoring.spec.name} needs the columns visit and region.\n"
            "Of a table with one number a visit, leave the task out."
        )


class _Cells(Cells):
    """The cells of a table of predictions by what they are.

    Args:
        frame: The table, its columns named by text.
        source: What it is called in messages.
        models: The models that were asked for.
    """

    def __init__(self, frame: pd.DataFrame, source: str, models: Sequence[str] | None) -> None:
        super().__init__(frame, source)
        self._wanted = models

    def header_problems(self) -> list[Problem]:
        """What is wrong with the columns."""
        frame = self.frame
        problems = [
            Problem("header", name, f"not found. {did_you_mean(name, frame.columns)}".strip())
            for name in NEEDED
            if name not in frame
        ]
        problems += self.duplicated_columns()
        if not len(frame):
            problems.append(Problem("rows", "", "none. A row a unit is needed."))
        known = {name.rpartition(MARK)[0] for name in self._columns} | set(self._columns)
        for name in self._wanted or ():
            if name not in known:
                problems.append(Problem("models", name, f"no column. {did_you_mean(name, known)}"))
        if not self._columns:
            names = ", ".join(ABOUT)
            problems.append(Problem("header", "", f"no model's column; found only {names}."))
        if problems:
            return problems
        return self._class_problems()

    def _class_problems(self) -> list[Problem]:
        """Whether every model has a column for every class."""
        classes = set(self.classes)
        if not classes and not _is_number(self.frame["truth"]):
            text = "found labels. A column for each model and class is needed, model:class."
            return [Problem("header", "truth", text)]
        problems = []
        for model in self.models if classes else ():
            lacking = [name for name in self.classes if f"{model}{MARK}{name}" not in self.frame]
            for name in lacking:
                message = "not found. Every model needs a column for each class."
                problems.append(Problem("header", f"{model}{MARK}{name}", message))
        if len(classes) == 1:
            problems.append(Problem("header", "", "one class only. Two or more are needed."))
        return problems

    @cached_property
    def _columns(self) -> list[str]:
        return [name for name in self.frame.columns if name not in ABOUT]

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes in the order of the columns; none of a table of numbers."""
        marked = [name.rpartition(MARK) for name in self._columns]
        names = tuple(dict.fromkeys(name for _, _, name in marked))
        is_class = all(model and name for model, _, name in marked)
        truths = {text_of(value) for value in self.frame["truth"]}
        if not is_class or (_is_number(self.frame["truth"]) and not truths <= {*names, ""}):
            return ()
        return names

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The models in the order of the columns, or as they were asked for."""
        if self._wanted is not None:
            return tuple(dict.fromkeys(self._wanted))
        names = [n.rpartition(MARK)[0] if self.classes else n for n in self._columns]
        return tuple(dict.fromkeys(names))

    def task(self, task: str | Mapping[str, Any] | TaskSpec | None) -> TaskSpec:
        """The task's words, with the classes that the columns have.

        Raises:
            SweepError: They are none.
        """
        if isinstance(task, TaskSpec):
            task = task.model_dump(mode="json")
        usual = {"name": "classification" if self.classes else "regression"}
        words: dict[str, Any] = {"name": task} if isinstance(task, str) else dict(task or usual)
        kind = TASKS.get(str(words.get("name")))
        has_classes = kind is not None and "classes" in kind.words.model_fields
        if has_classes and self.classes and not words.get("classes"):
            positive = words.get("positive") or ()
            last = {positive} if isinstance(positive, str) else set(positive)
            if words.get("name") == "binary":
                words["positive"] = sorted(last)
            ordered = sorted(self.classes, key=lambda name: name in last)
            words["classes"] = {name: [name] for name in ordered}
        try:
            return _TASK.validate_python(words)
        except ValidationError as error:
            problems = [
                Problem("task", ".".join(map(str, each["loc"])), f"{each['msg']}.")
                for each in error.errors()
            ]
            raise InputError(self.source, problems) from error

    def samples(self) -> pd.DataFrame:
        """Who and when, a row each, in the words of a split; and unnamed subjects as they are."""
        frame = self.frame
        subjects = [text_of(value) for value in frame["subject"]]
        table = pd.DataFrame({"sample": self._names(subjects), "subject": subjects})
        table["partition"] = self.partitions()[0]
        folds = pd.Series(self.texts("fold", "") if "fold" in frame else subjects)
        codes, _ = pd.factorize(folds.mask(folds == ""), sort=True)
        is_test = table["partition"] == "test"
        table["fold"] = np.where(is_test, -1, codes)
        for name in ("visit", "region"):
            if name in frame:
                table[name] = self.texts(name, "")
        if "day" in frame:
            table["day"] = pd.to_numeric(frame["day"], errors="coerce").to_numpy()
        return table

    def _names(self, subjects: Sequence[str]) -> list[str]:
        """What each row's unit is called: as it says, or by subject and visit, or by its place."""
        if "sample" in self.frame:
            return self.texts("sample", "")
        if "visit" in self.frame and "region" not in self.frame:
            names = [
                f"{subject}/{visit}"
                for subject, visit in zip(subjects, self.texts("visit", ""), strict=True)
            ]
            if len(set(names)) == len(names):
                return names
        width = len(str(len(subjects)))
        return [f"row {place:0{width}}" for place in range(len(subjects))]

    def subject_problems(self) -> list[Problem]:
        """Rows of nobody, and rows of no known partition."""
        found = [
            Problem(row, "subject", "empty. Fill it in.")
            for row, name in zip(self.rows, self.texts("subject", ""), strict=True)
            if not name
        ]
        partitions, problems = self.partitions()
        found += problems
        if set(partitions) == {"test"}:
            text = "test in every row. Out-of-fold rows order a ranking: leave the column out."
            found.append(Problem("rows", "partition", text))
        return found

    def references(self, scoring: Scoring) -> tuple[NDArray[Any], list[Problem]]:
        """The truth as models are evaluated by it: a number, or the index of a class."""
        if not self.classes:
            return self.numbers("truth")
        given = getattr(scoring.spec, "classes", {})
        return self.class_indices(self._evaluated(scoring), given)

    def _evaluated(self, scoring: Scoring) -> tuple[str, ...]:
        """The classes in the task's order."""
        evaluated = tuple(getattr(scoring, "evaluated_classes", self.classes))
        if set(evaluated) != set(self.classes):
            raise SweepError(
                f"{self.source}: found columns for the classes {', '.join(self.classes)}, and the "
                f"task has {', '.join(evaluated)}.\nName the columns, or the task's classes, alike."
            )
        return evaluated

    def predictions(self, scoring: Scoring) -> tuple[pd.DataFrame, list[Problem]]:
        """What each model says, as a run folder's are; and what is wrong with it."""
        problems: list[Problem] = []
        if not self.classes:
            columns = {}
            for name in self.models:
                columns[name], wrong = self.numbers(name)
                problems += wrong
            return pd.DataFrame(columns), problems
        fractions = {}
        for model in self.models:
            values = {}
            for name in self._evaluated(scoring):
                values[name], wrong = self.numbers(f"{model}{MARK}{name}")
                problems += wrong
            fractions[model] = pd.DataFrame(values)
            problems += self.fraction_problems(model, fractions[model])
        return by_model(fractions), problems


def _is_number(column: pd.Series[Any]) -> bool:
    """Whether every cell that is filled in is a number."""
    filled = column[[text_of(value) != "" for value in column]]
    return bool(len(filled)) and bool(pd.to_numeric(filled, errors="coerce").notna().all())
