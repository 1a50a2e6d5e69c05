"""What a labelled study holds and what would be left out of it, as facts and as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.exclusions import ExclusionRules, Thresholds, find_reasons, find_thresholds
from foldgrid.data.audit.flow import FlowStep, labelled_flow
from foldgrid.data.audit.image_quality import PhotoExam, examine_photos, quality_of_study
from foldgrid.data.audit.photo_files import describe_files, odd_photos
from foldgrid.data.cache import cache_root
from foldgrid.data.copy_questions import CopyQuestion, copy_questions, describe_questions
from foldgrid.data.fingerprint import hash_photos
from foldgrid.data.manifest.labelled import LabelledManifest
from foldgrid.data.mosaics import Progress
from foldgrid.data.picture_hashes import CopyGroup, copies_of_study, near_copies_note
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem

MAX_GROUPS_NAMED = 12


@dataclass(frozen=True)
class LabelledAudit:
    """The facts of a labelled manifest that reads without mistakes.

    Attributes:
        manifest: The manifest.
        exams: One a photo, in order.
        copies: Pictures that are there more than once.
        exam_pixels: Longer side at which the photos were evaluated.
        thresholds: Where blurred and far away begin in this study.
        reasons: Why each photo would be left out; "" for those that stay.
        flow: The same in numbers.
        questions: Pictures under two subjects or two labels, which only people can answer.
    """

    manifest: LabelledManifest
    exams: tuple[PhotoExam, ...] = field(repr=False)
    copies: tuple[CopyGroup, ...]
    exam_pixels: int
    thresholds: Thresholds
    reasons: NDArray[np.str_] = field(repr=False)
    flow: tuple[FlowStep, ...]
    questions: tuple[CopyQuestion, ...] = ()


def audit_labelled(
    manifest: LabelledManifest,
    rules: ExclusionRules,
    on_progress: Progress | None = None,
    cache: Path | None = None,
) -> LabelledAudit:
    """Examine every photograph, and say what would be left out.

    Args:
        manifest: The checked manifest.
        rules: When a photograph is left out.
        on_progress: Told of photographs examined.
        cache: Where the pictures' hashes are kept for a launch; `cache_root` without.

    Raises:
        InputError: All photographs that cannot be used.
    """
    photos, cache = manifest.photos, cache or cache_root()
    exams, refused, pixels = examine_photos([Path(path) for path in photos["path"]], on_progress)
    if refused:
        rows, names = photos["row"].tolist(), photos["photo"].tolist()
        raise InputError(
            str(manifest.path),
            [
                Problem(f"row {rows[place]}", names[place], problem.reason)
                for place, problem in sorted(refused.items())
            ],
        )
    paths = [Path(path) for path in photos["path"]]
    hashes = {place: exam.picture_hash_VD for place, exam in enumerate(exams)}
    digests = hash_photos(paths, cache)
    copies = copies_of_study(paths, digests, pixels, cache, hashes=hashes)
    quality_N2 = quality_of_study(paths, digests, pixels, cache, exams=exams)
    thresholds = find_thresholds(quality_N2, rules)
    reasons = find_reasons(photos, quality_N2, copies, thresholds)
    flow = labelled_flow(photos, manifest.described, reasons)
    return LabelledAudit(
        manifest,
        tuple(exams),
        tuple(copies),
        pixels,
        thresholds,
        reasons,
        tuple(flow),
        tuple(copy_questions(photos, copies, "label")),
    )


def describe_labelled_audit(audit: LabelledAudit) -> str:
    """The audit without its flow table, as plain text."""
    manifest, photos = audit.manifest, audit.manifest.photos
    num_cases = photos.loc[photos["case"] != "", "case"].nunique()
    lines = [
        f"{manifest.path}: no mistakes",
        f"  {counted(manifest.num_subjects, 'subject')}, {counted(num_cases, 'case')}, "
        f"{counted(len(photos), 'photo')} "
        f"({sum(exam.facts.num_bytes for exam in audit.exams) / 1e6:,.1f} MB), "
        f"{counted(len(manifest.labels), 'label')}",
        *(f"  {line}" for line in _describe_files(audit.exams)),
        *(f"  {line}" for line in _describe_labels(photos)),
        *(f"  raters    {line}" for line in _describe_raters(manifest)),
    ]
    odd = odd_photos(photos, [exam.facts for exam in audit.exams])
    if warnings := [*manifest.warnings, *odd]:
        lines.append(counted(len(warnings), "warning"))
        lines += [f"  {each.where}  {each.what}  {each.message}" for each in warnings]
    if audit.copies:
        lines.append(counted(len(audit.copies), "picture") + " more than once")
        lines += [f"  {line}" for line in _describe_copies(audit)]
    lines += [f"  {line}" for line in _describe_thresholds(audit)]
    lines += describe_questions(audit.questions)
    return "\n".join(lines)


def _describe_files(exams: Sequence[PhotoExam]) -> list[str]:
    num_timed = sum(exam.taken is not None for exam in exams)
    first, *others = describe_files([exam.facts for exam in exams])
    return [f"{first}, {num_timed} with a time of capture", *others]


def _describe_labels(photos: pd.DataFrame) -> list[str]:
    by_label = photos.groupby("label")
    return [
        f"{label:24} {counted(rows['subject'].nunique(), 'subject')}, "
        f"{counted(rows.loc[rows['case'] != '', 'case'].nunique(), 'case')}, "
        f"{counted(len(rows), 'photo')}"
        for label, rows in by_label
    ]


def _describe_raters(manifest: LabelledManifest) -> list[str]:
    if not manifest.raters:
        return []
    given = manifest.photos[list(manifest.raters)] != ""
    counts = Counter(int(number) for number in given.sum(axis=1))
    return [
        f"{len(manifest.raters)}; "
        + ", ".join(
            f"{counted(count, 'photo')} with {counted(number, 'annotation')}"
            for number, count in sorted(counts.items())
        )
    ]


def _describe_copies(audit: LabelledAudit) -> list[str]:
    photos, lines = audit.manifest.photos, []
    for group in audit.copies[:MAX_GROUPS_NAMED]:
        rows = photos.iloc[list(group.places)]
        cases = rows.loc[rows["case"] != "", "case"].nunique()
        if rows["label"].nunique() > 1:
            across = f"across the labels {', '.join(sorted(rows['label'].unique()))}"
        elif rows["subject"].nunique() > 1:
            across = f"across the subjects {', '.join(sorted(rows['subject'].unique()))}"
        else:
            across = "across cases of one subject" if cases > 1 else "within a case"
            across = across if cases else "within a subject"
        kind = "equal files" if all(group.is_exact[1:]) else "near copies"
        numbers = ", ".join(str(row) for row in rows["row"])
        lines.append(f"rows {numbers}  {kind} {across}: " + " = ".join(rows["photo"]))
    left = len(audit.copies) - MAX_GROUPS_NAMED
    return [*lines, f"… and {left} more"] if left > 0 else lines


def _describe_thresholds(audit: LabelledAudit) -> list[str]:
    thresholds, note = audit.thresholds, near_copies_note(audit.exam_pixels)
    lines = [*thresholds.notes, *([note] if note else [])]
    if thresholds.focus is not None:
        lines.append(
            f"blurred: focus under {thresholds.focus:.1f} (variance of the Laplacian at "
            f"{audit.exam_pixels} pixels)"
        )
    if thresholds.skin_fraction is not None:
        lines.append(
            f"far away: under {thresholds.skin_fraction:.0%} of the picture of skin colour"
        )
    return lines
