"""The end of a fit: best weights back, the held-out fold and the test set predicted, records."""

from __future__ import annotations

import json
import logging
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import groupby

import pandas as pd
import safetensors.torch
import torch

from foldgrid.models import freeze, parameter_counts
from foldgrid.models.footprint import Footprint, footprint
from foldgrid.models.freezing import ParameterCounts, frozen_counts
from foldgrid.specs.fits import FitRecord, Partition, PhaseRecord, WeightsRecord
from foldgrid.training.batches import Indices
from foldgrid.training.device import describe_device, peak_memory_gib
from foldgrid.training.state import FitState

logger = logging.getLogger(__name__)


def finalize(fit: FitState) -> FitRecord:
    """Predicts with the best weights and writes the records, ``fit.json`` last."""
    started = time.perf_counter()
    reason = fit.stopped_because
    if reason is None:
        raise RuntimeError("the fit is not over: run its epochs first")
    metrics = {} if fit.has_diverged else _write_results(fit)
    predict_seconds = time.perf_counter() - started
    size = _footprint(fit)
    record = FitRecord(
        fit_id=fit.config.fit_id,
        status="diverged" if fit.has_diverged else "complete",
        config=fit.config,
        learned=fit.learned,
        chosen=fit.chosen,
        num_epochs=fit.epoch,
        best_epoch=0 if fit.has_diverged else fit.stopping.best_epoch,
        stopped_because=reason,
        last_learning_rate=fit.last_learning_rate,
        metrics=metrics,
        timings={
            "setup": fit.setup_seconds,
            "train": fit.train_seconds,
            "predict": predict_seconds,
            "total": fit.setup_seconds + fit.train_seconds + predict_seconds,
        },
        num_parameters=size.num_parameters,
        # Of features that are given there is no image to count them by.
        multiply_adds=size.multiply_adds or None,
        peak_memory_gib=peak_memory_gib(fit.device),
        weights=_weights_record(fit),
        weights_kept=fit.keep_weights and not fit.has_diverged,
        features_kept=fit.keep_features and not fit.has_diverged,
        micro_batch_size=fit.micro_batch_size,
        phases=tuple(_phase_records(fit)),
        environment=_environment(fit),
    )
    fit.folder.complete(record)
    _log_end(record)
    return record


def _weights_record(fit: FitState) -> WeightsRecord:
    table = fit.config.given
    if table is not None:
        return WeightsRecord(source="given", sha256=table.sha256)
    if not fit.weights:
        return WeightsRecord(source="random")
    # By the plan: a machine that found features in the cache need not have the file.
    return fit.weights.record().model_copy(update={"sha256": fit.config.weights})


def _write_results(fit: FitState) -> dict[str, float]:
    """Predicts with the best weights; writes all but the record; returns the metric values."""
    fit.best.restore(fit.trained)
    metrics = {"validation/loss": fit.stopping.best_loss}
    parts: list[tuple[Partition, Indices]] = [
        ("oof", fit.roles.held_out),
        ("test", fit.roles.test),
    ]
    frames = [_predict_part(fit, partition, rows, metrics) for partition, rows in parts]
    fit.folder.write_predictions(pd.concat(frames, ignore_index=True))
    if fit.keep_features:
        hidden = [_hidden_part(fit, partition, rows) for partition, rows in parts if len(rows)]
        fit.folder.write_features(pd.concat(hidden, ignore_index=True))
    if fit.keep_weights:
        state = _plain_state(fit)
        about = columns_as_metadata(fit.given.columns) if fit.given else None
        fit.folder.write_weights(lambda path: safetensors.torch.save_file(state, path, about))
    return metrics


def _environment(fit: FitState) -> dict[str, str]:
    """What the fit was computed by."""
    return {
        "device": describe_device(fit.device),
        "host": platform.node(),
        "precision": fit.precision,
        "num_threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": sys.platform,
    }


def _log_end(record: FitRecord) -> None:
    logger.info(
        "fold %d: %s after %d epochs (%s), the best was %d; trained for %.1f s",
        record.config.fold,
        record.status,
        record.num_epochs,
        record.stopped_because,
        record.best_epoch,
        record.timings["train"],
    )


def columns_as_metadata(columns: Sequence[str]) -> dict[str, str]:
    """What ``best.safetensors`` says of the features that its head takes, in their order."""
    return {"columns": json.dumps(list(columns))}


def _footprint(fit: FitState) -> Footprint:
    if fit.given is not None:
        return Footprint(sum(each.numel() for each in fit.trained.parameters()), 0, 0)
    # Counted on shapes without numbers, so neither the device nor the random state notices; once
    # a backbone and process, because the footprint is kept.
    config, recipe = fit.config, fit.config.training
    weighs = recipe.auxiliary_loss_weight > 0
    num_outputs, pixels = fit.task.num_outputs, fit.source.pixels
    return footprint(
        config.backbone, num_outputs, pixels, recipe.stage_heads, weighs, recipe.own_head
    )


def _phase_records(fit: FitState) -> Iterator[PhaseRecord]:
    """What each phase trained; the network is left as the last phase that was entered has it."""
    history = fit.folder.read_history()
    phases = fit.config.training.phases
    for name, epochs in groupby(history, key=lambda epoch: epoch.phase):
        found = list(epochs)
        for phase in phases:
            if phase.name == name and not fit.trains_head_alone:
                freeze(fit.network, fit.config.backbone, phase.frozen)
        is_apart = fit.trains_head_alone and fit.given is None
        counts = _counts_of_head(fit) if is_apart else parameter_counts(fit.network)
        yield PhaseRecord(
            name=name,
            first_epoch=found[0].epoch,
            last_epoch=found[-1].epoch,
            frozen_parameters=counts.frozen,
            trained_parameters=counts.trained,
            running_statistics=counts.running_statistics,
            seconds=sum(epoch.wall_seconds for epoch in found),
        )


def _counts_of_head(fit: FitState) -> ParameterCounts:
    own = fit.config.training.own_head
    return frozen_counts(fit.config.backbone, fit.task.num_outputs, fit.source.pixels, own)


def _predict_part(
    fit: FitState, partition: Partition, rows: Indices, metrics: dict[str, float]
) -> pd.DataFrame:
    outputs = fit.predict_held_out() if partition == "oof" else fit.predict_finally(rows)
    samples = fit.data.samples.iloc[rows]
    for name, value in fit.evaluate(outputs, rows).items():
        metrics[f"{partition}/{name}"] = value
    columns: dict[str, object] = {"sample": samples["sample"].to_numpy(), "partition": partition}
    columns |= fit.task.target_columns(samples)
    columns |= fit.task.prediction_columns(outputs)
    return pd.DataFrame(columns)


def _hidden_part(fit: FitState, partition: Partition, rows: Indices) -> pd.DataFrame:
    samples = fit.data.samples["sample"].to_numpy()[rows]
    features = list(fit.hidden_values(rows))
    return pd.DataFrame({"sample": samples, "partition": partition, "features": features})


def _plain_state(fit: FitState) -> dict[str, torch.Tensor]:
    # safetensors wants dense tensors; channels-last weights are strided.
    return {
        name: value.detach().cpu().contiguous() for name, value in fit.network.state_dict().items()
    }
