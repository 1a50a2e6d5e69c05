"""The finished fits of a run folder, each read once: checks, ranking and report share them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foldgrid.analysis.predictions.validation import FoldPredictions
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.specs.fits import FitRecord
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring

READ_ERRORS = (OSError, ValueError)
"""What reading a missing or corrupt file raises; a parse error of any format is a ValueError."""


@dataclass(frozen=True)
class ReadFit:
    """A finished fit as far as it can be read.

    Attributes:
        record: Its ``fit.json``; nothing where that cannot be read.
        predictions: What it predicted; nothing where it diverged or that cannot be read.
        fault: Why its predictions cannot be used; "" where they can.
    """

    record: FitRecord | None
    predictions: FoldPredictions | None
    fault: str

    @property
    def has_diverged(self) -> bool:
        """Whether it ended without predictions because its loss was no longer finite."""
        return self.record is not None and self.record.status == "diverged"


class FinishedFits:
    """The finished fits of a run folder, as they were at the first look.

    What it hands out is shared: nobody may change it.

    Args:
        store: The run folder.

    Example:
        >>> finished = FinishedFits(RunStore("runs/quickstart"))
        >>> [finished.read(each).fault for each in store.read_plan() if each.fit_id in finished.ids]
    """

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self.ids = frozenset(store.finished_fits())
        self._read: dict[str, ReadFit] = {}

    @cached_property
    def sizes(self) -> dict[str, int]:
        """How long each of their files is, in bytes."""
        return self.store.fit_sizes()

    def read(self, planned: PlannedFit) -> ReadFit:
        """One of them; read at the first call."""
        if planned.fit_id not in self._read:
            self._read[planned.fit_id] = self._read_now(planned)
        return self._read[planned.fit_id]

    def _read_now(self, planned: PlannedFit) -> ReadFit:
        try:
            record = self.store.read_fit(planned.fit_id)
        except READ_ERRORS as error:
            return ReadFit(None, None, f"fit.json: {fault_of(error)}")
        if record.status == "diverged":
            return ReadFit(record, None, _divergence(record))
        try:
            table = self.store.read_predictions(planned.fit_id)
        except READ_ERRORS as error:
            return ReadFit(record, None, f"predictions.parquet: {fault_of(error)}")
        fit = FoldPredictions(planned.backbone, record, table)
        return ReadFit(record, fit, _fault(fit))


def fault_of(error: Exception) -> str:
    """What is wrong with a file, by what reading it raised."""
    if isinstance(error, CorruptFileError | MissingFileError):
        return error.fault
    return (str(error).splitlines() or [type(error).__name__])[0]


def scoring_of(fit: FoldPredictions) -> Scoring:
    """What a fit's predictions mean."""
    return make_scoring(fit.record.config.task)


def _divergence(record: FitRecord) -> str:
    rate = record.last_learning_rate
    at = f" at a learning rate of {rate:.2g}" if rate is not None else ""
    return f"diverged in epoch {record.num_epochs}{at}"


def _fault(fit: FoldPredictions) -> str:
    """Why a complete fit's predictions cannot be used, or ""."""
    scoring = scoring_of(fit)
    needed = ("sample", "partition", *scoring.target_names, *scoring.prediction_names)
    missing = [name for name in needed if name not in fit.table]
    if missing:
        return f"lacks the column {', '.join(missing)} in predictions.parquet"
    outputs = fit.table[list(scoring.prediction_names)]
    finite = np.isfinite(outputs.to_numpy(dtype=np.float64)).all()
    return "" if finite else "predicted values that are not finite"
