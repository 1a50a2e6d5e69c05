"""A sheet of labelled photographs, a row a class, for people to judge a study by eye.

Reads a checked manifest and its photographs, so it serves real photographs too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from foldgrid.data.labelled import LabelledManifest
from foldgrid.data.photographs import decode_fitted

PAPER, INK, FAINT = (250, 249, 247), (30, 30, 32), (120, 120, 124)
GAP_PIXELS, CAPTION_PIXELS, MARGIN_PIXELS = 6, 16, 170


def draw_labelled_sheet(
    manifest: LabelledManifest, most: int = 8, photo_pixels: int = 128
) -> Image.Image:
    """Draw some photographs of every class, evenly spaced over its rows, in the tree's order.

    Args:
        manifest: The photographs.
        most: Photographs shown of a class, at most.
        photo_pixels: Longer side of a photograph on the sheet.
    """
    photos = manifest.photos.sort_values(["taxonomy", "label"], kind="stable")
    rows = [rows for _, rows in photos.groupby(["taxonomy", "label"], sort=False)]
    pitch = photo_pixels + CAPTION_PIXELS + GAP_PIXELS
    width = MARGIN_PIXELS + most * (photo_pixels + GAP_PIXELS)
    sheet = Image.new("RGB", (width, len(rows) * pitch + GAP_PIXELS), PAPER)
    draw = ImageDraw.Draw(sheet)
    bold, small = ImageFont.load_default(size=13), ImageFont.load_default(size=10)
    for number, same in enumerate(rows):
        top = GAP_PIXELS + number * pitch
        for line, name in enumerate((same["taxonomy"].iloc[0] or same["label"].iloc[0]).split("/")):
            draw.text((8 + 6 * line, top + 4 + 16 * line), name[:22], fill=INK, font=bold)
        draw.text((8, top + 64), f"{len(same)} photos", fill=FAINT, font=small)
        shown = np.unique(np.linspace(0, len(same) - 1, min(most, len(same))).round().astype(int))
        for column, place in enumerate(shown.tolist()):
            row = same.iloc[place]
            picture = Image.fromarray(decode_fitted(Path(row["path"]), photo_pixels))
            left = MARGIN_PIXELS + column * (photo_pixels + GAP_PIXELS)
            sheet.paste(picture, (left, top))
            caption = f"{row['subject']} {row['case']}"
            draw.text((left, top + photo_pixels + 1), caption, fill=FAINT, font=small)
    return sheet
