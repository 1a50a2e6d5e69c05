"""Tables of predictions that a sweep is given: checked against its split, to the fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.splits import SEARCH, Split
from foldgrid.launching.given.cells import GivenCells, GivenOutcome, some_samples
from foldgrid.records.given_tables import MARK, read_table, text_of
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import GivenSpec, GivenTable
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.scoring import Scoring
from foldgrid.training.training_data import TrainingData

TOLERANCE = 1e-6
"""How far a table's truth may be from the data's, relative: somebody wrote fewer digits."""


@dataclass(frozen=True)
class GivenPredictions:
    """A table in which no mistake was found.

    Attributes:
        identity: What is a part of its fits' ids.
        file: The table's file name, for this machine.
        predicted: By sample of the split, in its order, the task's ``prediction_names``.
    """

    identity: GivenTable
    file: str
    predicted: pd.DataFrame

    @property
    def words(self) -> str:
        """What the plan says of it."""
        return f"predictions from {self.file}"

    def recipe(self, training: TrainingRecipe) -> TrainingRecipe:
        """The sweep's: nobody knows by which it was made."""
        return training

    def predict(self, config: FitConfig, data: TrainingData) -> GivenOutcome:
        """What it says of every sample; see ``GivenFeatures``."""
        return GivenOutcome(self.predicted)


def read_given_predictions(
    name: str, spec: GivenSpec, samples: pd.DataFrame, split: Split, scoring: Scoring
) -> GivenPredictions:
    """Reads and checks a table of predictions.

    Args:
        name: The sweep's name of the learner.
        spec: The sweep's, with the hash.
        samples: Every sample, with what is to be predicted.
        split: Who is held out.
        scoring: The task's.

    Raises:
        InputError: All mistakes of the table, each with its row and column.
        SweepError: The file is no table.
    """
    path, model = spec.table, spec.model or name
    cells = _PredictionCells(read_table(path).rename(columns=str), str(path), model, scoring)
    cells.refuse(cells.header_problems())
    predicted, problems = cells.predictions()
    problems += cells.split_problems(split.table)
    cells.refuse(problems)
    cells.refuse(list(cells.truth_problems(samples)))
    order = predicted_part(split.table)["sample"].tolist()
    table = predicted.set_axis(cells.texts("sample")).loc[order]
    identity = GivenTable(kind="predictions", model=model, sha256=spec.sha256)
    return GivenPredictions(identity, path.name, table)


def predicted_part(split: pd.DataFrame) -> pd.DataFrame:
    """The samples that base learners predict: all but those that are set aside for searches."""
    predicted = split[split["partition"] != SEARCH]
    return predicted.assign(sample=predicted["sample"].astype(str))


class _PredictionCells(GivenCells):
    """A table's cells as one model's predictions of a sweep's samples.

    Args:
        frame: The table, its columns named by text.
        source: What it is called in messages.
        model: What it calls the model.
        scoring: The task's.
    """

    def __init__(self, frame: pd.DataFrame, source: str, model: str, scoring: Scoring) -> None:
        super().__init__(frame, source)
        self._model, self._scoring = model, scoring

    @property
    def _words(self) -> list[str]:
        """What is predicted: the classes, or the scores."""
        return [name.removeprefix("predicted_") for name in self._scoring.prediction_names]

    @property
    def _columns(self) -> list[str]:
        """The model's columns, in the order of the task's ``prediction_names``."""
        if len(self._words) == 1:
            return [self._model]
        return [f"{self._model}{MARK}{word}" for word in self._words]

    def header_problems(self) -> list[Problem]:
        """Columns that are missing or there twice."""
        needed = ["sample", "subject", "fold", *self._columns]
        return self.missing_columns(needed) + self.duplicated_columns()

    def predictions(self) -> tuple[pd.DataFrame, list[Problem]]:
        """The task's ``prediction_names``, row by row of the table, and what is wrong there."""
        columns: dict[str, NDArray[np.float64]] = {}
        problems: list[Problem] = []
        for name, column in zip(self._scoring.prediction_names, self._columns, strict=True):
            columns[name], wrong = self.numbers(column)
            problems += wrong
        table = pd.DataFrame(columns)
        if self._scoring.target_kind == "classes" and not problems:
            problems += self.fraction_problems(self._model, table)
        return table, problems

    def split_problems(self, split: pd.DataFrame) -> list[Problem]:
        """Where the table's samples, subjects, sides and folds are not the split's."""
        own = pd.Series(self.texts("sample"))
        known = predicted_part(split).set_index("sample")
        sides, problems = self.partitions()
        problems += self.sample_problems(known.index)
        if problems:
            return problems
        due = known.loc[own.tolist()]
        is_train = (due["partition"] == "train").to_numpy()
        folds = np.where(is_train, self.texts("fold"), "")
        due_folds = np.where(is_train, [text_of(fold) for fold in due["fold"]], "")
        for column, found, expected in (
            ("subject", self.texts("subject"), due["subject"].astype(str).to_numpy()),
            ("partition", sides, due["partition"].astype(str).to_numpy()),
            ("fold", folds, due_folds),
        ):
            problems += _unlike(own, column, np.asarray(found), np.asarray(expected))
        return problems

    def truth_problems(self, samples: pd.DataFrame) -> Iterator[Problem]:
        """Where the table's truth, if it says one, is not the data's."""
        if "truth" not in self.frame:
            return
        index = pd.Index(samples["sample"].astype(str), name="sample")
        targets = pd.DataFrame(self._scoring.target_columns(samples), index=index)
        due = self._scoring.reference(targets).loc[self.texts("sample")].to_numpy(np.float64)
        found, problems = self._truths()
        yield from problems
        differs = ~np.isclose(found, due, rtol=TOLERANCE, atol=TOLERANCE)
        if not problems and differs.any():
            names = pd.Series(self.texts("sample"))[differs]
            message = f"{some_samples(names)} with another truth than this sweep's data have."
            yield Problem("rows", "truth", message)

    def _truths(self) -> tuple[NDArray[np.float64], list[Problem]]:
        """The truth as models are evaluated by it: a number, or the index of a class."""
        if self._scoring.target_kind != "classes":
            return self.numbers("truth")
        classes = list(getattr(self._scoring, "evaluated_classes", self._words))
        labels: dict[str, list[str]] = {name: [] for name in classes}
        for name, given in getattr(self._scoring.spec, "classes", {}).items():
            place = self._scoring.reference(pd.DataFrame({"label": list(given)[:1]})).iloc[0]
            labels[classes[int(place)]] += [name, *given]
        indices, problems = self.class_indices(classes, labels)
        return indices.astype(np.float64), problems


def _unlike(
    samples: pd.Series[Any], column: str, found: NDArray[Any], due: NDArray[Any]
) -> Iterator[Problem]:
    """Where a column is not what the split has: one problem, with an example."""
    rows = np.flatnonzero(found != due)
    if len(rows):
        first = rows[0]
        example = f'{samples[first]} has "{found[first]}", the split "{due[first]}"'
        names = some_samples(samples[rows])
        yield Problem("rows", column, f"{names} not as in this sweep's split: {example}.")
