"""A labelled sheet of photographs with their scores, for people to inspect a simulation by eye.

Reads a manifest and its photographs and nothing else, so it serves real photographs too.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

from PIL import Image, ImageDraw, ImageFont, ImageOps

from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.tasks.pasi.arithmetic import REGION_WEIGHTS, SCORES, composite_score, pasi

_Tiles: TypeAlias = dict[str, list[Image.Image]]
T = TypeVar("T")
_PAPER, _INK, _FAINT = (250, 249, 247), (30, 30, 32), (120, 120, 124)


@dataclass
class _SheetVisit:
    """One row of the sheet."""

    subject: str
    visit: str
    day: str
    photos: dict[str, list[str]] = field(default_factory=dict)
    scores: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def pasi(self) -> float:
        composites = {region: composite_score(*s) for region, s in self.scores.items()}
        return float(pasi(composites))


def contact_sheet(
    manifest_path: Path,
    output_png: Path,
    num_subjects: int = 5,
    visits_a_subject: int = 3,
    tile_height: int = 128,
    subjects: Sequence[str] | None = None,
) -> Path:
    """Write a PNG: a row for each visit, its photographs upright, the scores under each region.

    Args:
        manifest_path: A manifest with scores.
        output_png: The picture to write.
        num_subjects: Subjects shown, evenly spaced from the most to the least severe at baseline.
        visits_a_subject: Visits shown of each, evenly spaced from the first to the last.
        tile_height: Height of a photograph on the sheet in pixels.
        subjects: The subjects to show instead, by name.

    Returns:
        `output_png`.

    Raises:
        InputError: A name in `subjects` is not in the manifest.
    """
    everyone = _read(manifest_path)
    if subjects is None:
        ranked = sorted(everyone, key=lambda name: -everyone[name][0].pasi)
        subjects = _spaced(ranked, num_subjects)
    unknown = [name for name in subjects if name not in everyone]
    if unknown:
        problems = [
            Problem("subject", name, f"not in the manifest. {did_you_mean(name, everyone)}")
            for name in unknown
        ]
        raise InputError(str(manifest_path), problems)
    visits = [v for name in subjects for v in _spaced(everyone[name], visits_a_subject)]
    sheet = _draw(visits, manifest_path.parent, tile_height)
    output_png.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(output_png)
    return output_png


def _read(manifest_path: Path) -> dict[str, list[_SheetVisit]]:
    everyone: dict[str, dict[str, _SheetVisit]] = {}
    with manifest_path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            visits = everyone.setdefault(row["subject"], {})
            new = _SheetVisit(row["subject"], row["visit"], row.get("day", ""))
            visit = visits.setdefault(row["visit"], new)
            visit.photos.setdefault(row["region"], []).append(row["photo"])
            visit.scores[row["region"]] = tuple(int(row[name]) for name in SCORES)
    return {name: list(visits.values()) for name, visits in everyone.items()}


def _spaced(items: Sequence[T], number: int) -> list[T]:
    """Pick `number` items, evenly spaced, first and last included."""
    if number >= len(items):
        return list(items)
    if number == 1:
        return [items[0]]
    return [items[round(i * (len(items) - 1) / (number - 1))] for i in range(number)]


def _draw(visits: Sequence[_SheetVisit], folder: Path, tile_height: int) -> Image.Image:
    gap, caption, margin = 4, 18, 96
    rows = [_load_visit(visit, folder, tile_height) for visit in visits]
    lefts, width = _columns(rows, margin, gap)
    pitch = tile_height + caption + gap
    sheet = Image.new("RGB", (width, len(rows) * pitch + gap), _PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, small = ImageFont.load_default(size=15), ImageFont.load_default(size=11)
    for number, (visit, tiles) in enumerate(zip(visits, rows, strict=True)):
        top = gap + number * pitch
        draw.text((8, top + 4), f"{visit.subject} {visit.visit}", fill=_INK, font=bold)
        draw.text((8, top + 26), f"day {visit.day}", fill=_FAINT, font=small)
        draw.text((8, top + 42), f"PASI {visit.pasi:.1f}", fill=_INK, font=bold)
        for region, pictures in tiles.items():
            below = lefts[region][0], top + tile_height + 1
            draw.text(below, _caption(visit, region), fill=_FAINT, font=small)
            for left, picture in zip(lefts[region], pictures, strict=False):
                sheet.paste(picture, (left, top))
    return sheet


def _columns(rows: Sequence[_Tiles], margin: int, gap: int) -> tuple[dict[str, list[int]], int]:
    """Place the columns so that regions stand under each other although photographs miss.

    Returns:
        The left edges of each region's columns, and the sheet's width.
    """
    lefts: dict[str, list[int]] = {}
    place = margin
    for region in REGION_WEIGHTS:
        pictures = [row.get(region, []) for row in rows]
        widest = max((picture.width for some in pictures for picture in some), default=0)
        for _ in range(max((len(some) for some in pictures), default=0)):
            lefts.setdefault(region, []).append(place)
            place += widest + gap
    return lefts, place


def _load_visit(visit: _SheetVisit, folder: Path, tile_height: int) -> _Tiles:
    return {
        region: [_load(folder / photo, tile_height) for photo in sorted(photos)]
        for region, photos in visit.photos.items()
    }


def _caption(visit: _SheetVisit, region: str) -> str:
    erythema, induration, scaling, involvement = visit.scores[region]
    return f"{region.split('_')[0]}  E{erythema} I{induration} S{scaling}  area {involvement}"


def _load(path: Path, tile_height: int) -> Image.Image:
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    width = max(1, round(upright.width * tile_height / upright.height))
    return upright.resize((width, tile_height), Image.Resampling.LANCZOS)
