"""FG1xx: who is held out, and whether anybody is on two sides."""

from __future__ import annotations

import pandas as pd

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.run_contents import RunContents
from foldgrid.analysis.predictions.validation import (
    FOLDS_CODE,
    PARTITION_CODE,
    SAMPLES_CODE,
    some,
    split_problems,
)
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import split_fingerprint

NO_SPLIT = "split.parquet cannot be read; see FG201."


def _rule(contents: RunContents, code: str, kept: str) -> Finding:
    """The breaches of one rule of the split."""
    if contents.split is None:
        return not_applicable(NO_SPLIT)
    problems = [each for each in split_problems(contents.split) if each.what == code]
    count = f"{len(problems)} breach{'es' if len(problems) != 1 else ''} in split.parquet."
    return breach(count, problems) if problems else holds(kept)


def _partitions(contents: RunContents) -> Finding:
    subjects = _subjects_by_partition(contents.split)
    words = (
        f"{counted(subjects.get('train', 0), 'subject')} for training, "
        f"{subjects.get('test', 0)} for test"
    )
    return _rule(contents, PARTITION_CODE, f"{words}, nobody in both.")


def _subjects_by_partition(split: pd.DataFrame | None) -> dict[str, int]:
    if split is None:
        return {}
    counts = split.groupby("partition")["subject"].nunique()
    return {str(side): int(count) for side, count in counts.items()}


def _folds(contents: RunContents) -> Finding:
    kept = ""
    if contents.split is not None:
        train = contents.split[contents.split["partition"] == "train"]
        kept = (
            f"{counted(train['subject'].nunique(), 'subject')} in "
            f"{counted(train['fold'].nunique(), 'fold')}, "
            "nobody in two."
        )
    return _rule(contents, FOLDS_CODE, kept)


def _samples(contents: RunContents) -> Finding:
    split = contents.split
    count = 0 if split is None else len(split)
    has_regions = split is not None and "region" in split
    what = "region of one visit" if has_regions else "photograph"
    kept = f"{counted(count, 'sample')}, each one {what}; training samples each have a fold."
    return _rule(contents, SAMPLES_CODE, kept)


def _photos(contents: RunContents) -> Finding:
    if contents.photos is None or contents.samples is None:
        return not_applicable(
            "This run folder does not say which photographs its samples have "
            "(no photos.parquet). The next launch of the sweep writes it."
        )
    subject = contents.samples.set_index("sample")["subject"]
    photos = contents.photos.assign(subject=contents.photos["sample"].map(subject))
    equal = _under_two(photos, "photo", "one photograph under the subjects")
    how, alike = "compared byte by byte and as pictures", list[Problem]()
    if "picture" not in photos:
        how = "compared byte by byte; the next launch looks for near copies, too"
    else:
        # Equal files are said already.
        once = photos[photos.groupby("photo")["subject"].transform("nunique") == 1]
        alike = _under_two(once, "picture", "near copies under the subjects")
    if not equal and not alike:
        return holds(f"{counted(len(photos), 'photograph')}, {how}; none under two subjects.")
    number = counted(photos["photo"].nunique(), "photograph")
    found = [f"{len(equal)} of {number} lie under two subjects or more."] if equal else []
    if alike:
        found.append(
            f"{counted(len(alike), 'picture')} may lie under two subjects: look at the near copies."
        )
    return breach(" ".join(found), [*equal, *alike])


def _under_two(photos: pd.DataFrame, column: str, words: str) -> list[Problem]:
    """The photographs, or pictures, that two subjects share."""
    owners = photos.groupby(column)["subject"].nunique()
    problems = []
    for _, rows in photos[photos[column].isin(owners.index[owners > 1])].groupby(column):
        names = " and ".join(sorted(rows["subject"].unique()))
        problems.append(Problem("", "", f"{words} {names}: {some(rows['sample'])}."))
    return problems


def _fingerprint(contents: RunContents) -> Finding:
    if contents.split is None:
        return not_applicable(NO_SPLIT)
    if not contents.records:
        return not_applicable("No finished fit names its split yet.")
    table = contents.split
    sides = zip(
        table["sample"].tolist(), table["partition"].tolist(), table["fold"].tolist(), strict=True
    )
    found = split_fingerprint(sides)
    problems = [
        Problem(fit_id, "", f"trained on the split {record.config.split_fingerprint}.")
        for fit_id, record in contents.records.items()
        if record.config.split_fingerprint != found
    ]
    if problems:
        count = f"{len(problems)} of {counted(len(contents.records), 'fit')}"
        return breach(f"split.parquet is the split {found}; {count} trained on another.", problems)
    return holds(f"{counted(len(contents.records), 'fit')} trained on the split {found}.")


CHECKS = (
    Check(PARTITION_CODE, _partitions),
    Check(FOLDS_CODE, _folds),
    Check(SAMPLES_CODE, _samples),
    Check("FG104", _photos),
    Check("FG105", _fingerprint),
)
