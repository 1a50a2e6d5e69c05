"""The label-permutation test: truths that no picture can tell, so remaining skill is a leak.

Knows the sample table and who is held out; never sees a picture. Decision 0010 has the reasoning.

Shuffling scores freely would be no test of a leak of *persons*: nobody could learn anything, with
a leak or without. Shuffling whole courses between subjects would keep the trial's time trend:
everybody is ill at the first visit and better at the last, so the pictures would still tell much of
the score, and an honest pipeline would show skill. Here every subject is given **one visit of a
subject drawn at random, for all of its own visits**:

- Between subjects the given scores are a uniformly random permutation (with one random visit of
  each giver), so nothing that a picture shows can foretell them: not the severity, not the day.
- Within a subject they never change, so whoever recognises the *person* knows them. A pipeline
  that shows it the same person in training has skill; one that holds whole subjects out has none.

Labels and values go the same way: every subject is given the label of **one photograph of a
subject drawn at random, for all of its own photographs**, with what belongs to the label, its place
in the hierarchy and the raters' opinions. A fine class is then as foreign to the picture as a
coarse one.

A subject may be given a visit of its own (one in a trial is, on average). Forbidding that would
make the given scores slightly opposed to the true ones; with it they are exactly exchangeable, and
that is what makes the check's permutation test exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from foldgrid.data.dataset import Survey
from foldgrid.data.fingerprint import FINGERPRINT_LENGTH, data_fingerprint
from foldgrid.data.manifest.rows import SCORES
from foldgrid.data.splits import Split
from foldgrid.specs.fits import content_digest
from foldgrid.specs.label_permutation import PermutationName


def shuffle_scores(samples: pd.DataFrame, partition: pd.Series[str], seed: int) -> pd.DataFrame:
    """Gives every subject the scores of one visit of a random subject of its own partition.

    Args:
        samples: `SampleTable.samples` of mosaics; all scores known.
        partition: By ``sample``: its side of the split, ``train`` or ``test``. The sides are
            shuffled apart, so each keeps its own subjects' range of severity.
        seed: Decides everything; equal seeds give equal scores, whatever the rows' order.

    Returns:
        The same rows with other scores. All samples of a subject and region have the same, and
        the regions of a subject come from one visit; a region that was not photographed then
        takes the scores of a region that was. The only subject of a side draws from all subjects.
    """
    random = _generator(seed)
    given = {
        taker: _one_visit(samples[samples["subject"] == giver], random)
        for taker, giver in _givers(samples, partition, random).items()
    }
    rows = [
        given[subject].get(region, next(iter(given[subject].values())))
        for subject, region in zip(samples["subject"], samples["region"], strict=True)
    ]
    return _with_targets(samples, rows, SCORES)


def shuffle_labels(
    samples: pd.DataFrame, partition: pd.Series[str], seed: int, columns: Sequence[str]
) -> pd.DataFrame:
    """Gives every subject the label, or value, of one photograph of a random other subject.

    The other is of its own partition, and may be itself.

    Args:
        samples: `SampleTable.samples` of single photographs.
        partition: As in `shuffle_scores`.
        seed: Likewise.
        columns: What goes together: the label, its place in the hierarchy, the annotations.

    Returns:
        The same rows with other values in ``columns``, the same in all rows of a subject.
    """
    random = _generator(seed)
    given: dict[str, tuple[Any, ...]] = {}
    for taker, giver in _givers(samples, partition, random).items():
        photos = samples[samples["subject"] == giver].sort_values("sample")
        place = int(random.random() * len(photos))
        given[taker] = tuple(photos[list(columns)].iloc[place])
    return _with_targets(samples, [given[subject] for subject in samples["subject"]], columns)


def permute_labels(survey: Survey, split: Split, name: PermutationName, seed: int) -> Survey:
    """The same photographs as ``survey`` with scores or labels that they cannot tell.

    Args:
        survey: The true data.
        split: The split of the *true* data: it is what is being tested, so it stays as it is.
        name: What is shuffled.
        seed: Decides the shuffle.

    Returns:
        A survey with a fingerprint of its own, so that no fit of it can be taken for a true one,
        and with the true survey's mosaics.
    """
    partition = split.table.set_index("sample")["partition"]
    if survey.layout.weighs_visits:
        samples = shuffle_scores(survey.samples, partition, seed)
    else:
        samples = shuffle_labels(survey.samples, partition, seed, survey.target_columns)
    table = replace(survey.table, samples=samples)
    shuffled = data_fingerprint(
        table, survey.photo_hashes, survey.tile_pixels, survey.effective_reading
    )
    return replace(
        survey,
        table=table,
        fingerprint=content_digest({"canary": name, "data": shuffled}, FINGERPRINT_LENGTH),
        mosaics_of=survey.mosaics_of or survey.fingerprint,
    )


_STREAM = 0xCA7A
"""Keeps the shuffle's random numbers apart from others of the same seed."""


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, _STREAM]))


def _givers(
    samples: pd.DataFrame, partition: pd.Series[str], random: np.random.Generator
) -> dict[str, str]:
    """Whose targets each subject is given, sorted by who takes: each side's are a permutation."""
    side = partition.loc[samples["sample"]].to_numpy()
    side_of = pd.Series(side, index=samples["subject"]).groupby(level=0).first()
    givers: dict[str, str] = {}
    for name in sorted(side_of.unique()):
        takers = sorted(side_of.index[side_of == name])
        pool = takers if len(takers) > 1 else sorted(side_of.index)
        # Sorting raw draws: the stream of PCG64 is promised to stay, `permutation` is not.
        order = np.argsort(random.random(len(pool)), kind="stable")
        givers |= dict(zip(takers, (pool[place] for place in order), strict=False))
    return dict(sorted(givers.items()))


def _with_targets(
    samples: pd.DataFrame, rows: Sequence[tuple[Any, ...]], columns: Sequence[str]
) -> pd.DataFrame:
    """``samples`` with other values in ``columns``, of the types that they had."""
    targets = pd.DataFrame(rows, columns=list(columns), index=samples.index)
    return samples.assign(**{name: targets[name].astype(samples[name].dtype) for name in columns})


def _one_visit(samples: pd.DataFrame, random: np.random.Generator) -> dict[str, tuple[float, ...]]:
    """The scores of one visit by region, the visit drawn at random."""
    visits = sorted(samples["visit"].unique())
    visit = visits[int(random.random() * len(visits))]
    rows = samples[samples["visit"] == visit].sort_values("region")
    scores = rows[list(SCORES)].itertuples(index=False, name=None)
    return dict(zip(rows["region"], scores, strict=True))
