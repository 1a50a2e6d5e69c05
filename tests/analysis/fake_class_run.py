"""A run folder of a task of classes with plausible predictions, written without any training."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.records import PlannedFit, RunStore
from foldgrid.specs.fits import (
    EpochRecord,
    FitConfig,
    FitRecord,
    WeightsRecord,
    split_fingerprint,
)
from foldgrid.specs.learners import Learner, read_ablation
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value, with_values
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.tasks.classification.spec import (
    BinarySpec,
    ClassificationSpec,
    HierarchySpec,
    LabelSpec,
)
from foldgrid.tasks.registry import make_scoring

PATHS = {
    "nevus": "benign/melanocytic/nevus",
    "keratosis": "benign/epidermal/keratosis",
    "melanoma": "malignant/melanocytic/melanoma",
    "carcinoma": "malignant/epidermal/carcinoma",
    "rash": "inflammatory/rash",
}
TASKS: dict[str, LabelSpec] = {
    "classification": ClassificationSpec(
        classes={"normal": ("normal",), "early": ("early",), "late": ("late",)}
    ),
    "binary": BinarySpec(
        positive=("referable",),
        sensitivity=0.9,
        specificity=0.9,
        classes={"not_referable": ("not_referable",), "referable": ("referable",)},
    ),
    "tree": HierarchySpec(
        levels={"three": 1, "five": 2},
        positive="malignant",
        negative="benign",
        classes={path: (label,) for label, path in PATHS.items()},
        paths=PATHS,
    ),
}
LOSSES = (1.2, 0.9, 1.0)


@dataclass
class FakeClassRun:
    """A sweep's records in memory; change what a test is about, then ``write`` them.

    Attributes:
        folder: The run folder to be.
        task: One of ``TASKS``.
        ablation: By key of the recipe the values of variants, as a sweep's ``vary``.
        skills: How well the backbones tell the classes apart, one each.
        has_features: Whether the fits keep their last hidden layer.
        split: The split's table.
        predictions: Each fit's predictions by base learner and fold.
    """

    folder: Path
    task: str = "classification"
    backbones: tuple[str, ...] = ("mobilenet_v2", "plain_cnn")
    ablation: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    skills: tuple[float, ...] = (2.0, 1.2, 0.8)
    num_folds: int = 3
    num_subjects: int = 24
    num_photographs: int = 3
    num_test_subjects: int = 6
    has_features: bool = False
    policy: str = "inner_split"
    seed: int = 0
    unfinished: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.spec = TASKS[self.task]
        self.random = np.random.default_rng(self.seed)
        self.split = self._make_split()
        changes = [
            (),
            *(((key, value),) for key, values in self.ablation.items() for value in values),
        ]
        learners = [
            (place, Learner(backbone, change))
            for place, backbone in enumerate(self.backbones)
            for change in changes
        ]
        self.recipes = {
            learner.name: learner.recipe(
                TrainingRecipe(
                    early_stopping=EarlyStopping(policy=self.policy), normalization="imagenet"
                )
            )
            for _, learner in learners
        }
        self.predictions = {
            (learner.name, fold): self._predict(
                fold, self.skills[place] - 0.3 * bool(learner.changes)
            )
            for place, learner in learners
            for fold in range(self.num_folds)
        }

    @property
    def labels(self) -> list[str]:
        """The labels of the task, in the order of its classes."""
        return list(chain.from_iterable(self.spec.classes.values()))

    def _make_split(self) -> pd.DataFrame:
        rows = []
        for subject in range(self.num_subjects):
            is_test = subject < self.num_test_subjects
            rows += [
                {
                    "sample": f"p{subject:02}/photo{number}",
                    "subject": f"p{subject:02}",
                    "visit": "V1",
                    "day": 0.0,
                    "case": "",
                    # Every fold and the test set have every class.
                    "label": self.labels[(subject // self.num_folds + number) % len(self.labels)],
                    "partition": "test" if is_test else "train",
                    "fold": -1 if is_test else subject % self.num_folds,
                }
                for number in range(self.num_photographs)
            ]
        return pd.DataFrame(rows)

    def rows_of(self, fold: int) -> pd.DataFrame:
        """What a fit of this fold predicts: what it held out, then the test photographs."""
        held_out = self.split[self.split["fold"] == fold]
        return pd.concat([held_out, self.split[self.split["partition"] == "test"]])

    def _predict(self, fold: int, skill: float) -> pd.DataFrame:
        rows = self.rows_of(fold)
        truth_N = [self.labels.index(label) for label in rows["label"]]
        logits_NK = self.random.normal(0, 1, (len(rows), len(self.labels)))
        logits_NK += skill * np.eye(len(self.labels))[truth_N]
        columns = make_scoring(self.spec).prediction_columns(logits_NK.astype(np.float32))
        return pd.DataFrame(
            {
                "sample": rows["sample"].to_numpy(),
                "partition": np.where(rows["partition"] == "test", "test", "oof"),
                "label": rows["label"].to_numpy(),
                **columns,
            }
        )

    def config(self, learner: str, fold: int) -> FitConfig:
        """What decides one fit."""
        columns = (self.split[name].tolist() for name in ("sample", "partition", "fold"))
        return FitConfig(
            backbone=read_ablation(learner)[0],
            fold=fold,
            task=self.spec,
            data_fingerprint="d" * 10,
            split_fingerprint=split_fingerprint(zip(*columns, strict=True)),
            weights="random",
            seed=self.seed,
            budget="paper",
            training=self.recipes[learner],
        )

    def write(self) -> RunStore:
        """Writes the run folder."""
        store = RunStore(str(self.folder))
        sweep: dict[str, Any] = {"name": self.folder.name, "title": "Classes in miniature"}
        store.write_sweep({**sweep, "task": self.spec.model_dump(mode="json")})
        cells = list(self.predictions)
        store.write_plan([PlannedFit(self.config(*cell).fit_id, *cell) for cell in cells])
        store.write_split(self.split, {"imbalance": 0.0123})
        store.write_provenance({})
        for cell in cells:
            if cell not in self.unfinished:
                self._finish(store, *cell)
        return store

    def _finish(self, store: RunStore, learner: str, fold: int) -> None:
        config = self.config(learner, fold)
        record = FitRecord(
            fit_id=config.fit_id,
            status="complete",
            config=config,
            num_epochs=len(LOSSES),
            best_epoch=2,
            stopped_because="max_epochs",
            metrics={},
            timings={"total": 1.0, "train": 0.9},
            num_parameters=1000,
            multiply_adds=50_000,
            peak_memory_gib=0.1,
            weights=WeightsRecord(source="random"),
            weights_kept=False,
            features_kept=self.has_features,
            environment={"device": "cpu"},
        )
        fit = store.fit(record.fit_id)
        for epoch, loss in enumerate(LOSSES, start=1):
            fit.append_epoch(
                EpochRecord(
                    epoch=epoch,
                    learning_rate=0.01,
                    train_loss=loss,
                    validation_loss=1.1 * loss,
                    is_best=epoch == 2,
                    wall_seconds=0.1,
                )
            )
        table = self.predictions[learner, fold]
        fit.write_predictions(table)
        if self.has_features:
            said_NK = table.filter(like="predicted_").to_numpy(np.float32)
            features = table[["sample", "partition"]].assign(features=list(said_NK))
            fit.write_features(features)
        fit.complete(record)


def retrained(fake: FakeClassRun, **changes: Value) -> None:
    """Changes keys of every base learner's recipe."""
    fake.recipes = {name: with_values(each, changes) for name, each in fake.recipes.items()}
