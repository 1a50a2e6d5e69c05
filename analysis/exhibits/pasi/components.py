"""Error by region and by single score: which part of the PASI a model reads well.

Knows the evaluation and each fit's raw outputs; the PASI of a visit is made elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.analysis.evaluation import Evaluation
from foldgrid.analysis.exhibits.pasi.visits import Partition, known_model
from foldgrid.analysis.predictions.finished_fits import scoring_of
from foldgrid.analysis.predictions.predictions import BaseLearner, PredictionTable
from foldgrid.analysis.statistics.estimates import (
    Resamples,
    estimate,
    mean_of,
    resample_subjects,
)
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.metrics.counts import ClassCounts, confusion_matrix
from foldgrid.tasks.pasi.arithmetic import REGION_WEIGHTS, SCORE_MAXIMA, SCORES, clip_score

ALL = "all"
"""The name of the row that holds every region."""


@dataclass(frozen=True)
class ComponentErrors:
    """A table of errors, or why there is none.

    Attributes:
        rows: The table; empty where it does not apply.
        not_applicable: Why there is none, a sentence; "" where there is.
    """

    rows: pd.DataFrame
    not_applicable: str = ""


def error_by_region(
    evaluation: Evaluation, model: str | None = None, partition: Partition = "oof", seed: int = SEED
) -> ComponentErrors:
    """Error of the composite C = (E + I + S) x involvement, 0 to 72, region by region.

    Args:
        evaluation: What ``evaluate`` returned.
        model: A base learner or a meta-learner; None takes the best. The baseline predicts a PASI
            and no regions.
        partition: ``oof`` or ``test``.
        seed: Of the bootstrap over subjects.

    Returns:
        region, num_samples, num_subjects, mae and bias with their intervals; the regions in the
        PASI's order and a last row ``all``.

    Raises:
        SweepError: No model of that name was evaluated.
    """
    name = known_model(evaluation, model)
    composites = evaluation.composites(partition)
    if name not in composites:
        return ComponentErrors(pd.DataFrame(), f"{name} predicts a visit's PASI, not its regions.")
    table = evaluation.table
    samples = table.train_samples if partition == "oof" else table.test_samples
    if samples.empty:
        return ComponentErrors(pd.DataFrame(), f"There are no {partition} samples.")
    errors = (composites[name] - samples["reference"]).to_numpy(dtype=np.float64)
    resamples = resample_subjects(samples["subject"], seed=seed)
    rows = [
        {"region": region, **error_columns(errors, mask, resamples)}
        for region, mask in _regions(samples["region"])
    ]
    return ComponentErrors(pd.DataFrame(rows).rename(columns={"num_records": "num_samples"}))


def error_by_score(
    evaluation: Evaluation, model: str | None = None, partition: Partition = "oof", seed: int = SEED
) -> ComponentErrors:
    """Error and agreement of erythema, induration, scaling and involvement.

    Outputs are first brought onto the score's scale. MAE and bias are of the outputs as they are;
    agreement and kappa of the outputs rounded to the nearest grade, halves upwards.

    Args:
        evaluation: What ``evaluate`` returned.
        model: A base learner; None takes the best. Meta-learners and the baseline predict no
            single scores.
        partition: ``oof`` or ``test`` (the mean of a learner's copies).
        seed: Of the bootstrap over subjects.

    Returns:
        score, region (``all`` first), num_samples, num_subjects, mae and bias with intervals,
        exact (fraction of samples with the physician's grade), within_one (fraction at most one
        grade off) and kappa (Cohen's, quadratic weights; NaN where both give one grade throughout).

    Raises:
        SweepError: No model of that name was evaluated.
    """
    name = known_model(evaluation, model)
    if evaluation.table.scoring.target_names != SCORES:
        reason = "The models predict a region's composite directly, no single scores."
        return ComponentErrors(pd.DataFrame(), reason)
    learner = next((one for one in evaluation.table.learners if one.name == name), None)
    if learner is None:
        return ComponentErrors(pd.DataFrame(), f"{name} predicts no single scores.")
    scores = raw_scores(learner, partition)
    if scores.empty:
        return ComponentErrors(pd.DataFrame(), f"There are no {partition} samples.")
    samples = evaluation.table.samples.loc[scores.index]
    resamples = resample_subjects(samples["subject"], seed=seed)
    masks = _regions(samples["region"])
    rows = []
    for score in SCORES:
        truth = scores[score].to_numpy()
        predicted = clip_score(score, scores[f"predicted_{score}"])
        for region, mask in masks[-1:] + masks[:-1]:
            columns = error_columns(predicted - truth, mask, resamples)
            agreement = score_agreement(score, truth[mask], predicted[mask])
            rows.append({"score": score, "region": region, **columns, **agreement})
    return ComponentErrors(pd.DataFrame(rows).rename(columns={"num_records": "num_samples"}))


def raw_scores(learner: BaseLearner, partition: Partition) -> pd.DataFrame:
    """The physician's scores and a base learner's raw outputs, by sample.

    Args:
        learner: A complete base learner.
        partition: ``oof`` (each sample by the copy that held it out) or ``test`` (the mean of the
            copies' outputs).

    Returns:
        A column a target and a column ``predicted_`` a target, indexed by sample.
    """
    scoring = scoring_of(learner.fits[0])
    columns = [*scoring.target_names, *scoring.prediction_names]
    tables = [fit.table[fit.table["partition"] == partition] for fit in learner.fits]
    stacked = pd.concat(tables)[["sample", *columns]]
    return stacked.astype(dict.fromkeys(columns, np.float64)).groupby("sample", sort=False).mean()


def physician_scores(table: PredictionTable) -> pd.DataFrame:
    """The physician's targets by sample, train and test, as the first complete learner has them.

    Returns:
        The four scores where the task predicts scores, else ``composite``; in the split's order.
    """
    learner = next(one for one in table.learners if not one.left_out)
    targets = list(table.scoring.target_names)
    parts = [raw_scores(learner, partition)[targets] for partition in ("oof", "test")]
    known = pd.concat(parts)
    return known.loc[table.samples.index.intersection(known.index, sort=False)]


def score_agreement(score: str, truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """How far two raters agree on grades.

    Args:
        score: One of ``SCORES``; it tells the scale.
        truth: The physician's grades.
        predicted: Predictions on the score's scale, not yet rounded.

    Returns:
        exact, within_one and kappa; NaN over no samples.
    """
    if len(truth) == 0:
        return dict.fromkeys(("exact", "within_one", "kappa"), np.nan)
    first, second = (np.floor(values + 0.5).astype(int) for values in (truth, predicted))
    gaps = np.abs(first - second)
    return {
        "exact": float(np.mean(gaps == 0)),
        "within_one": float(np.mean(gaps <= 1)),
        "kappa": quadratic_kappa(first, second, int(SCORE_MAXIMA[score]) + 1),
    }


def quadratic_kappa(first: np.ndarray, second: np.ndarray, num_levels: int) -> float:
    """Cohen's kappa with quadratic weights (Cohen 1968) of two raters' grades, from 0 up.

    1 is perfect agreement, 0 that of chance; NaN where both give one and the same grade
    throughout, because there chance explains everything.
    """
    counts = ClassCounts.of(confusion_matrix(first, second, num_levels))
    return float(counts.quadratic_kappa())


def _regions(regions: pd.Series[str]) -> list[tuple[str, np.ndarray]]:
    """A mask for each region that occurs, in the PASI's order, and one for all."""
    found = [
        (name, (regions == name).to_numpy()) for name in REGION_WEIGHTS if (regions == name).any()
    ]
    return [*found, (ALL, np.ones(len(regions), dtype=bool))]


def error_columns(errors: np.ndarray, mask: np.ndarray, resamples: Resamples) -> dict[str, float]:
    """Counts, MAE and bias of some records, as columns of a table.

    Args:
        errors: Predicted minus true, a record each.
        mask: Which records count.
        resamples: Resampled subjects of the same records.

    Returns:
        num_records, num_subjects, mae and bias with their intervals. The interval is left out
        where fewer than two subjects count.
    """
    columns: dict[str, float] = {
        "num_records": int(mask.sum()),
        "num_subjects": resamples.subjects_among(mask),
    }
    for name, values in (("mae", np.abs(errors)), ("bias", errors)):
        columns |= estimate(mean_of(values, among_N=mask), resamples).columns(name)
    return columns
