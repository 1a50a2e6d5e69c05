"""A simulated study on disk: JPEG photographs, `manifest.csv` and `settings.json`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foldgrid.simulation.folder import (
    MANIFEST_FILE,
    describe_settings,
    draw_all,
    write_complete_folder,
)
from foldgrid.specs.synthetic import StudySettings

STUDY_VERSION = 2
"""Raised whenever the same settings would give other pictures or labels."""

SHOTS_A_TASK = 12


def synthesize_study(
    folder: Path,
    settings: StudySettings,
    num_processes: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a simulated study: complete or not at all, the same bytes for the same settings.

    Args:
        folder: Where to; it may exist if it is empty or this very study.
        settings: What to simulate.
        num_processes: Processes that draw photographs, at least 1; no influence on the result.
        on_progress: Called with photographs done and photographs in all.

    Returns:
        The path of the manifest.

    Raises:
        InputError: `folder` holds something else.
    """

    def fill(workplace: Path) -> None:
        # Imported here: a study that is complete already needs no painter.
        from foldgrid.simulation.labelled.studies import STUDIES, take_photographs, write_manifest

        study = STUDIES[settings.study]
        shots = study.plan(settings)
        for parent in sorted({(workplace / shot.path).parent for shot in shots}):
            parent.mkdir(parents=True)
        tasks = [
            (workplace, settings, shots[start : start + SHOTS_A_TASK])
            for start in range(0, len(shots), SHOTS_A_TASK)
        ]
        draw_all(take_photographs, tasks, len(shots), num_processes, on_progress)
        write_manifest(workplace / MANIFEST_FILE, study, shots)

    content = {"study_version": STUDY_VERSION, **settings.model_dump()}
    return write_complete_folder(folder, describe_settings(content), fill)
