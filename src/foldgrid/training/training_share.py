"""A share of the training subjects, for performance against the amount of data."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

FEWEST_SAMPLES = 2
"""Batch normalisation cannot normalise a single sample."""


def nested_share(
    subjects_N: NDArray[np.object_], strata_N: NDArray[np.object_], share: float, seed: int
) -> NDArray[np.bool_]:
    """Chooses whole subjects that hold about ``share`` of the samples.

    The subjects stand in one order, whatever the share, and the first of them are taken. So a
    smaller share is a part of a larger one. In the order the strata alternate as often as they
    occur; within a stratum it is random, and depends on nothing but ``seed`` and the subjects.

    Args:
        subjects_N: Who each sample belongs to.
        strata_N: What is to be represented as in the whole. A subject counts for its most frequent.
        share: In (0, 1].
        seed: Decides the order.

    Returns:
        (N,) True where the sample is chosen: at least one subject, and two samples.
    """
    chosen = np.ones(len(subjects_N), dtype=bool)
    if share == 1:
        return chosen
    order = _order(subjects_N, strata_N, seed)
    names, counts = np.unique(subjects_N, return_counts=True)
    sizes = dict(zip(names.tolist(), counts.tolist(), strict=True))
    samples_so_far = np.cumsum([sizes[subject] for subject in order])
    last = int(np.argmin(np.abs(samples_so_far - share * len(subjects_N))))
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
