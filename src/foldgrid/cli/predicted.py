"""Predictions of new photographs as people read them: the table, what is shown of it, the notes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.dataset import Dataset
from foldgrid.launching.given.cells import GivenCells
from foldgrid.launching.given.features import feature_numbers
from foldgrid.predict.photographs import (
    PREDICTED,
    PROBABILITY,
    CallingPoint,
    calling_points,
    predict_features,
    predict_samples,
)
from foldgrid.predict.trained_learner import TrainedLearner
from foldgrid.predict.visits import predict_visits
from foldgrid.records.given_tables import read_table
from foldgrid.specs.counted import counted

MOST_ROWS_SHOWN = 20
MOST_PROBABILITIES_SHOWN = 4


@dataclass(frozen=True)
class Predicted:
    """What ``predict`` writes and says.

    Attributes:
        table: What is written.
        decimals: With so many.
        what: What was written, for people.
        shown: The beginning of it, for the terminal.
        notes: What to know before believing it.
    """

    table: pd.DataFrame
    decimals: int
    what: str
    shown: str
    notes: tuple[str, ...]


def predict_as_visits(learner: TrainedLearner, dataset: Dataset) -> Predicted:
    """The PASI of each visit."""
    visits = predict_visits(learner, dataset)
    notes = [*_region_notes(learner, dataset, visits), *_known_subjects(learner, dataset)]
    what = f"{counted(len(visits), 'visit')}, with the scores of each region"
    return Predicted(visits, 3, what, _shown_visits(visits), tuple(notes))


def predict_as_samples(learner: TrainedLearner, dataset: Dataset, photos: list[str]) -> Predicted:
    """What each photograph shows.

    Args:
        learner: Who predicts.
        dataset: A sample for each photograph.
        photos: The photographs' paths as the manifest has them, by sample.
    """
    points = calling_points(learner)
    table = predict_samples(learner, dataset, points)
    place = 2 if "case" in table else 1
    table.insert(place, "photo", photos)
    notes = [_point_note(learner, point) for point in points]
    what = f"{learner.task.unit_name.count(len(table))}, a row each"
    notes += _known_subjects(learner, dataset)
    return Predicted(table, 4, what, _shown_samples(table), tuple(notes))


def predict_as_features(learner: TrainedLearner, path: Path) -> Predicted:
    """What a table of new samples' features tells.

    Raises:
        InputError: Columns that are missing or no numbers, samples that are there twice.
        SweepError: The file is no table.
    """
    frame = read_table(path).rename(columns=str)
    cells = GivenCells(frame, str(path))
    cells.refuse(cells.missing_columns(["sample"]) + cells.duplicated_columns())

    def features(columns: tuple[str, ...]) -> NDArray[np.float32]:
        cells.refuse(cells.missing_columns(columns))
        values, problems = feature_numbers(cells, list(columns))
        cells.refuse(problems)
        return values.to_numpy(np.float32)

    names = cells.texts("sample")
    cells.refuse(cells.sample_problems(pd.Index(names)))
    points = calling_points(learner)
    table = predict_features(learner, names, features, points)
    notes = [_point_note(learner, point) for point in points]
    what = f"{counted(len(table), 'sample')}, a row each"
    return Predicted(table, 4, what, _shown_samples(table, "samples"), tuple(notes))


def _shown_visits(visits: pd.DataFrame) -> str:
    shown = visits.head(MOST_ROWS_SHOWN)
    composites = [str(name) for name in visits if str(name).endswith("_composite")]
    titles = {name: name.removesuffix("_composite") for name in composites}
    table = shown[["subject", "visit", "day", "pasi", *composites]].rename(columns=titles)
    table["day"] = [f"{day:g}" if day == day else "-" for day in table["day"]]
    text = table.to_string(index=False, na_rep="-", float_format="{:.1f}".format)
    return text + _more(visits, "visits")


def _shown_samples(table: pd.DataFrame, unit_name: str = "photographs") -> str:
    """Who, which photograph, the class and its probability; of few classes all probabilities."""
    fractions = [str(name) for name in table if str(name).startswith(PROBABILITY)]
    shown = table.head(MOST_ROWS_SHOWN)
    if PREDICTED in table and len(fractions) > MOST_PROBABILITIES_SHOWN:
        reported = shown[[name for name in table if name not in fractions]]
        shown = reported.assign(probability=_of_decided(shown))
    titles = {name: name.removeprefix(PROBABILITY) for name in fractions}
    text = shown.rename(columns=titles).to_string(index=False, float_format="{:.2f}".format)
    return text + _more(table, unit_name)


def _of_decided(table: pd.DataFrame) -> list[float]:
    """The probability of each row's decided class."""
    rows = table.to_dict(orient="records")
    return [float(row[f"{PROBABILITY}{row[PREDICTED]}"]) for row in rows]


def _more(table: pd.DataFrame, unit_name: str) -> str:
    left = len(table) - MOST_ROWS_SHOWN
    return f"\n… and {left} more {unit_name}" if left > 0 else ""


def _region_notes(learner: TrainedLearner, dataset: Dataset, visits: pd.DataFrame) -> list[str]:
    notes = []
    regions = dataset.samples["region"]
    unknown = regions[~regions.isin(learner.regions)]
    if len(unknown):
        names = ", ".join(sorted(set(unknown)))
        notes.append(f"composites passed over, for the sweep has no {names}: {len(unknown)}.")
    num_incomplete = int(visits["pasi"].isna().sum())
    if num_incomplete:
        names = ", ".join(learner.regions)
        notes.append(f"visits without a PASI, for it takes {names}: {num_incomplete}.")
    return notes


def _point_note(learner: TrainedLearner, point: CallingPoint) -> str:
    name = point.name.replace("_", " ")
    aim = f"{point.aim:.1%} {name.removeprefix('high ')}"
    positive = list(learner.task.prediction_names)[-1].removeprefix(f"{PREDICTED}_")
    if math.isnan(point.threshold):
        return f"{name}: no threshold, for no held-out photograph tells one."
    return (
        f"{name}: {positive} from a probability of {point.threshold:.4f} on, chosen on held-out "
        f"photographs to reach {aim}."
    )


def _known_subjects(learner: TrainedLearner, dataset: Dataset) -> list[str]:
    split = learner.store.read_split()
    trained = set(split.loc[split["partition"] != "test", "subject"])
    known = trained.intersection(dataset.samples["subject"])
    if not known:
        return []
    return [
        f"subjects named as in the sweep's training part: {len(known)}. If they are the same "
        "people, these predictions are too good to be true."
    ]
