"""A small labelled study of painted skin with flaws at known places."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from tests.data.small_trials import Row, write_csv

LABELS = ("eczema", "psoriasis")
NUM_SUBJECTS, PHOTOS_A_CASE = 6, 4
COLUMNS = ["photo", "subject", "case", "label", "uploaded_by", "grade_a"]


def skin_picture(seed: int, width: int = 160, height: int = 120) -> Image.Image:
    """Skin-coloured patches with fine grain, no two seeds alike."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(120, 230, (5, 6), dtype=np.uint8))
    form = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
    form += random.normal(0, 12, form.shape)
    pixels = np.stack([form, 0.75 * form, 0.62 * form], axis=-1).clip(0, 255)
    return Image.fromarray(pixels.astype(np.uint8))


def make_study(folder: Path) -> tuple[Path, list[Row]]:
    """24 photographs of 6 subjects, a case each: sound, but for what `make_flaws` changes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for number in range(NUM_SUBJECTS * PHOTOS_A_CASE):
        subject = number // PHOTOS_A_CASE
        name = f"{number:02d}.jpg"
        skin_picture(number).save(folder / name, quality=92)
        rows.append(
            {
                "photo": name,
                "subject": f"s{subject}",
                "case": f"c{subject}",
                "label": LABELS[subject % 2],
                "uploaded_by": "clinic",
                "grade_a": "mild" if number % 2 else "",
            }
        )
    return write_csv(folder / "manifest.csv", rows, COLUMNS), rows


def make_flaws(folder: Path) -> dict[str, str]:
    """Spoil photographs of a study; returns the reason by photo."""
    shutil.copy(folder / "00.jpg", folder / "01.jpg")
    skin_picture(4).resize((128, 96)).save(folder / "05.jpg", quality=60)
    shutil.copy(folder / "08.jpg", folder / "12.jpg")
    shutil.copy(folder / "16.jpg", folder / "10.jpg")
    blurred = skin_picture(13).filter(ImageFilter.GaussianBlur(3))
    blurred.save(folder / "13.jpg", quality=92)
    far = Image.fromarray(
        np.random.default_rng(9).normal(150, 12, (120, 160)).clip(0, 255).astype(np.uint8)
    ).convert("RGB")
    far.paste(skin_picture(20, 40, 40), (60, 40))
    far.save(folder / "20.jpg", quality=92)
    return {
        "01.jpg": "copy of another file",
        "05.jpg": "near copy of another picture",
        "08.jpg": "same picture under two labels",
        "12.jpg": "same picture under two labels",
        "10.jpg": "same picture under two subjects",
        "16.jpg": "same picture under two subjects",
        "13.jpg": "blurred",
        "20.jpg": "far away",
    }
