"""The samples as every fit sees them, and which of them, or what fraction, a fold trains on.

Shape letters: N samples, H and W pixels, C channels, S selected samples.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.dataset import Dataset
from foldgrid.data.splits import SEARCH, TEST, TRAIN, Split, inner_split, search_rows
from foldgrid.records.files import FileRoot
from foldgrid.specs.fits import SPLIT_FINGERPRINT_LENGTH, FitConfig, content_digest
from foldgrid.specs.recipe_parts import EarlyStopping

Indices = NDArray[np.intp]


def fit_seed(config: FitConfig) -> int:
    """The seed of one fit: its own for each backbone and fold, the same on every machine."""
    return _seed_of(f"{config.seed}/{config.backbone}/{config.fold}")


def torch_seed(config: FitConfig) -> int:
    """The seed of torch's global generators in a fit."""
    return fit_seed(config) % 2**31


def body_seed(config: FitConfig) -> int:
    """What random weights below a head of its own are drawn by: the same for all folds."""
    return _seed_of(f"{config.seed}/{config.backbone}")


@dataclass(frozen=True)
class TrainingData:
    """What all fits of a sweep share, read-only.

    Attributes:
        mosaics_NHWC: The mosaics, uint8, C = 3.
        samples: A row a mosaic: sample, subject, visit, targets, ``partition`` (train, test or
            search), ``fold`` (-1 for test); see `SampleTable.samples`.
        stratum: The column of ``samples`` that splits are balanced by.
        grid: Tiles a side of a mosaic; 1 where each shows a single photograph.
        cache: The root of the cache, for what is computed of the pictures; nothing keeps nothing.
        pictures: The name of these pictures there: a hash.
        shared: The run folder, through which the machines of a cluster pass on what one of them
            has and others need; nothing where there is one machine.
    """

    mosaics_NHWC: NDArray[np.uint8]
    samples: pd.DataFrame
    stratum: str
    grid: int = 2
    cache: Path | None = None
    pictures: str = ""
    shared: FileRoot | None = None

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, split: Split, shared: FileRoot | None = None
    ) -> TrainingData:
        """The samples of ``dataset``, each on the side that ``split`` puts it."""
        samples = samples_with_partition(dataset.samples, split)
        # A plain view: Ray's object store takes the pixels themselves, not a map of a file.
        pixels_NHWC = np.asarray(dataset.mosaics_NHWC)
        name = dataset.mosaics_path.stem if dataset.mosaics_path else ""
        return cls(pixels_NHWC, samples, dataset.stratum, dataset.grid, dataset.cache, name, shared)

    def for_search(self) -> TrainingData:
        """What a search may see: the part that is set aside for it, else all but the test set."""
        rows = search_rows(self.samples["partition"])
        samples = self.samples.iloc[rows].reset_index(drop=True).assign(partition=TRAIN)
        pictures = content_digest([self.pictures, rows.tolist()], SPLIT_FINGERPRINT_LENGTH)
        return replace(
            self, mosaics_NHWC=self.mosaics_NHWC[rows], samples=samples, pictures=pictures
        )


def samples_with_partition(samples: pd.DataFrame, split: Split) -> pd.DataFrame:
    """``samples`` in their order with the ``partition`` and ``fold`` that ``split`` gives each."""
    sides = split.table[["sample", "partition", "fold"]]
    return samples.merge(sides, on="sample", how="left", validate="1:1")


@dataclass(frozen=True)
class Roles:
    """Which samples one fit uses for what, as row numbers.

    Attributes:
        train: Gradient steps.
        validation: Monitored by the plateau schedule and by early stopping; where nothing is
            chosen, the held-out fold, whose loss is reported only.
        held_out: The fold that is predicted.
        test: The test set, also predicted.
    """

    train: Indices
    validation: Indices
    held_out: Indices
    test: Indices


def assign_roles(data: TrainingData, fold: int, stopping: EarlyStopping, seed: int) -> Roles:
    """The roles of all samples in the fit of ``fold``.

    With ``inner_split`` the monitored subjects come from the other folds, so the held-out fold is
    seen by nothing before it is predicted. With ``none`` all other folds are trained on, and the
    held-out fold is monitored by nothing that decides.
    """
    partition = data.samples["partition"].to_numpy()
    folds = data.samples["fold"].to_numpy()
    test = np.flatnonzero(partition == TEST)
    held_out = np.flatnonzero((partition == TRAIN) & (folds == fold))
    # What is set aside for searches is trained on, and predicted by nobody.
    others = np.flatnonzero((partition == SEARCH) | (partition == TRAIN) & (folds != fold))
    if stopping.policy != "inner_split":
        return Roles(train=others, validation=held_out, held_out=held_out, test=test)
    subjects = data.samples["subject"].to_numpy()
    strata = data.samples[data.stratum].to_numpy()
    inner = inner_split(
        subjects[others], strata[others], fraction=stopping.inner_fraction, seed=seed
    )
    return Roles(train=others[~inner], validation=others[inner], held_out=held_out, test=test)


def roles_of(data: TrainingData, config: FitConfig, seed: int) -> Roles:
    """The roles in the fit of ``config``, trained on its recipe's fraction of the subjects.

    Args:
        data: All samples.
        config: What decides the outcome.
        seed: The fit's own; it decides who is monitored. The fraction is drawn by the sweep's seed
            and the fold, so that all backbones train on the same subjects as far as they may.
    """
    recipe = config.training
    stopping = recipe.early_stopping
    if recipe.solved_head is not None:
        # Solved in one epoch: there is nothing to monitor, and nobody is set aside for it.
        stopping = stopping.model_copy(update={"policy": "none"})
    roles = assign_roles(data, config.fold, stopping, seed)
    subjects = data.samples["subject"].to_numpy()[roles.train]
    strata = data.samples[data.stratum].to_numpy()[roles.train]
    chosen = nested_fraction(subjects, strata, recipe.training_fraction, _fraction_seed(config))
    return replace(roles, train=roles.train[chosen])


def _fraction_seed(config: FitConfig) -> int:
    return _seed_of(f"training_share/{config.seed}/{config.fold}")


def inner_seed(config: FitConfig) -> int:
    """Decides who shares an inner fold, the same for all backbones that train on the same fold."""
    return _seed_of(f"inner_folds/{config.seed}/{config.fold}")


def _seed_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


FEWEST_SAMPLES = 2
"""Batch normalisation cannot normalise a single sample."""


def nested_fraction(
    subjects_N: NDArray[np.object_], strata_N: NDArray[np.object_], fraction: float, seed: int
) -> NDArray[np.bool_]:
    """Chooses whole subjects that hold about ``fraction`` of the samples.

    The subjects stand in one order, whatever the fraction, and the first of them are taken. So a
    smaller fraction is a part of a larger one. In the order the strata alternate as often as they
    occur; within a stratum it is random, and depends on nothing but ``seed`` and the subjects.

    Args:
        subjects_N: Who each sample belongs to.
        strata_N: What is to be represented as in the whole. A subject counts for its most frequent.
        fraction: In (0, 1].
        seed: Decides the order.

    Returns:
        (N,) True where the sample is chosen: at least one subject, and two samples.
    """
    chosen = np.ones(len(subjects_N), dtype=bool)
    if fraction == 1:
        return chosen
    order = _order(subjects_N, strata_N, seed)
    names, counts = np.unique(subjects_N, return_counts=True)
    sizes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    samples_so_far = np.cumsum([sizes[subject] for subject in order])
    last = int(np.argmin(np.abs(samples_so_far - fraction * len(subjects_N))))
    fewest = int(np.searchsorted(samples_so_far, min(FEWEST_SAMPLES, len(subjects_N))))
    return np.isin(subjects_N, np.array(order[: max(last, fewest) + 1], dtype=subjects_N.dtype))


def _order(
    subjects_N: NDArray[np.object_], strata_N: NDArray[np.object_], seed: int
) -> list[object]:
    """All subjects: each stratum's spread evenly over the whole, by chance within it."""
    members: dict[object, list[object]] = {}
    for subject in np.unique(subjects_N).tolist():
        strata, counts = np.unique(strata_N[subjects_N == subject], return_counts=True)
        # As a list: what `unique` finds may be text, which is no array's scalar.
        members.setdefault(strata.tolist()[int(np.argmax(counts))], []).append(subject)
    places: list[tuple[float, str, object]] = []
    for subjects in members.values():
        keys = sorted((_random_key(subject, seed), subject) for subject in subjects)
        # The middle of each subject's part of its stratum: any first so many represent them all.
        places += [
            ((rank + 0.5) / len(keys), key, subject) for rank, (key, subject) in enumerate(keys)
        ]
    return [subject for _, _, subject in sorted(places, key=lambda place: place[:2])]


def _random_key(subject: object, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{subject}".encode()).hexdigest()
