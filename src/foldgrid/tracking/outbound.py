"""What may leave the machine, and nothing else: the one file to read before trusting the upload.

Everything is named here and copied key by key, so a field added to a record stays at home until it
is listed. Subjects leave as pseudonyms, visits as ordinal numbers; paths, hosts and free text do
not leave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord, content_digest
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking.projection_ledger import run_id_of
from foldgrid.tracking.pseudonyms import SUBJECT, VISIT_NUMBER, Pseudonyms, pseudonymise
from foldgrid.tracking.wandb_session import RunHeader

if TYPE_CHECKING:
    import pandas as pd

ENVIRONMENT_KEYS = ("device", "python", "torch", "torchvision", "precision")
WORDS_ALLOWED_IN_VISITS = (SUBJECT, "region", "partition", "backbone", "model")
LONGEST_TAG = 64


@dataclass(frozen=True)
class ProjectContext:
    """What every run of a sweep is tagged with.

    Attributes:
        data_fingerprint: Hash of the samples.
        split_fingerprint: Hash of every sample's partition and fold.
        git_commit: The code's commit, where it is known.
        tags: Further tags.
    """

    data_fingerprint: str
    split_fingerprint: str
    git_commit: str | None = None
    tags: tuple[str, ...] = ()


def fit_header(sweep: Sweep, context: ProjectContext, config: FitConfig) -> RunHeader:
    """How a fit's run is filed: grouped by base learner, tagged by sweep, fold, data and code."""
    settings = config.model_dump(mode="json")
    settings |= {"fit_id": config.fit_id, "sweep": sweep.name}
    return RunHeader(
        run_id=run_id_of(sweep.name, config.fit_id),
        name=config.fit_id,
        group=config.backbone,
        job_type="fold",
        tags=_tags(sweep, context, f"fold-{config.fold}"),
        config=settings,
    )


def summary_header(sweep: Sweep, context: ProjectContext) -> RunHeader:
    """How the sweep's own run is filed: one per sweep, data, split and budget."""
    digest = content_digest([context.data_fingerprint, context.split_fingerprint, sweep.budget])
    settings = sweep.model_dump(mode="json", include={"name", "backbones", "seed"})
    settings |= {
        "split": sweep.split.model_dump(mode="json"),
        "training": sweep.training.model_dump(mode="json"),
        "budget": sweep.budget,
        "data_fingerprint": context.data_fingerprint,
        "split_fingerprint": context.split_fingerprint,
    }
    name = f"summary-{digest}"
    return RunHeader(
        run_id=run_id_of(sweep.name, name),
        name=f"{sweep.name} summary",
        group=sweep.name,
        job_type="summary",
        tags=_tags(sweep, context),
        config=settings,
    )


def _tags(sweep: Sweep, context: ProjectContext, *more: str) -> tuple[str, ...]:
    tags = [sweep.name, *more, f"data-{context.data_fingerprint[:10]}", f"budget-{sweep.budget}"]
    if context.git_commit:
        tags.append(f"git-{context.git_commit[:7]}")
    return tuple(tag[:LONGEST_TAG] for tag in dict.fromkeys([*tags, *context.tags]) if tag)


def epoch_point(epoch: EpochRecord) -> dict[str, float]:
    """One point of a run's history; its step is the epoch."""
    metrics = {f"validation/{_key(name)}": value for name, value in epoch.metrics.items()}
    return metrics | {
        "epoch": epoch.epoch,
        "learning_rate": epoch.learning_rate,
        "train/loss": epoch.train_loss,
        "validation/loss": epoch.validation_loss,
        "is_best": float(epoch.is_best),
        "epoch_seconds": epoch.wall_seconds,
    }


def fit_summary(record: FitRecord) -> dict[str, Any]:
    """A finished fit's last word. Of its environment only what runs are compared by."""
    summary: dict[str, Any] = {_key(name): value for name, value in record.metrics.items()}
    summary |= {f"seconds/{_key(name)}": value for name, value in record.timings.items()}
    summary |= {
        f"environment/{name}": record.environment[name]
        for name in ENVIRONMENT_KEYS
        if name in record.environment
    }
    return summary | {
        "status": record.status,
        "stopped_because": record.stopped_because,
        "best_epoch": record.best_epoch,
        "num_epochs": record.num_epochs,
        "num_parameters": record.num_parameters,
        "multiply_adds": record.multiply_adds,
        "peak_memory_gib": record.peak_memory_gib,
        "weights_source": record.weights.source,
    }


def ranking_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """The ranking as columns and rows; a row that lacks a column gets null there."""
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    return columns, [[_cell(row.get(name)) for name in columns] for row in rows]


def visit_table(frame: pd.DataFrame, pseudonyms: Pseudonyms) -> tuple[list[str], list[list[Any]]]:
    """Visit-level predictions without anything that names a person.

    Args:
        frame: One row a visit and model, with ``subject`` and ``visit``.
        pseudonyms: Turns subjects into pseudonyms.

    Returns:
        Columns and rows: the pseudonym, the visit's number, and of the other columns the numeric
        ones and the known words. Identifiers such as ``sample`` or ``photo`` stay at home.
    """
    safe = pseudonymise(frame, pseudonyms)
    kept = [
        name
        for name in safe.columns
        if name in WORDS_ALLOWED_IN_VISITS
        or (safe[name].dtype.kind in "iufb" and name not in ("sample", "photo", "label"))
    ]
    # The table reads from left to right: who, when, then the numbers.
    kept.sort(key=lambda name: (name != SUBJECT, name != VISIT_NUMBER))
    return [str(name) for name in kept], [
        [_cell(value) for value in row] for row in safe[kept].itertuples(index=False, name=None)
    ]


def plain_facts(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested facts as one level, ``part/name``; only numbers, words and truth values."""
    flat: dict[str, Any] = {}
    for name, value in facts.items():
        key = f"{prefix}{_key(str(name))}"
        if isinstance(value, Mapping):
            flat |= plain_facts(value, f"{key}/")
        else:
            flat[key] = _cell(value)
    return flat


def _key(name: str) -> str:
    """A key that W&B does not take for a path into a nested value."""
    return name.replace(".", "_")


def _cell(value: Any) -> Any:
    """A scalar as W&B stores it: NumPy's as Python's, what is not a number as null.

    Raises:
        TypeError: Not a scalar, or a path: those stay at home, as ``Path`` and as text.
    """
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and any(
        kind(value).is_absolute() for kind in (PurePosixPath, PureWindowsPath)
    ):
        raise TypeError(f"{value!r} is a path; paths are not uploaded")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{value!r} is a {type(value).__name__}; only scalars are uploaded")
