"""A trial on disk: the photographs, `manifest.csv` and `settings.json`, complete or not at all."""

from __future__ import annotations

import csv
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from joblib import Parallel, delayed

from foldgrid.data.synthetic_pasi.plan import (
    PlannedVisit,
    plan_photographs,
    subject_name,
    visit_name,
)
from foldgrid.data.synthetic_pasi.session import photograph_visit
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.synthetic import TrialSettings

SIMULATION_VERSION = 1
"""Raised whenever the same settings would give other pictures or scores."""

MANIFEST_COLUMNS = (
    "photo", "subject", "visit", "day", "region",
    "erythema", "induration", "scaling", "involvement",
)  # fmt: skip


def synthesize_trial(
    folder: Path,
    settings: TrialSettings,
    num_processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a simulated PASI trial: JPEG photographs, `manifest.csv`, `settings.json`.

    Everything is made in a hidden sibling folder, renamed at the end: a trial's folder exists if
    and only if the trial is complete. A complete trial of the same settings is left as it is.

    Args:
        folder: Where to; its parents are made. It may exist if it is empty or this very trial.
        settings: What to simulate. Equal settings give equal bytes.
        num_processes: Processes that draw photographs, at least 1; no influence on the result.
        on_progress: Called after each visit with photographs done and photographs in all.

    Returns:
        The path of the manifest.

    Raises:
        InputError: `folder` holds something else.
        ValueError: `num_processes` is below 1.
    """
    if num_processes < 1:
        raise ValueError(f"num_processes: found {num_processes}. Give 1 or more.")
    # Absolute, because the processes that draw may have started in another folder.
    folder = Path(folder).absolute()
    if is_complete(folder, settings):
        return folder / "manifest.csv"
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        found = "holds another trial" if (folder / "settings.json").is_file() else "is not empty"
        raise InputError(
            str(folder),
            [Problem("folder", "", f"{found}. A trial is written into a new or an empty folder.")],
            "Name another folder, or remove this one.",
        )
    plan = plan_photographs(settings)
    with _renamed_when_complete(folder, settings) as workplace:
        for visit in plan:
            (workplace / visit.photos[0].path).parent.mkdir(parents=True)
        _photograph_all(workplace, plan, settings, num_processes, on_progress)
        _write_manifest(workplace / "manifest.csv", plan)
        (workplace / "settings.json").write_text(_describe(settings), encoding="utf-8")
    return folder / "manifest.csv"


def is_complete(folder: Path, settings: TrialSettings) -> bool:
    """Tell whether a folder holds the trial of exactly these settings."""
    written = folder / "settings.json"
    if not (written.is_file() and (folder / "manifest.csv").is_file()):
        return False
    return written.read_text(encoding="utf-8") == _describe(settings)


def _photograph_all(
    folder: Path,
    plan: tuple[PlannedVisit, ...],
    settings: TrialSettings,
    num_processes: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    total, done = sum(len(visit.photos) for visit in plan), 0
    tasks = [(folder, visit, settings) for visit in plan]
    if num_processes == 1:
        for task in tasks:
            done += photograph_visit(*task)
            if on_progress:
                on_progress(done, total)
        return
    # joblib starts fresh processes (the caller may have threads running, of torch or Ray) and,
    # unlike multiprocessing, without importing the caller's script again.
    pool = Parallel(n_jobs=num_processes, return_as="generator_unordered")
    for number in pool(delayed(photograph_visit)(*task) for task in tasks):
        done += number
        if on_progress:
            on_progress(done, total)


def _write_manifest(path: Path, plan: tuple[PlannedVisit, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(MANIFEST_COLUMNS)
        for planned in plan:
            who, visit = subject_name(planned.subject), planned.visit
            for photo in planned.photos:
                region = photo.view.region
                scores = visit.regions[region].scores
                when = (visit_name(visit.number), visit.day)
                writer.writerow([photo.path, who, *when, region, *scores])


def _describe(settings: TrialSettings) -> str:
    content = {"simulation_version": SIMULATION_VERSION, **settings.model_dump()}
    return json.dumps(content, indent=2) + "\n"


@contextmanager
def _renamed_when_complete(folder: Path, settings: TrialSettings) -> Iterator[Path]:
    """Give a workplace beside `folder` that takes its name at the end, or vanishes on failure."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    workplace = folder.parent / f".{folder.name}.partial-{os.getpid()}-{secrets.token_hex(4)}"
    workplace.mkdir()
    try:
        yield workplace
        try:
            workplace.rename(folder)
        except OSError:
            # Somebody else finished the same trial first: theirs is as good.
            if not is_complete(folder, settings):
                raise
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
