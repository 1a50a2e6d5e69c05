"""Sheets for people to look at: mosaics with their scores, photographs by their class.

Knows samples and pictures; writes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from foldgrid.data.dataset import Dataset
from foldgrid.data.manifest.rows import SCORES
from foldgrid.data.photographs import decode_fitted
from foldgrid.data.single_photos import band_names, value_bands
from foldgrid.specs.counted import counted

COLUMNS = 6
SIDE_PIXELS = 192
"""About how large a mosaic is shown; whole multiples only, so that its pixels stay visible."""

CAPTION_PIXELS = 34
GAP_PIXELS = 8
PHOTO_GAP, PHOTO_CAPTION, PHOTO_MARGIN = 6, 16, 170
"""The same on a sheet of photographs, and the margin that names their class."""

PAPER, INK, FAINT = (250, 249, 247), (30, 30, 32), (120, 120, 124)


def draw_mosaic_sheet(dataset: Dataset, most: int) -> Image.Image:
    """Draw mosaics, evenly spaced over the data set, under each its sample and scores.

    Args:
        dataset: The samples and their pictures.
        most: Mosaics shown at most, at least 1.
    """
    num_samples = len(dataset.samples)
    shown = np.unique(np.linspace(0, num_samples - 1, min(most, num_samples)).round().astype(int))
    zoom = max(1, round(SIDE_PIXELS / (2 * dataset.tile_pixels)))
    side = zoom * 2 * dataset.tile_pixels
    width, height = side + GAP_PIXELS, side + CAPTION_PIXELS + GAP_PIXELS
    num_rows = -(-len(shown) // COLUMNS)
    size = (min(COLUMNS, len(shown)) * width + GAP_PIXELS, num_rows * height + GAP_PIXELS)
    sheet = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=11)
    rows = dataset.samples.iloc[shown].to_dict(orient="records")
    for place, (index, sample) in enumerate(zip(shown, rows, strict=True)):
        left = GAP_PIXELS + place % COLUMNS * width
        top = GAP_PIXELS + place // COLUMNS * height
        picture = Image.fromarray(dataset.mosaics_NHWC[index])
        sheet.paste(picture.resize((side, side), Image.Resampling.NEAREST), (left, top))
        draw.text((left, top + side + 2), str(sample["sample"]), fill=INK, font=font)
        draw.text((left, top + side + 17), _scores(sample), fill=FAINT, font=font)
    return sheet


def _scores(sample: Mapping[Hashable, Any]) -> str:
    values = [sample[name] for name in SCORES]
    if any(np.isnan(values)):
        return "no scores"
    erythema, induration, scaling, involvement = map(int, values)
    return f"E{erythema} I{induration} S{scaling}  area {involvement}"


def draw_measured_sheet(
    photos: pd.DataFrame, most: int = 8, photo_pixels: int = 128
) -> Image.Image:
    """Draw some photographs of every fifth of the values, from the lowest to the highest.

    Args:
        photos: those of `read_measured_manifest`.
        most: As in `draw_labelled_sheet`.
        photo_pixels: Likewise.
    """
    names = band_names(photos["value"], value_bands(photos["value"]))
    rising = photos.sort_values("value", kind="stable").assign(label=names, taxonomy="")
    return draw_labelled_sheet(rising, most, photo_pixels)


def draw_labelled_sheet(
    photos: pd.DataFrame, most: int = 8, photo_pixels: int = 128
) -> Image.Image:
    """Draw some photographs of every class, evenly spaced over its rows, in the hierarchy's order.

    Args:
        photos: `LabelledManifest.photos`.
        most: Photographs shown of a class, at most.
        photo_pixels: Longer side of a photograph on the sheet.
    """
    photos = photos.sort_values(["taxonomy", "label"], kind="stable")
    rows = [rows for _, rows in photos.groupby(["taxonomy", "label"], sort=False)]
    pitch = photo_pixels + PHOTO_CAPTION + PHOTO_GAP
    width = PHOTO_MARGIN + most * (photo_pixels + PHOTO_GAP)
    sheet = Image.new("RGB", (width, len(rows) * pitch + PHOTO_GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, small = ImageFont.load_default(size=13), ImageFont.load_default(size=10)
    for number, same in enumerate(rows):
        top = PHOTO_GAP + number * pitch
        for line, name in enumerate((same["taxonomy"].iloc[0] or same["label"].iloc[0]).split("/")):
            draw.text((8 + 6 * line, top + 4 + 16 * line), name[:22], fill=INK, font=bold)
        draw.text((8, top + 64), counted(len(same), "photo"), fill=FAINT, font=small)
        shown = np.unique(np.linspace(0, len(same) - 1, min(most, len(same))).round().astype(int))
        for column, place in enumerate(shown.tolist()):
            row = same.iloc[place]
            picture = Image.fromarray(decode_fitted(Path(row["path"]), photo_pixels))
            left = PHOTO_MARGIN + column * (photo_pixels + PHOTO_GAP)
            sheet.paste(picture, (left, top))
            caption = f"{row['subject']} {row['case']}"
            draw.text((left, top + photo_pixels + 1), caption, fill=FAINT, font=small)
    return sheet
