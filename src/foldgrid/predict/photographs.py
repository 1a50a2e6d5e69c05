"""What a trained base learner says of new samples, each for itself: classes or numbers.

Shape letters: N samples, K outputs, J evaluated classes, F copies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.dataset import Dataset
from foldgrid.metrics.counts import decide
from foldgrid.predict.fold_copies import outputs_of_copies, outputs_of_features
from foldgrid.predict.trained_learner import TrainedLearner
from foldgrid.specs.metric import TargetKind
from foldgrid.tasks.classification.operating_points import choose_threshold
from foldgrid.tasks.scoring import Scoring

PREDICTED = "predicted"
PROBABILITY = "probability_"


@dataclass(frozen=True)
class CallingPoint:
    """From which probability on a binary task's finding is called.

    Attributes:
        name: ``high_sensitivity`` or ``high_specificity``.
        aim: The fraction that it was to reach.
        threshold: Called from this probability on; NaN where no out-of-fold prediction tells.
    """

    name: str
    aim: float
    threshold: float

    @property
    def column(self) -> str:
        """Where the calls are in the table of predictions."""
        return f"{PREDICTED}_at_{self.name}"


def predict_samples(
    learner: TrainedLearner, dataset: Dataset, points: Sequence[CallingPoint] = ()
) -> pd.DataFrame:
    """What ``learner`` predicts for each sample: the mean over its copies.

    Args:
        learner: Who predicts.
        dataset: The samples; their labels may be unknown and are not looked at.
        points: From where on a binary task's finding is called, beside one half.

    Returns:
        A row a sample, in the samples' order: ``subject``, ``case`` where one is given, and of
        classes ``predicted`` (the evaluated class that is decided for), ``predicted_<level>`` of
        what else the task tells of, ``predicted_at_<point>`` of a binary task's operating points,
        and ``probability_<class>``; of a number ``predicted``, in the task's unit.

    Raises:
        SweepError: A weight file is missing or corrupt.
    """
    names = dataset.samples["sample"].tolist()
    reported = _reported(learner, outputs_of_copies(learner, dataset), names, points)
    given = [name for name in ("case",) if (dataset.samples[name] != "").any()]
    about = dataset.samples[["subject", *given]].set_axis(reported.index)
    return pd.concat([about, reported], axis=1).reset_index(drop=True)


def predict_features(
    learner: TrainedLearner,
    samples: Sequence[str],
    features: Callable[[tuple[str, ...]], NDArray[np.float32]],
    points: Sequence[CallingPoint] = (),
) -> pd.DataFrame:
    """What the heads of a learner of given features predict of new samples' features.

    Args:
        learner: Who predicts.
        samples: Their names.
        features: Gives their features by the names of the columns, (N, D).
        points: As for `predict_samples`.

    Returns:
        A row a sample: ``sample``, then as of `predict_samples`.
    """
    outputs_FNK = outputs_of_features(learner, features)
    reported = _reported(learner, outputs_FNK, samples, points)
    return reported.rename_axis("sample").reset_index()


def _reported(
    learner: TrainedLearner,
    outputs_FNK: NDArray[np.float32],
    names: Sequence[str],
    points: Sequence[CallingPoint],
) -> pd.DataFrame:
    """The mean over the copies as it is reported, by sample."""
    copies = [
        pd.DataFrame(learner.task_of(copy).prediction_columns(outputs_NK), index=list(names))
        for copy, outputs_NK in zip(learner.copies, outputs_FNK, strict=True)
    ]
    mean = sum(copies[1:], start=copies[0]) / len(copies)
    return REPORTED[learner.task.target_kind](learner.task, mean, points)


def _classes(
    task: Scoring, predictions: pd.DataFrame, points: Sequence[CallingPoint]
) -> pd.DataFrame:
    """Decided classes, then probabilities: a column each."""
    values = task.values(predictions)
    layers = {PREDICTED: (tuple(map(str, values.columns)), values.to_numpy())}
    further = task.further_classes(predictions[list(task.prediction_names)].to_numpy())
    layers |= {f"{PREDICTED}_{name}": layer for name, layer in further.items()}
    decided: dict[str, object] = {}
    for column, (classes, probabilities_NJ) in layers.items():
        places = decide(probabilities_NJ, task.is_binary)
        decided[column] = np.array(classes, object)[places]
    for point in points:
        is_called = values.to_numpy()[:, -1] >= point.threshold
        if not math.isnan(point.threshold):
            decided[point.column] = np.array(values.columns, object)[is_called.astype(int)]
    # A node of a hierarchy can be a class of several levels: its probability is the same in all.
    fractions = {
        f"{PROBABILITY}{name}": probabilities_NJ[:, place]
        for classes, probabilities_NJ in layers.values()
        for place, name in enumerate(classes)
    }
    return pd.DataFrame({**decided, **fractions}, index=predictions.index)


def _numbers(
    task: Scoring, predictions: pd.DataFrame, _points: Sequence[CallingPoint]
) -> pd.DataFrame:
    """The number of each sample, on the task's scale."""
    return task.values(predictions).set_axis([PREDICTED], axis=1)


REPORTED: Mapping[
    TargetKind, Callable[[Scoring, pd.DataFrame, Sequence[CallingPoint]], pd.DataFrame]
] = MappingProxyType({"numbers": _numbers, "classes": _classes})
"""What is notified of new samples, by kind of truth."""


def calling_points(learner: TrainedLearner) -> tuple[CallingPoint, ...]:
    """The operating points of a binary task, chosen on the copies' out-of-fold predictions.

    A point says what ``tasks.classification.operating_points`` says of it: it is chosen on
    predictions of one copy each, and applied to the mean of all.
    """
    task = learner.task
    if not task.aims:
        return ()
    tables = [learner.store.read_predictions(record.fit_id) for record in learner.copies]
    held_out = pd.concat([table[table["partition"] == "oof"] for table in tables])
    held_out = held_out.set_index("sample")
    scores: NDArray[np.float64] = task.values(held_out).to_numpy()[:, -1]
    is_positive = task.reference(held_out).to_numpy() == task.num_values - 1
    return tuple(
        CallingPoint(f"high_{name}", aim, choose_threshold(is_positive, scores, **{name: aim}))
        for name, aim in task.aims.items()
    )
