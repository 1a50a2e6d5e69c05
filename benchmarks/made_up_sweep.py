"""Records of a sweep that nobody trained: the same files, made-up predictions.

Knows the run folder; trains nothing. Every fit's prediction is the physician's score plus noise of
its base learner's own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.analysis.predictions.predictions import PredictionTable
from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.fits import FitConfig, FitRecord, WeightsRecord
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA, SCORES, clip_composite, composite_score
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.units import UnitTable

BODY = ("upper_extremities", "trunk", "lower_extremities")
VISITS_A_SUBJECT = 6
TEST_FRACTION = 0.1


@dataclass(frozen=True)
class MadeUpSweep:
    """A sweep by its size alone.

    Attributes:
        num_learners: Base learners.
        num_folds: Folds, a fit each.
        num_visits: Visits, test visits included; three samples each.
        seed: Of everything random.
    """

    num_learners: int
    num_folds: int
    num_visits: int
    seed: int = 0

    def write(self, location: str) -> RunStore:
        """Writes the run folder: plan, split, a record and predictions a fit."""
        random = np.random.default_rng(self.seed)
        store = RunStore(location)
        split = self._split()
        scores = _scores(len(split), random)
        configs = [
            self._config(cell // self.num_folds, cell % self.num_folds)
            for cell in range(self.num_learners * self.num_folds)
        ]
        store.write_sweep({"name": "made_up", "title": "Made-up predictions"})
        store.write_plan([PlannedFit(each.fit_id, each.backbone, each.fold) for each in configs])
        store.write_split(split, {"imbalance": 0.0})
        store.write_provenance({})
        for place, config in enumerate(configs):
            noise = 0.5 + 0.5 * (place // self.num_folds) / self.num_learners
            rows = (split["partition"] == "test") | (split["fold"] == config.fold)
            table = _predict(split[rows], scores[rows], noise, random)
            fit = store.fit(config.fit_id)
            fit.write_predictions(table)
            fit.complete(made_up_record(config))
        return store

    def tables(self) -> tuple[PredictionTable, UnitTable, UnitTable]:
        """The base learners' mosaics, and the visits of both partitions, without any file."""
        random = np.random.default_rng(self.seed)
        split = self._split()
        scores = _scores(len(split), random)
        samples = split.assign(reference=composite_score(*(scores[name] for name in SCORES)))
        samples = samples.set_index("sample")
        noise = np.linspace(5.0, 10.0, self.num_learners)
        errors = random.normal(0, noise, (len(samples), self.num_learners))
        names = [f"learner_{learner:04}" for learner in range(self.num_learners)]
        predicted = pd.DataFrame(
            clip_composite(samples["reference"].to_numpy()[:, None] + errors),
            index=samples.index,
            columns=names,
        )
        is_test = samples["partition"] == "test"
        table = PredictionTable(
            (), samples, predicted[~is_test], predicted[is_test], self._config(0, 0).task
        )
        units, regions = table.scoring.units, frozenset(BODY)
        oof = units(table.train_samples, table.oof, regions)
        return table, oof, units(table.test_samples, table.test, regions)

    def _split(self) -> pd.DataFrame:
        visits = np.arange(self.num_visits)
        subject = visits // VISITS_A_SUBJECT
        num_test = max(2, round(TEST_FRACTION * (int(subject[-1]) + 1)))
        is_test = subject < num_test
        visit_table = pd.DataFrame(
            {
                "subject": [f"s{number:05}" for number in subject],
                "visit": visits % VISITS_A_SUBJECT,
                "day": 28.0 * (visits % VISITS_A_SUBJECT),
                "partition": np.where(is_test, "test", "train"),
                "fold": np.where(is_test, -1, (subject - num_test) % self.num_folds),
            }
        )
        split = visit_table.merge(pd.DataFrame({"region": BODY}), how="cross")
        split.insert(
            0, "sample",
            split["subject"] + "-v" + split["visit"].astype(str) + "-" + split["region"],
        )  # fmt: skip
        return split

    def _config(self, learner: int, fold: int) -> FitConfig:
        return FitConfig(
            backbone=f"learner_{learner:04}",
            fold=fold,
            task=PasiSpec(output="scores"),
            data_fingerprint="d" * 10,
            split_fingerprint="e" * 10,
            weights="random",
            seed=self.seed,
            budget="paper",
            training=TrainingRecipe(),
        )


def _scores(num_samples: int, random: np.random.Generator) -> pd.DataFrame:
    """The physician's: most regions are mild, and the scores of one go together."""
    severity = random.beta(1.2, 2.5, num_samples)
    return pd.DataFrame(
        {
            name: np.rint(np.clip(severity + random.normal(0, 0.1, num_samples), 0, 1) * most)
            for name, most in SCORE_MAXIMA.items()
        }
    )


def _predict(
    rows: pd.DataFrame, scores: pd.DataFrame, noise: float, random: np.random.Generator
) -> pd.DataFrame:
    truth = scores[list(SCORES)].reset_index(drop=True)
    errors = random.normal(0, noise, truth.shape)
    table = truth.join((truth + errors).astype(np.float32).add_prefix("predicted_"))
    table.insert(0, "sample", rows["sample"].to_numpy())
    table.insert(1, "partition", np.where(rows["partition"] == "test", "test", "oof"))
    return table


def made_up_record(config: FitConfig, num_epochs: int = 3) -> FitRecord:
    """The record of a fit that nobody trained."""
    return FitRecord(
        fit_id=config.fit_id,
        status="complete",
        config=config,
        num_epochs=num_epochs,
        best_epoch=2,
        stopped_because="max_epochs",
        metrics={},
        timings={"total": 1.0},
        num_parameters=1000,
        peak_memory_gib=0.1,
        weights=WeightsRecord(source="random"),
        weights_kept=False,
        environment={},
    )
