"""A trial on disk: the photographs, `manifest.csv` and `settings.json`, complete or not at all."""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from foldgrid.simulation.folder import (
    MANIFEST_FILE,
    describe_settings,
    draw_all,
    write_complete_folder,
)
from foldgrid.specs.synthetic import TrialSettings

if TYPE_CHECKING:
    from foldgrid.simulation.pasi.plan import PlannedVisit

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
        on_progress: Called after each subject with photographs done and photographs in all.

    Returns:
        The path of the manifest.

    Raises:
        InputError: `folder` holds something else.
        ValueError: `num_processes` is below 1.
    """
    if num_processes < 1:
        raise ValueError(f"num_processes: found {num_processes}. Give 1 or more.")

    def fill(workplace: Path) -> None:
        # Imported here: a trial that is complete already needs no painter.
        from foldgrid.simulation.pasi.plan import plan_photographs
        from foldgrid.simulation.pasi.session import photograph_subject

        plan = plan_photographs(settings)
        for visit in plan:
            (workplace / visit.photos[0].path).parent.mkdir(parents=True)
        total = sum(len(visit.photos) for visit in plan)
        subjects = [list(visits) for _, visits in groupby(plan, lambda visit: visit.subject)]
        tasks = [(workplace, visits, settings) for visits in subjects]
        draw_all(photograph_subject, tasks, total, num_processes, on_progress)
        _write_manifest(workplace / MANIFEST_FILE, plan)

    content = {"simulation_version": SIMULATION_VERSION, **settings.model_dump()}
    return write_complete_folder(folder, describe_settings(content), fill)


def _write_manifest(path: Path, plan: tuple[PlannedVisit, ...]) -> None:
    from foldgrid.simulation.pasi.plan import subject_name, visit_name

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
