"""What every code of a check or a note means, in words. Starts without pandas.

A check looks in its own module, by its code; here is what it looks at, and what a breach means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from foldgrid.analysis.predictions.notes import KINDS
from foldgrid.specs.errors import SweepError, did_you_mean


@dataclass(frozen=True)
class Explanation:
    """A code in words: of a check, or of a kind of note.

    Attributes:
        code: FG and three digits; never given to another check or note once it was published.
        kind: ``error`` or ``warning``, as a check's severity, or ``note``.
        title: What should hold, or what the note answers.
        looks_at: What is looked at; "" of a note.
        meaning: What it means for the metric values: of a check, where it fails.
        advice: What to do about it; "" where nothing is to be done.
        source: The literature behind it; "" where there is none.

    Example:
        >>> explain("fg101").title
        'Every subject is on one side, training or test'
    """

    code: str
    kind: Literal["error", "warning", "note"]
    title: str
    looks_at: str
    meaning: str
    advice: str
    source: str = ""


_NEW_SPLIT = (
    "Launch the sweep into a new --storage: the split is then drawn anew. If it is broken again, "
    "look at the manifest with `foldgrid data check`."
)
_AGAIN = (
    "Remove the folders of these fits under fits/ and launch the sweep again: it trains only what "
    "is missing."
)
_NOT_OURS = (
    "This is a fault of the stacking code, not of the run: do not use the meta-learners' values, "
    "and report it."
)

CHECKS = (
    Explanation(
        "FG101",
        "error",
        "Every subject is on one side, training or test",
        "split.parquet: subjects and partitions",
        "A network that has seen a person recognises them: test values are too good.",
        _NEW_SPLIT,
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    Explanation(
        "FG102",
        "error",
        "No subject is cut by the folds",
        "split.parquet: subjects and folds",
        "Part of a person was trained on while the rest was predicted: out-of-fold values are too "
        "good.",
        _NEW_SPLIT,
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    Explanation(
        "FG103",
        "error",
        "Every sample is there once, in one place and one fold",
        "split.parquet: samples, regions, folds",
        "Samples that are listed twice count twice; those without a place are evaluated by nobody.",
        _NEW_SPLIT,
    ),
    Explanation(
        "FG104",
        "error",
        "No photograph lies under two subjects",
        "photos.parquet: which files are equal byte by byte",
        "One of the subjects has somebody else's picture, and the split, which keeps subjects "
        "apart, cannot keep the two copies apart.",
        "Keep the photograph where it belongs: `foldgrid data check MANIFEST` names the rows. Then"
        " launch again.",
        "Barz and Denzler 2020, doi:10.3390/jimaging6060041",
    ),
    Explanation(
        "FG105",
        "error",
        "The fits were trained on the split that is here",
        "split.parquet and the split's fingerprint in every fit.json",
        "Who was held out from these fits is not what split.parquet says.",
        "Restore split.parquet, or launch the sweep again: it trains what does not fit.",
    ),
    Explanation(
        "FG201",
        "error",
        "The records are whole",
        "plan.json, split.parquet, and every finished fit's files",
        "What cannot be read is left out of the ranking, with its whole base learner.",
        "Restore the files, or launch the sweep again: it trains the corrupt fits again and writes"
        " the run folder's own files anew.",
    ),
    Explanation(
        "FG202",
        "warning",
        "All planned fits are finished",
        "plan.json and the finished fits",
        "A base learner that lacks a fold has no out-of-fold predictions and is not ranked.",
        "Launch the sweep again: it trains only what is missing.",
    ),
    Explanation(
        "FG203",
        "warning",
        "No fit diverged",
        "the status of every finished fit",
        "A base learner with a diverged fold is not ranked; leaving it out flatters its kind.",
        "Lower training.learning_rate (`--set training.lr=...`): all fits are then trained anew.",
    ),
    Explanation(
        "FG204",
        "error",
        "The fits are comparable",
        "data_fingerprint, split_fingerprint, task, budget of every fit",
        "Values over other data, other people or other amounts of training do not compare.",
        "Launch the sweep again with one setting: it trains the fits that differ.",
    ),
    Explanation(
        "FG205",
        "error",
        "All base learners hold out the same folds",
        "plan.json and the out-of-fold samples of every fit",
        "A learner that was evaluated on other folds met other people, and stacking would mix "
        "predictions of seen and unseen people.",
        "Remove the folders of the fits that differ and launch the sweep again.",
    ),
    Explanation(
        "FG206",
        "warning",
        "The fits were computed alike",
        "device, precision, torch, python of every finished fit",
        "Devices and versions round differently: small differences between fits may be theirs.",
        "To have all fits by one version, launch the sweep into another --storage.",
    ),
    Explanation(
        "FG301",
        "error",
        "Every held-out sample was predicted once, by the right fit",
        "the out-of-fold predictions of every fit, and split.parquet",
        "A sample that was predicted by a fit that trained on it looks too easy; one that was "
        "predicted twice or never falsifies every mean.",
        _AGAIN,
    ),
    Explanation(
        "FG302",
        "error",
        "Every test sample was predicted once by every fit",
        "the test predictions of every fit, and split.parquet",
        "Test values are then over other samples than those of the other fits.",
        _AGAIN,
    ),
    Explanation(
        "FG303",
        "error",
        "All fits agree on the truth",
        "the true scores or labels in every fit's predictions",
        "Some fits were trained or evaluated on another truth: a manifest changed under them.",
        _AGAIN,
    ),
    Explanation(
        "FG304",
        "warning",
        "No fit says the same of everybody",
        "the spread of every fit's out-of-fold predictions",
        "Such a fit has learned the mean and nothing of the photographs; its rank says nothing of "
        "its backbone.",
        "Train longer, or with another learning rate.",
    ),
    Explanation(
        "FG305",
        "error",
        "No fit predicts the truth itself",
        "predictions.parquet of every fit: predictions beside the truth, to rounding",
        "No network meets the truth digit for digit: the target was among what it was given, or a "
        "table of predictions was made of the truth.",
        "Find where the truth gets in: a label in the pictures, a column of a given table, a "
        "script that wrote the file. Remove that learner until then.",
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    Explanation(
        "FG306",
        "error",
        "No two base learners predict bit for bit the same",
        "predictions.parquet of every fit, fold by fold",
        "Unlike networks never agree in every digit: one learner's files were copied over "
        "another's, or two names mean one network. The ranking then counts it twice, and stacking "
        "weighs it double.",
        "Remove the fits' folders under fits/ and launch the sweep again, or drop one of the two "
        "names.",
    ),
    Explanation(
        "FG307",
        "warning",
        "No fold is unlike the others",
        "errors by subject of every complete base learner, fold by fold",
        "The errors on one fold's people differ from those on the others' by more than chance: its "
        "rows slipped against the truth, it was trained on, or its people are of another kind.",
        "Look at that fold's predictions beside the truth, and at who is in it. If nothing is "
        "wrong with them, the people differ: quote the spread over folds.",
        "Westfall and Young 1993, Resampling-Based Multiple Testing",
    ),
    Explanation(
        "FG308",
        "warning",
        "Out-of-fold and test errors are alike",
        "errors by subject of every complete base learner, out of fold and on the test set",
        "The same fits err differently on two groups of people that nobody had seen: out-of-fold "
        "predictions are of people that the fit was trained on or chosen by, or the test set is "
        "of another kind.",
        "Much smaller out-of-fold errors point to a leak: look at FG101 to FG104, FG401 and FG404. "
        "Much smaller test errors point to the test set: who is in it, and who has seen it.",
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    Explanation(
        "FG401",
        "warning",
        "No fit stopped on the fold that it predicts",
        "early_stopping.policy of every fit",
        "The epoch was chosen by the very scores that the fit is evaluated on: out-of-fold values "
        "are too good by an unknown amount, for long training and small folds most.",
        "Take `early_stopping: {policy: inner_split}`, unless the aim is the paper's own way.",
        "Kapoor and Narayanan 2023, doi:10.1016/j.patter.2023.100804",
    ),
    Explanation(
        "FG402",
        "error",
        "No meta-learner saw the samples that it predicts",
        "meta-learners refitted with the held-out scores falsified, and to base learners that only "
        "know their training mean",
        "Their out-of-fold values are too good.",
        _NOT_OURS,
        "Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1",
    ),
    Explanation(
        "FG403",
        "error",
        "No meta-learner saw the test set",
        "meta-learners refitted with the test scores and test predictions falsified",
        "Their test values are too good.",
        _NOT_OURS,
    ),
    Explanation(
        "FG404",
        "warning",
        "The recipe was not found on the subjects that are predicted",
        "provenance.json: the search behind `--hyperparameters`, and whom it was evaluated on",
        "The search kept what did best on these very people: out-of-fold values are too good by an "
        "amount that nothing here corrects. The test set is not concerned: no search sees it.",
        "Set `split.search_fraction` in both sweeps, such as 0.3, and launch the search, then the "
        "grid with `--hyperparameters`: the search then sees those subjects alone, the grid trains "
        "on them and predicts the others. Or quote the test set's values.",
        "Cawley and Talbot 2010, JMLR 11:2079-2107",
    ),
    Explanation(
        "FG501",
        "error",
        "No skill remains on shuffled scores",
        "the label-permutation run: every subject with the scores of a random other one",
        "The networks foretell what their pictures cannot show, so they have met these people "
        "before: the split, the data or the code lets something through, and every value of the "
        "sweep itself is too good by it.",
        "Look for what training and held-out samples of one subject share: visits on both sides of "
        "a split, a backdrop or a camera that gives the person away. A pass does not mean that "
        "nobody has two names: each name was given scores of its own, so neither one person under "
        "two names nor copies of a photograph under two subjects can show here. `foldgrid data "
        "check` and FG104 look for those.",
        "Ojala and Garriga 2010, JMLR 11:1833-1863",
    ),
)
"""Of every check, in the order of the codes."""

NOTES = tuple(
    Explanation(kind.code, "note", kind.title, "", kind.meaning, kind.advice, kind.source)
    for kind in KINDS
)
"""Of every kind of note, likewise."""

EXPLANATIONS: Mapping[str, Explanation] = MappingProxyType(
    {each.code: each for each in (*CHECKS, *NOTES)}
)
"""Every code of a check or a note, in order: ``foldgrid explain`` and the documentation ask."""


def explain(code: str) -> Explanation:
    """What a code means, in capitals or not.

    Raises:
        SweepError: Neither a check nor a note has it; the message offers the nearest.
    """
    found = EXPLANATIONS.get(code.upper())
    if found is None:
        raise SweepError(
            f'explain: no check and no note has the code "{code}". '
            f"{did_you_mean(code.upper(), EXPLANATIONS)}\n"
            "`foldgrid explain` lists them all."
        )
    return found
