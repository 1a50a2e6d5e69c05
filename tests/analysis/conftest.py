"""A run folder with plausible predictions, written through ``RunStore`` without any training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.fits import FitConfig, FitRecord, WeightsRecord, split_fingerprint
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.tasks.pasi.arithmetic import SCORE_MAXIMA, SCORES
from foldgrid.tasks.pasi.spec import PasiSpec

BODY = ("upper_extremities", "trunk", "lower_extremities")
BACKBONES = ("resnet18", "shufflenet_v2_x0_5", "vgg11")


@dataclass
class FakeRun:
    """A sweep's records in memory; change what a test is about, then ``write`` them.

    Attributes:
        folder: The run folder to be.
        split: The split's table.
        scores: The physician's scores by sample.
        predictions: Each fit's predictions by backbone and fold.
        unfinished: Fits that are planned but not written.
        diverged: Fits that are written as diverged.
    """

    folder: Path
    backbones: tuple[str, ...] = BACKBONES
    num_folds: int = 5
    num_subjects: int = 12
    num_visits: int = 3
    num_test_subjects: int = 2
    output: str = "scores"
    budget: str = "paper"
    policy: str = "inner_split"
    max_batches: int | None = None
    noise: float = 0.5
    seed: int = 0
    regions: tuple[str, ...] = BODY
    sweep: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    unfinished: set[tuple[str, int]] = field(default_factory=set)
    diverged: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.split = self._make_split()
        samples = pd.Index(self.split["sample"])
        severity = random.uniform(0, 1, len(samples))
        self.scores = pd.DataFrame(
            {
                name: np.rint(np.clip(severity + random.normal(0, 0.1, len(samples)), 0, 1) * most)
                for name, most in SCORE_MAXIMA.items()
            },
            index=samples,
        )
        self.scores["composite"] = (
            self.scores[list(SCORES[:3])].sum(axis=1) * self.scores[SCORES[3]]
        )
        self.predictions = {
            (backbone, fold): self._predict(fold, self.noise * (1 + place), random)
            for place, backbone in enumerate(self.backbones)
            for fold in range(self.num_folds)
        }

    @property
    def targets(self) -> tuple[str, ...]:
        return SCORES if self.output == "scores" else ("composite",)

    @property
    def split_fingerprint(self) -> str:
        columns = (self.split[name].tolist() for name in ("sample", "partition", "fold"))
        return split_fingerprint(zip(*columns, strict=True))

    def _make_split(self) -> pd.DataFrame:
        rows = []
        for subject in range(self.num_subjects):
            is_test = subject < self.num_test_subjects
            fold = -1 if is_test else (subject - self.num_test_subjects) % self.num_folds
            for visit in range(self.num_visits):
                for region in self.regions:
                    rows.append(
                        {
                            "sample": f"s{subject:02}-v{visit}-{region}",
                            "subject": f"s{subject:02}",
                            "visit": visit,
                            "day": 28.0 * visit,
                            "region": region,
                            "partition": "test" if is_test else "train",
                            "fold": fold,
                        }
                    )
        return pd.DataFrame(rows)

    def _predict(self, fold: int, noise: float, random: np.random.Generator) -> pd.DataFrame:
        is_test = self.split["partition"] == "test"
        rows = self.split[is_test | (self.split["fold"] == fold)]
        truth = self.scores.loc[rows["sample"], list(self.targets)].reset_index(drop=True)
        errors = random.normal(0, noise * (1 if self.output == "scores" else 8), truth.shape)
        table = truth.join((truth + errors).astype(np.float32).add_prefix("predicted_"))
        table.insert(0, "sample", rows["sample"].to_numpy())
        table.insert(1, "partition", np.where(rows["partition"] == "test", "test", "oof"))
        return table

    def config(self, backbone: str, fold: int) -> FitConfig:
        return FitConfig(
            backbone=backbone,
            fold=fold,
            task=PasiSpec(output=self.output),
            data_fingerprint="d" * 10,
            split_fingerprint=self.split_fingerprint,
            weights="random",
            seed=self.seed,
            budget=self.budget,
            training=TrainingRecipe(
                early_stopping=EarlyStopping(policy=self.policy),
                schedule="constant" if self.policy == "none" else "plateau",
                max_batches_per_epoch=self.max_batches,
            ),
        )

    def record(self, backbone: str, fold: int) -> FitRecord:
        config = self.config(backbone, fold)
        is_diverged = (backbone, fold) in self.diverged
        return FitRecord(
            fit_id=config.fit_id,
            status="diverged" if is_diverged else "complete",
            config=config,
            num_epochs=3,
            best_epoch=0 if is_diverged else 2,
            stopped_because="diverged" if is_diverged else "max_epochs",
            metrics={},
            timings={"total": 1.0},
            num_parameters=1000,
            peak_memory_gib=0.1,
            weights=WeightsRecord(source=self.weights.get(backbone, "IMAGENET1K_V1")),
            weights_kept=False,
            environment={},
        )

    def write(self) -> RunStore:
        store = RunStore(str(self.folder))
        store.write_sweep({"name": self.folder.name, "title": "A trial in miniature", **self.sweep})
        cells = list(self.predictions)
        plan = [PlannedFit(self.config(*cell).fit_id, *cell) for cell in cells]
        store.write_plan(plan)
        store.write_split(self.split, {"imbalance": 0.0123})
        store.write_provenance({})
        for cell in cells:
            self.finish(store, *cell)
        return store

    def finish(self, store: RunStore, backbone: str, fold: int) -> None:
        if (backbone, fold) in self.unfinished:
            return
        record = self.record(backbone, fold)
        fit = store.fit(record.fit_id)
        if record.status == "complete":
            fit.write_predictions(self.predictions[backbone, fold])
        fit.complete(record)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., FakeRun]:
    """Makes a ``FakeRun`` whose folder is the test's own; ``write`` it when it is as it should."""
    return lambda **settings: FakeRun(tmp_path / "tiny", **settings)
