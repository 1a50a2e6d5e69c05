"""One fit: what decides it, and what it leaves behind. Plain data, no file system, no torch."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from foldgrid.specs.backbone_names import slug_of
from foldgrid.specs.base import Record, Spec
from foldgrid.specs.given import GivenTable
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import deciding_values
from foldgrid.specs.sweep import BudgetName
from foldgrid.specs.task import AnyTask, deciding_words

RESULT_FORMAT = 1
"""Raised when the same configuration would no longer give the same result."""

SPLIT_FINGERPRINT_LENGTH = 16

MetricValue = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A number that may be undefined: JSON has no NaN, so it is written as null and read as NaN."""

FitStatus = Literal["complete", "diverged"]
Partition = Literal["oof", "test"]


class FitConfig(Spec):
    """Everything that decides the outcome of one fit, and nothing else.

    Attributes:
        backbone: The network's name.
        fold: The held-out fold, 0-based.
        task: What is predicted.
        data_fingerprint: Hash of the samples: targets, subjects, photographs, tile size.
        split_fingerprint: Hash of every sample's partition and fold.
        weights: ``random``, or the SHA-256 of the pre-trained weight file.
        seed: The sweep's seed.
        budget: The budget's name.
        training: The recipe after the budget's changes.
        result_format: ``RESULT_FORMAT`` when the fit was planned.
        given: The table that it was made from; nothing for a fit that was trained here.
    """

    backbone: str
    fold: int = Field(ge=0)
    task: AnyTask
    data_fingerprint: str
    split_fingerprint: str
    weights: str
    seed: int
    budget: BudgetName
    training: TrainingRecipe
    result_format: int = RESULT_FORMAT
    given: GivenTable | None = None

    @property
    def digest(self) -> str:
        """The first 10 hexadecimal digits of the SHA-256 of this configuration.

        Keys of the recipe that came later count where they are not at their default; see
        ``LATER_KEYS``.
        """
        # A fit that was trained keeps the id that it had before tables could be given.
        values = self.model_dump(mode="json", exclude=None if self.given else {"given"})
        task, training = deciding_words(values["task"]), deciding_values(values["training"])
        return content_digest({**values, "task": task, "training": training})

    @property
    def fit_id(self) -> str:
        """The fit's name on disk and in trackers: ``resnet34-fold0-1f2e3d4c5b``."""
        return f"{slug_of(self.backbone)}-fold{self.fold}-{self.digest}"


class EpochRecord(Record):
    """One line of ``history.jsonl``.

    Attributes:
        epoch: 1 for the first.
        learning_rate: The rate this epoch began with; a cosine and a warm-up move it at each step.
        train_loss: Mean loss over the epoch's training samples, augmented.
        validation_loss: Mean loss over the samples that early stopping monitors.
        metrics: Further values of the validation samples by name, from the task.
        is_best: Whether this epoch's weights are the best so far; where nothing is chosen
            (``early_stopping.policy: none``), each epoch's are.
        wall_seconds: Time the epoch took.
        phase: The name of the recipe's phase; "" where it has none.
    """

    epoch: int = Field(ge=1)
    learning_rate: float
    train_loss: MetricValue
    validation_loss: MetricValue
    metrics: dict[str, MetricValue] = Field(default_factory=dict)
    is_best: bool
    wall_seconds: float
    phase: str = ""


class PhaseRecord(Record):
    """One phase of a finished fit; a recipe without phases is trained in one, named "".

    Attributes:
        name: The recipe's name for it.
        first_epoch: Its first epoch.
        last_epoch: Its last epoch, as far as the fit came.
        frozen_parameters: Parameters that stood still.
        trained_parameters: Parameters that were trained.
        running_statistics: Batch normalisation's means and variances: neither of the two.
        seconds: Time its epochs took.
    """

    name: str
    first_epoch: int
    last_epoch: int
    frozen_parameters: int
    trained_parameters: int
    running_statistics: int
    seconds: float


class WeightsRecord(Record):
    """Where a fit's first weights came from.

    Attributes:
        source: ``random``, the publisher's name of the weights, such as ``IMAGENET1K_V1``, or
            ``given`` where there is a table in place of a network.
        file: The weight file's name; null for random weights.
        sha256: Its hash; null for random weights.
        package: The Python package that brought it, with its version; null where none did.
        licence: The weights' licence; null where it is not known.
    """

    source: str
    file: str | None = None
    sha256: str | None = None
    package: str | None = None
    licence: str | None = None


class FitRecord(Record):
    """``fit.json``: a finished fit.

    Attributes:
        fit_id: ``<backbone>-fold<k>-<hash>``.
        status: ``complete``, or ``diverged`` where the loss was no longer finite (then there are
            no predictions).
        config: What decided the outcome.
        learned: What the task learned of the fit's own training samples, such as their mean; it
            follows from ``config``, and predictions need it.
        chosen: What a head that is solved chose by inner folds of the fit's own training samples,
            such as its ``strength``; empty where the head was trained.
        num_epochs: Epochs trained; 0 where it was made of a given table.
        best_epoch: The epoch whose weights made the predictions; 0 where it diverged.
        stopped_because: ``max_epochs``, ``early_stopping``, ``diverged``, or ``given`` where
            nothing was trained here.
        last_learning_rate: What the last epoch began with; null in records that were written
            before this was noted.
        metrics: Sample-level values, ``oof/…`` and ``test/…``, and the best validation loss.
        timings: Seconds by phase: ``setup``, ``train``, ``predict``, ``total``.
        num_parameters: Parameters of the network, frozen ones too.
        multiply_adds: Of one image's forward pass at the size it trained on; null in records that
            were written before this was counted.
        peak_memory_gib: Device memory on CUDA, else the process's peak resident memory.
        weights: Where the first weights came from.
        weights_kept: Whether ``best.safetensors`` is there.
        features_kept: Whether ``features.parquet`` is there.
        micro_batch_size: The most samples on the device at a time, where memory did not hold a
            whole batch; as it was in the last epoch.
        phases: What trained when, as far as the fit came; empty in records that were written
            before there were phases.
        environment: Device and versions: ``device``, ``host``, ``torch``, …
    """

    fit_id: str
    status: FitStatus
    config: FitConfig
    learned: dict[str, float] = Field(default_factory=dict)
    chosen: dict[str, float] = Field(default_factory=dict)
    num_epochs: int
    best_epoch: int
    stopped_because: Literal["max_epochs", "early_stopping", "diverged", "given"]
    last_learning_rate: float | None = None
    metrics: dict[str, MetricValue]
    timings: dict[str, float]
    num_parameters: int
    multiply_adds: int | None = None
    peak_memory_gib: float
    weights: WeightsRecord
    weights_kept: bool
    features_kept: bool = False
    micro_batch_size: int | None = None
    phases: tuple[PhaseRecord, ...] = ()
    environment: dict[str, str]


def split_fingerprint(sides: Iterable[tuple[str, str, int]]) -> str:
    """A split as 16 hexadecimal digits, whatever the order of its rows.

    Args:
        sides: Of every sample: its name, its partition (``train`` or ``test``) and its fold.
    """
    return content_digest(sorted(sides), SPLIT_FINGERPRINT_LENGTH)


def content_digest(value: Any, length: int = 10) -> str:
    """The first ``length`` hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
