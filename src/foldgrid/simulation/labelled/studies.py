"""The simulated studies by name, and how the photographs of one are taken."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foldgrid.simulation.labelled.aidda import AIDDA
from foldgrid.simulation.labelled.referable_dr import REFERABLE_DR
from foldgrid.simulation.labelled.shots import Study, StudyShot, StudyStream, studio_of, traits_of
from foldgrid.simulation.labelled.skin_taxonomy import SKIN_TAXONOMY
from foldgrid.simulation.labelled.skin_thickness import SKIN_THICKNESS
from foldgrid.simulation.labelled.ssc_skin import SSC_SKIN
from foldgrid.simulation.pasi.camera import develop, store
from foldgrid.simulation.pasi.session import OPENING, aim
from foldgrid.simulation.pasi.streams import stream
from foldgrid.specs.synthetic import StudyName, StudySettings

STUDIES: dict[StudyName, Study] = {
    "ssc_skin": SSC_SKIN,
    "aidda": AIDDA,
    "referable_dr": REFERABLE_DR,
    "skin_taxonomy": SKIN_TAXONOMY,
    "skin_thickness": SKIN_THICKNESS,
}
BLUR_PIXELS = 2.6
"""Standard deviation of a blurred photograph's blur, at a side of 160 pixels."""


def take_photographs(folder: Path, settings: StudySettings, shots: Sequence[StudyShot]) -> int:
    """Paint, expose and store photographs; returns how many."""
    for shot in shots:
        _take(folder / shot.path, settings, shot)
    return len(shots)


def _take(path: Path, settings: StudySettings, shot: StudyShot) -> None:
    rows, cols = settings.photo_height, settings.photo_width
    radiance = STUDIES[settings.study].paint(settings, shot, rows, cols)
    rng = stream(settings.seed, StudyStream.CAMERA, shot.picture)
    studio = studio_of(settings, shot)
    taken = OPENING + timedelta(days=shot.day, minutes=studio.minute, seconds=11 * shot.picture)
    camera = aim(rng, traits_of(settings, shot), studio, 1, taken)
    if shot.flaw == "blurred":
        camera = replace(camera, blur=BLUR_PIXELS * max(rows, cols) / 160)
    picture = develop(radiance, cols, rows, camera, rng)
    quality = settings.jpeg_quality
    if shot.flaw == "near copy":
        picture, quality = _shrunk(picture), max(30, quality - 25)
    store(picture, path, camera, quality)


def _shrunk(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture as a messenger sends it on: four fifths of its size."""
    rows, cols = picture.shape[:2]
    size = (max(32, cols * 4 // 5), max(32, rows * 4 // 5))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def write_manifest(path: Path, study: Study, shots: Sequence[StudyShot]) -> None:
    """Write the table of the photographs."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["photo", *study.columns])
        writer.writerows([shot.path, *shot.cells] for shot in shots)
