"""Tables of predictions that a sweep is given: checked against its split, and made fits.

A given base learner looks like a trained one afterwards: a fit a fold, each with the predictions of
the samples that the fold holds out and of the test set.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.splits import Split
from foldgrid.records import RunStore
from foldgrid.records.given_tables import MARK, Cells, read_table, text_of
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import FitConfig, FitRecord, WeightsRecord
from foldgrid.specs.given import GivenSpec, GivenTable
from foldgrid.tasks.scoring import Scoring, by_model

MOST_NAMES = 3
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


def read_given_predictions(
    given: Mapping[str, GivenSpec], samples: pd.DataFrame, split: Split, scoring: Scoring
) -> dict[str, GivenPredictions]:
    """Reads and checks the tables of a sweep.

    Args:
        given: The sweep's, with hashes.
        samples: Every sample, with what is to be predicted.
        split: Who is held out.
        scoring: The task's.

    Returns:
        By the sweep's name of each learner.

    Raises:
        InputError: All mistakes of a table, each with its row and column.
        SweepError: A file that is no table.
    """
    return {name: _read(name, spec, samples, split, scoring) for name, spec in given.items()}


def _read(
    name: str, spec: GivenSpec, samples: pd.DataFrame, split: Split, scoring: Scoring
) -> GivenPredictions:
    frame = read_table(spec.predictions).rename(columns=str)
    cells = _GivenCells(frame, str(spec.predictions), spec.model or name, scoring)
    cells.refuse(cells.header_problems())
    predicted, problems = cells.predictions()
    problems += cells.sample_problems(split.table)
    cells.refuse(problems)
    cells.refuse(list(cells.truth_problems(samples)))
    order = split.table["sample"].astype(str).tolist()
    table = predicted.set_axis(cells.texts("sample")).loc[order]
    identity = GivenTable(kind="predictions", model=spec.model or name, sha256=spec.sha256)
    return GivenPredictions(identity, spec.predictions.name, table)


class _GivenCells(Cells):
    """A table's cells as one model's predictions of a sweep's samples.

    Args:
        frame: The table, its columns named by text.
        source: What it is called in messages.
        model: What it calls the model.
        scoring: The task's.
    """

    advice = "See docs/how-to/models.md, Predictions made elsewhere."

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
        found = ", ".join(map(str, self.frame.columns)) or "none"
        problems = [
            Problem("header", name, f"not found. Found: {found}.")
            for name in needed
            if name not in self.frame
        ]
        return problems + self.duplicated_columns()

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

    def sample_problems(self, split: pd.DataFrame) -> list[Problem]:
        """Where the table's samples, subjects, sides and folds are not the split's."""
        own = pd.Series(self.texts("sample"))
        known = split.assign(sample=split["sample"].astype(str)).set_index("sample")
        doubled = own[own.duplicated()].unique()
        foreign = own[~own.isin(known.index)].unique()
        missing = known.index.difference(own.tolist(), sort=False)
        sides, problems = self.partitions()
        for names, words in (
            (doubled, "given more than once; each sample has one row."),
            (foreign, "not in this sweep's split. Remove them."),
            (missing, "of this sweep's split not found; a row a sample is needed."),
        ):
            if len(names):
                problems.append(Problem("rows", "sample", f"{_some(names)} {words}"))
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
            message = f"{_some(names)} with another truth than this sweep's data have."
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
        names = _some(samples[rows])
        yield Problem("rows", column, f"{names} not as in this sweep's split: {example}.")


def _some(names: Iterable[str]) -> str:
    listed = list(map(str, names))
    more = ", ..." if len(listed) > MOST_NAMES else ""
    return f"{counted(len(listed), 'sample')} ({', '.join(listed[:MOST_NAMES])}{more})"


def write_given_fit(
    store: RunStore,
    config: FitConfig,
    given: GivenPredictions,
    samples: pd.DataFrame,
    scoring: Scoring,
) -> FitRecord:
    """Writes the fit of one fold, ``fit.json`` last, as training would.

    Args:
        store: The run folder.
        config: The fit's.
        given: Its learner's table.
        samples: Every sample with its ``partition`` and ``fold``, in the split's order.
        scoring: The task's.
    """
    parts: list[pd.DataFrame] = []
    metrics: dict[str, float] = {}
    is_held_out = (samples["partition"] == "train") & (samples["fold"] == config.fold)
    for partition, chosen in (("oof", is_held_out), ("test", samples["partition"] == "test")):
        rows = samples[chosen]
        names = rows["sample"].astype(str).tolist()
        predicted = given.predicted.loc[names].reset_index(drop=True)
        columns: dict[str, object] = {"sample": rows["sample"].to_numpy(), "partition": partition}
        parts.append(pd.DataFrame({**columns, **scoring.target_columns(rows)}).join(predicted))
        metrics |= {
            f"{partition}/{name}": value for name, value in _metrics(scoring, parts[-1], rows)
        }
    folder = store.fit(config.fit_id)
    folder.discard()
    folder.write_predictions(pd.concat(parts, ignore_index=True))
    sha256 = given.identity.sha256
    record = FitRecord(
        fit_id=config.fit_id,
        status="complete",
        config=config,
        num_epochs=0,
        best_epoch=0,
        stopped_because="given",
        metrics=metrics,
        timings={},
        num_parameters=0,
        peak_memory_gib=0.0,
        weights=WeightsRecord(source="given", sha256=sha256),
        weights_kept=False,
        environment={},
    )
    folder.complete(record)
    return record


def _metrics(
    scoring: Scoring, table: pd.DataFrame, rows: pd.DataFrame
) -> Iterator[tuple[str, float]]:
    """The metrics that a table shows, of one part of the predictions."""
    if not len(table):
        return
    by_sample = table.set_index("sample")
    targets = by_sample[list(scoring.target_names)]
    samples = rows.set_index("sample").assign(reference=scoring.reference(targets))
    predicted = by_model({"given": scoring.values(by_sample[list(scoring.prediction_names)])})
    units = scoring.units(samples, predicted, scoring.parts(samples))
    for name in scoring.shown:
        yield name, scoring.metrics[name](units.reference, units.predicted_by("given"))
