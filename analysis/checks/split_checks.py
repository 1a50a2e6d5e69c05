"""FG1xx: who is held out, and whether anybody is on two sides."""

from __future__ import annotations

import pandas as pd

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.run_evidence import RunEvidence
from foldgrid.analysis.predictions.validation import (
    FOLDS_CODE,
    SAMPLES_CODE,
    SIDES_CODE,
    some,
    split_problems,
)
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import split_fingerprint

NO_SPLIT = "split.parquet cannot be read; see FG201."
NEW_SPLIT = (
    "Launch the sweep into a new --storage: the split is then drawn anew. If it is broken again, "
    "look at the manifest with `foldgrid data check`."
)


def _law(evidence: RunEvidence, code: str, kept: str) -> Finding:
    """The breaches of one law of the split."""
    if evidence.split is None:
        return not_applicable(NO_SPLIT)
    problems = [each for each in split_problems(evidence.split) if each.what == code]
    count = f"{len(problems)} breach{'es' if len(problems) != 1 else ''} in split.parquet."
    return breach(count, problems) if problems else holds(kept)


def _sides(evidence: RunEvidence) -> Finding:
    subjects = _subjects_by_side(evidence.split)
    words = f"{subjects.get('train', 0)} subjects for training, {subjects.get('test', 0)} for test"
    return _law(evidence, SIDES_CODE, f"{words}, nobody in both.")


def _subjects_by_side(split: pd.DataFrame | None) -> dict[str, int]:
    if split is None:
        return {}
    counts = split.groupby("partition")["subject"].nunique()
    return {str(side): int(count) for side, count in counts.items()}


def _folds(evidence: RunEvidence) -> Finding:
    kept = ""
    if evidence.split is not None:
        train = evidence.split[evidence.split["partition"] == "train"]
        kept = (
            f"{train['subject'].nunique()} subjects in {train['fold'].nunique()} folds, "
            "nobody in two."
        )
    return _law(evidence, FOLDS_CODE, kept)


def _samples(evidence: RunEvidence) -> Finding:
    split = evidence.split
    count = 0 if split is None else len(split)
    has_regions = split is not None and "region" in split
    what = "region of one visit" if has_regions else "photograph"
    kept = f"{count} samples, each one {what}; training samples each have a fold."
    return _law(evidence, SAMPLES_CODE, kept)


def _photos(evidence: RunEvidence) -> Finding:
    if evidence.photos is None or evidence.samples is None:
        return not_applicable(
            "This run folder does not say which photographs its samples have "
            "(no photos.parquet). The next launch of the sweep writes it."
        )
    subject = evidence.samples.set_index("sample")["subject"]
    photos = evidence.photos.assign(subject=evidence.photos["sample"].map(subject))
    owners = photos.groupby("photo")["subject"].nunique()
    shared = photos[photos["photo"].isin(owners.index[owners > 1])]
    if shared.empty:
        return holds(f"{len(photos)} photographs, compared byte by byte; none under two subjects.")
    problems = []
    for _, rows in shared.groupby("photo"):
        names = " and ".join(sorted(rows["subject"].unique()))
        message = f"one photograph under the subjects {names}: {some(rows['sample'])}."
        problems.append(Problem("", "", message))
    count = f"{owners.gt(1).sum()} of {len(owners)} photographs lie under two subjects or more."
    return breach(count, problems)


def _fingerprint(evidence: RunEvidence) -> Finding:
    if evidence.split is None:
        return not_applicable(NO_SPLIT)
    if not evidence.records:
        return not_applicable("No finished fit names its split yet.")
    table = evidence.split
    sides = zip(
        table["sample"].tolist(), table["partition"].tolist(), table["fold"].tolist(), strict=True
    )
    found = split_fingerprint(sides)
    problems = [
        Problem(fit_id, "", f"trained on the split {record.config.split_fingerprint}.")
        for fit_id, record in evidence.records.items()
        if record.config.split_fingerprint != found
    ]
    if problems:
        count = f"{len(problems)} of {len(evidence.records)} fits"
        return breach(f"split.parquet is the split {found}; {count} trained on another.", problems)
    return holds(f"All {len(evidence.records)} fits trained on the split {found}.")


CHECKS = (
    Check(
        SIDES_CODE,
        "Every subject is on one side, training or test",
        "error",
        "split.parquet: subjects and partitions",
        "A network that has seen a person recognises them: test figures are too good.",
        NEW_SPLIT,
        _sides,
    ),
    Check(
        FOLDS_CODE,
        "No subject is cut by the folds",
        "error",
        "split.parquet: subjects and folds",
        "Part of a person was trained on while the rest was predicted: out-of-fold figures are "
        "too good.",
        NEW_SPLIT,
        _folds,
    ),
    Check(
        SAMPLES_CODE,
        "Every sample is there once, in one place and one fold",
        "error",
        "split.parquet: samples, regions, folds",
        "Samples that are listed twice count twice; those without a place are judged by nobody.",
        NEW_SPLIT,
        _samples,
    ),
    Check(
        "FG104",
        "No photograph lies under two subjects",
        "error",
        "photos.parquet: which files are equal byte by byte",
        "One of the subjects has somebody else's picture, and the split, which keeps subjects "
        "apart, cannot keep the two copies apart.",
        "Keep the photograph where it belongs: `foldgrid data check MANIFEST` names the "
        "rows. Then launch again.",
        _photos,
    ),
    Check(
        "FG105",
        "The fits were trained on the split that is here",
        "error",
        "split.parquet and the split's fingerprint in every fit.json",
        "Who was held out from these fits is not what split.parquet says.",
        "Restore split.parquet, or launch the sweep again: it trains what does not fit.",
        _fingerprint,
    ),
)
