"""The rules of honest stacking, each a function that names every breach it finds.

    1. A sample is one region of one visit of one subject, or one photograph, and appears once.
    2. A subject is on one side of the split and, when training, in one fold.
    3. All fits saw the same data, split, task and budget.
    4. A fit predicts, once each, exactly the training samples of the fold that it held out.
    5. A fit predicts, once each, exactly the test samples.
    6. All fits agree on the truth: what the physician scored, what a photograph is labelled.
    7. All base learners hold out the same samples in the same folds.

Every breach carries the code of the check that finds it (``foldgrid check``).
Knows tables and their words, not where they are stored.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import pandas as pd
from pandas.api.types import is_numeric_dtype

from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import FitConfig, FitRecord
from foldgrid.tasks.pasi.arithmetic import REGION_WEIGHTS

SHARED_SETTINGS = ("data_fingerprint", "split_fingerprint", "task", "budget")
"""What must be equal for two fits' values to be comparable (rule 3)."""

PARTITION_CODE, FOLDS_CODE, SAMPLES_CODE = "FG101", "FG102", "FG103"
SETTINGS_CODE, AGREEMENT_CODE = "FG204", "FG205"
HELD_OUT_CODE, TEST_CODE, PHYSICIAN_CODE = "FG301", "FG302", "FG303"
"""The codes under which `foldgrid.analysis.checks` knows the rules."""

Key = TypeVar("Key", bound=Hashable)

ADVICE = (
    "Values over unlike samples cannot be compared. Remove the folders of these fits under "
    "fits/ and launch the sweep again: it trains only what is missing."
)


@dataclass(frozen=True)
class FoldPredictions:
    """The predictions of one complete fit.

    Attributes:
        backbone: The base learner it belongs to.
        record: Its ``fit.json``.
        table: Its ``predictions.parquet``.
    """

    backbone: str
    record: FitRecord
    table: pd.DataFrame

    @property
    def fold(self) -> int:
        """The fold that it held out."""
        return self.record.config.fold

    @property
    def name(self) -> str:
        """What people call it: ``resnet34 fold 2``."""
        return f"{self.backbone} fold {self.fold}"

    @cached_property
    def predicted(self) -> dict[str, tuple[int, frozenset[str]]]:
        """By partition, how many rows it has and which samples they are of."""
        rows = self.table["sample"].groupby(self.table["partition"].astype(object))
        return {str(name): (len(own), frozenset(own)) for name, own in rows}


@dataclass(frozen=True)
class SplitSamples:
    """Which samples a fit must predict.

    Attributes:
        table: The split's table, which keeps rules 1 and 2.
    """

    table: pd.DataFrame

    @cached_property
    def test(self) -> frozenset[str]:
        """The test samples."""
        return frozenset(self.table["sample"][self.table["partition"] == "test"])

    @cached_property
    def held_out(self) -> dict[Hashable, frozenset[str]]:
        """The training samples of each fold."""
        train = self.table[self.table["partition"] == "train"]
        return {fold: frozenset(own) for fold, own in train.groupby("fold")["sample"]}


def split_problems(split: pd.DataFrame) -> list[Problem]:
    """Breaches of rules 1 and 2 in a split's table."""
    problems = []
    rows = split[split["sample"].duplicated()]
    if len(rows):
        message = f"{some(rows['sample'])} listed more than once."
        problems.append(Problem("split", SAMPLES_CODE, message))
    if "region" in split:
        problems += _region_problems(split)
    sides = split.groupby("subject")["partition"].unique()
    for subject, parts in sides[sides.map(len) > 1].items():
        message = f"subject {subject} is on two sides of the split: {', '.join(sorted(parts))}."
        problems.append(Problem("split", PARTITION_CODE, message))
    train = split[split["partition"] == "train"]
    rows = train[train["fold"].isna() | (train["fold"] < 0).fillna(False)]
    if len(rows):
        message = f"{some(rows['sample'])} for training without a fold."
        problems.append(Problem("split", SAMPLES_CODE, message))
    folds = train.groupby("subject")["fold"].nunique()
    for subject in folds.index[folds > 1]:
        problems.append(Problem("split", FOLDS_CODE, f"subject {subject} is cut by the folds."))
    return problems


def _region_problems(split: pd.DataFrame) -> list[Problem]:
    """What only samples of body regions can have wrong."""
    problems = []
    rows = split[split.duplicated(["subject", "visit", "region"])]
    if len(rows):
        message = f"{some(rows['sample'])} repeat a visit's region."
        problems.append(Problem("split", SAMPLES_CODE, message))
    rows = split[~split["region"].isin(list(REGION_WEIGHTS))]
    if len(rows):
        allowed = ", ".join(REGION_WEIGHTS)
        message = f"{some(rows['sample'])} of an unknown region. Known: {allowed}."
        problems.append(Problem("split", SAMPLES_CODE, message))
    return problems


def comparison_problems(configs: Iterable[FitConfig]) -> list[Problem]:
    """Breaches of rule 3: settings in which the fits differ although they must not."""
    problems = []
    configs = list(configs)
    for setting in SHARED_SETTINGS:
        holders: dict[str, list[str]] = {}
        for config in configs:
            value = getattr(config, setting)
            text = value.model_dump_json() if setting == "task" else str(value)
            holders.setdefault(text, []).append(f"{config.backbone} fold {config.fold}")
        if len(holders) > 1:
            found = "; ".join(f"{text}: {some(names, 'fit')}" for text, names in holders.items())
            problems.append(Problem("fits", SETTINGS_CODE, f"{setting} differs: {found}."))
    return problems


def fold_problems(fit: FoldPredictions, split: SplitSamples) -> list[Problem]:
    """Breaches of rules 4 and 5 by one fit."""
    return [*held_out_problems(fit, split), *test_problems(fit, split)]


def held_out_problems(fit: FoldPredictions, split: SplitSamples) -> list[Problem]:
    """Breaches of rule 4 by one fit: held-out samples predicted twice, never, or out of place."""
    expected = split.held_out.get(fit.fold, frozenset())
    messages = _partition_messages(fit, "oof", "held-out", expected, split.table)
    return [Problem(fit.name, HELD_OUT_CODE, message) for message in messages]


def test_problems(fit: FoldPredictions, split: SplitSamples) -> list[Problem]:
    """Breaches of rule 5 by one fit: test samples predicted twice, never, or out of place."""
    messages = _partition_messages(fit, "test", "test", split.test, split.table)
    return [Problem(fit.name, TEST_CODE, message) for message in messages]


def agreement_problems(
    planned: Mapping[str, Sequence[int]], fits: Iterable[FoldPredictions]
) -> list[Problem]:
    """Breaches of rule 7: base learners that held out other samples than most do.

    Args:
        planned: The folds that are planned, by base learner.
        fits: The fits that can be read.
    """
    problems = []
    by_folds: dict[tuple[int, ...], list[str]] = {}
    for name, folds in planned.items():
        by_folds.setdefault(tuple(sorted(folds)), []).append(name)
    for folds, names in _all_but_most(by_folds):
        message = (
            f"{some(names, 'base learner')}: {counted(len(folds), 'fold')}, other than most have."
        )
        problems.append(Problem("plan", AGREEMENT_CODE, message))
    held_out: dict[int, dict[frozenset[str], list[str]]] = {}
    for fit in fits:
        _, samples = fit.predicted.get("oof", (0, frozenset()))
        held_out.setdefault(fit.fold, {}).setdefault(samples, []).append(fit.backbone)
    for fold, groups in sorted(held_out.items()):
        most = max(groups, key=lambda samples: len(groups[samples]))
        for samples, names in _all_but_most(groups):
            differs = some(sorted(samples ^ most))
            message = f"{some(names, 'base learner')} held out other samples than most: {differs}."
            problems.append(Problem(f"fold {fold}", AGREEMENT_CODE, message))
    return problems


def _all_but_most(groups: dict[Key, list[str]]) -> list[tuple[Key, list[str]]]:
    """The groups without the largest; the first of equals counts as the largest."""
    most = max(groups, key=lambda key: len(groups[key]), default=None)
    return [(key, names) for key, names in groups.items() if key != most]


def _partition_messages(
    fit: FoldPredictions, partition: str, what: str, samples: frozenset[str], split: pd.DataFrame
) -> list[str]:
    # Nearly every fit is as it should be, and a ranking waits for this: no more than needed.
    if fit.predicted.get(partition, (0, frozenset())) == (len(samples), samples):
        return []
    messages = []
    found = fit.table["sample"][fit.table["partition"] == partition]
    expected, home = pd.Index(sorted(samples)), split.set_index("sample")
    twice = found[found.duplicated()].unique()
    if len(twice):
        messages.append(f"predicted {some(twice)} of the {what} samples more than once.")
    missing = expected.difference(pd.Index(found))
    if len(missing):
        messages.append(f"did not predict {some(missing)} of its {what} samples.")
    for reason, strays in _strays(found, expected, home):
        messages.append(f"{some(strays)} among its {what} predictions: {reason}.")
    return messages


def target_problems(
    fit: FoldPredictions, reference: pd.DataFrame, targets: Sequence[str]
) -> list[Problem]:
    """Breaches of rule 6 by one fit.

    Args:
        fit: The fit's predictions, which keep rules 4 and 5.
        reference: The physician's scores by sample, as the first fits reported them.
        targets: The names of the scores.
    """
    if _is_as_known(fit.table, reference, targets):
        return []
    table = fit.table.set_index("sample")[list(targets)]
    known = table.index.intersection(reference.index)
    differs = _differ(table.loc[known], reference.loc[known, list(targets)])
    if not differs.any():
        return []
    message = f"has another truth than the fits before it for {some(known[differs])}."
    return [Problem(fit.name, PHYSICIAN_CODE, message)]


def _is_as_known(table: pd.DataFrame, reference: pd.DataFrame, targets: Sequence[str]) -> bool:
    """Whether all of a fit's samples are known, each with this truth to the last bit."""
    if not reference.index.is_unique:
        return False
    places = reference.index.get_indexer(pd.Index(table["sample"]))
    return bool((places >= 0).all()) and all(
        bool((reference[name].to_numpy()[places] == table[name].to_numpy()).all())
        for name in targets
    )


def _differ(found: pd.DataFrame, reference: pd.DataFrame) -> pd.Series[bool]:
    """Which samples have another truth; scores may differ by rounding, labels may not."""
    is_number = [name for name in found if is_numeric_dtype(found[name])]
    numbers = (found[is_number] - reference[is_number]).abs().gt(1e-6).any(axis=1)
    return numbers | (found != reference).drop(columns=is_number).any(axis=1)


def some(names: Iterable[object], unit_name: str = "sample") -> str:
    """A count and the first three names: ``5 samples (a, b, c, ...)``."""
    listed = [str(name) for name in names]
    more = ", ..." if len(listed) > 3 else ""
    return f"{counted(len(listed), unit_name)} ({', '.join(listed[:3])}{more})"


def _strays(
    found: pd.Series[str], expected: pd.Index[str], home: pd.DataFrame
) -> list[tuple[str, pd.Index[str]]]:
    """The samples that should not be there, by what is wrong with them."""
    strays = pd.Index(found.unique()).difference(expected)
    unknown = strays.difference(home.index)
    known = home.loc[strays.difference(unknown)]
    test = known.index[known["partition"] == "test"]
    train = known.index[known["partition"] != "test"]
    reasons = (
        ("the split does not hold them", unknown),
        ("they belong to test subjects", test),
        ("they belong to a fold that it trained on, or to training subjects", train),
    )
    return [(reason, samples) for reason, samples in reasons if len(samples)]
