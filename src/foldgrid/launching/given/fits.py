"""Fits made of given tables: what training would leave, without a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import pandas as pd

from foldgrid.data.splits import Split
from foldgrid.launching.given.features import GivenFeatures, read_given_features
from foldgrid.launching.given.predictions import GivenPredictions, read_given_predictions
from foldgrid.records import FitFolder, RunStore
from foldgrid.specs.fits import FitConfig, FitRecord, WeightsRecord
from foldgrid.specs.given import GivenSpec
from foldgrid.specs.heads import Solution
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring, by_model
from foldgrid.training.training_data import TrainingData

GivenLearner: TypeAlias = GivenPredictions | GivenFeatures


def read_given(
    given: Mapping[str, GivenSpec], samples: pd.DataFrame, split: Split, scoring: Scoring
) -> dict[str, GivenLearner]:
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
    found: dict[str, GivenLearner] = {}
    for name, spec in given.items():
        if spec.predictions is not None:
            found[name] = read_given_predictions(name, spec, samples, split, scoring)
        else:
            found[name] = read_given_features(name, spec, split, scoring)
    return found


def write_given_fit(
    store: RunStore,
    config: FitConfig,
    given: GivenLearner,
    data: TrainingData,
    *,
    keep_weights: bool = False,
) -> FitRecord:
    """Writes the fit of one fold, ``fit.json`` last, as training would.

    Args:
        store: The run folder.
        config: The fit's.
        given: Its learner.
        data: The samples.
        keep_weights: Whether a head on features is kept, to predict with.
    """
    if isinstance(given, GivenFeatures) and given.is_trained:
        return _train(store, config, given, data, keep_weights=keep_weights)
    scoring, samples = make_scoring(config.task), data.samples
    outcome = given.predict(config, data)
    parts: list[pd.DataFrame] = []
    metrics: dict[str, float] = {}
    is_held_out = (samples["partition"] == "train") & (samples["fold"] == config.fold)
    for partition, chosen in (("oof", is_held_out), ("test", samples["partition"] == "test")):
        rows = samples[chosen]
        names = rows["sample"].astype(str).tolist()
        predicted = outcome.predicted.loc[names].reset_index(drop=True)
        columns: dict[str, object] = {"sample": rows["sample"].to_numpy(), "partition": partition}
        parts.append(pd.DataFrame({**columns, **scoring.target_columns(rows)}).join(predicted))
        metrics |= {
            f"{partition}/{name}": value for name, value in _metrics(scoring, parts[-1], rows)
        }
    folder = store.fit(config.fit_id)
    folder.discard()
    folder.write_predictions(pd.concat(parts, ignore_index=True))
    solution = outcome.solution if keep_weights else None
    if solution is not None and isinstance(given, GivenFeatures):
        _write_solution(folder, given, solution)
    record = FitRecord(
        fit_id=config.fit_id,
        status="complete",
        config=config,
        learned=outcome.learned,
        chosen=outcome.chosen,
        num_epochs=0,
        best_epoch=0,
        stopped_because="given",
        metrics=metrics,
        timings={},
        num_parameters=0,
        peak_memory_gib=0.0,
        weights=WeightsRecord(source="given", sha256=given.identity.sha256),
        weights_kept=solution is not None,
        environment={},
    )
    folder.complete(record)
    return record


def _train(
    store: RunStore,
    config: FitConfig,
    given: GivenFeatures,
    data: TrainingData,
    *,
    keep_weights: bool,
) -> FitRecord:
    """Trains a head as a network's is, on a core of this machine; goes on where it was."""
    # Imported here: most launches have no head to train, and the launcher needs no torch.
    import torch

    from foldgrid.training.fit import Fit
    from foldgrid.training.state import GivenFeatures as Table

    table = Table(given.features_ND, given.columns)
    fit = Fit(
        config,
        data,
        store.fit(config.fit_id),
        keep_weights=keep_weights,
        device=torch.device("cpu"),
        given=table,
    )
    return fit.run()


def _write_solution(folder: FitFolder, given: GivenFeatures, solution: Solution) -> None:
    import torch
    from safetensors.torch import save_file

    from foldgrid.training.finalize import columns_as_metadata

    state = {
        "head.weight": torch.from_numpy(solution.weight_KD).float(),
        "head.bias": torch.from_numpy(solution.bias_K).float(),
    }
    about = columns_as_metadata(given.columns)
    folder.write_weights(lambda path: save_file(state, path, about))


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
