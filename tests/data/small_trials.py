"""Small trials of painted photographs, written with Pillow."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS = [
    "photo",
    "subject",
    "visit",
    "day",
    "region",
    "erythema",
    "induration",
    "scaling",
    "involvement",
]

LABELLED_COLUMNS = ["photo", "subject", "case", "label", "taxonomy", "visit", "day", "grade_a"]

Row = dict[str, Any]
Trial = Callable[..., tuple[Path, list[Row]]]


def paint(seed: int, width: int = 48, height: int = 32) -> Image.Image:
    """A smooth random picture, no two seeds alike."""
    return Image.fromarray(smooth_pixels(seed, width, height))


def smooth_pixels(seed: int, width: int, height: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    scaled = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(scaled)


def write_csv(path: Path, rows: list[Row], columns: list[str] | None = None) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path
