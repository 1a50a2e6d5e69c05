"""The PASI of new visits, by a trained base learner. Shape letters: N samples, K outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from foldgrid.data.dataset import Dataset
from foldgrid.predict.fold_copies import predict_outputs
from foldgrid.predict.trained_learner import TrainedLearner
from foldgrid.tasks.pasi.arithmetic import SCORES, clip_score, pasi
from foldgrid.tasks.pasi.scoring import PasiScoring


def predict_visits(learner: TrainedLearner, dataset: Dataset) -> pd.DataFrame:
    """What ``learner`` predicts for each visit.

    Samples of regions that it was not trained on are passed over.

    Args:
        learner: Who predicts.
        dataset: The samples; their scores may be unknown and are not looked at.

    Returns:
        A row a visit, in the samples' order: ``subject``, ``visit``, ``day``, ``pasi`` (NaN where a
        region is lacking that the learner was trained on), and by region ``<region>_composite``
        (0 to 72) and, where scores are predicted, ``<region>_erythema`` and so on, each brought
        onto its scale.

    Raises:
        SweepError: As `predict_outputs`.
    """
    task = learner.task
    assert isinstance(task, PasiScoring)
    rows = np.flatnonzero(dataset.samples["region"].isin(learner.regions))
    table = dataset.samples.iloc[rows][["subject", "visit", "day", "region"]]
    of_regions = replace(
        dataset, samples=dataset.samples.iloc[rows], mosaics_NHWC=dataset.mosaics_NHWC[rows]
    )
    outputs_NK = predict_outputs(learner, of_regions)
    values = {"composite": task.composites(outputs_NK)}
    for name, column in task.prediction_columns(outputs_NK).items():
        score = name.removeprefix("predicted_")
        if score in SCORES:
            values[score] = clip_score(score, column)
    keys = ["subject", "visit"]
    visits = table[[*keys, "day"]].drop_duplicates(keys).set_index(keys)
    by_region = {
        region: table.assign(**values)[table["region"] == region].set_index(keys)
        for region in learner.regions
    }
    composites = {
        region: found["composite"].reindex(visits.index) for region, found in by_region.items()
    }
    visits["pasi"] = pasi(composites)
    for region, found in by_region.items():
        for name in values:
            visits[f"{region}_{name}"] = found[name].reindex(visits.index)
    return visits.reset_index()
