"""A sheet of composites with their names and scores, to see what a network sees.

Knows a data set's samples and pictures; writes nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from foldgrid.data.dataset import Dataset
from foldgrid.data.manifest_rows import SCORES

COLUMNS = 6
SIDE_PIXELS = 192
"""About how large a composite is shown; whole multiples only, so that its pixels stay visible."""

CAPTION_PIXELS = 34
GAP_PIXELS = 8
PAPER, INK, FAINT = (250, 249, 247), (30, 30, 32), (120, 120, 124)


def draw_composite_sheet(dataset: Dataset, most: int) -> Image.Image:
    """Draw composites, evenly spaced over the data set, under each its sample and scores.

    Args:
        dataset: The samples and their pictures.
        most: Composites shown at most, at least 1.
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
        picture = Image.fromarray(dataset.composites_NHWC[index])
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
