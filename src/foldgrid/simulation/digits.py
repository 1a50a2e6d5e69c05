"""Real pictures that everybody has: scikit-learn's handwritten digits, as a user's own would lie.

Knows the scans and the folder; trains nothing.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from foldgrid.simulation.folder import MANIFEST_FILE, describe_settings, write_complete_folder

ENLARGED = 4
"""Pixels a side for each of a scan's, so that the 8x8 scans are above the smallest picture."""
DIGITS_VERSION = 1


def write_digits(folder: Path) -> Path:
    """Write the optical digits (UCI ML, CC BY 4.0): 1,797 PNG files of 32x32 pixels, a manifest.

    Each scan is its own subject. The 13 people who wrote these digits cannot be distinguished in
    the file that scikit-learn ships, so one writer's scans are in training and test, and what is
    measured is optimistic for new writers: the column ``person_unknown`` says so to whoever reads
    the manifest.

    Args:
        folder: A new or empty folder, or one that holds them already.

    Returns:
        The path of the manifest: ``photo``, ``subject``, ``label`` and ``person_unknown``.

    Raises:
        InputError: The folder holds something else.

    Source: Alpaydin and Kaynak 1998, doi:10.24432/C50P49.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     path = write_digits(Path(folder))
        ...     print(path.read_text().splitlines()[1], len(list(path.parent.glob("scans/*.png"))))
        scans/0001.png,0001,0,writer 1797
    """

    def fill(workplace: Path) -> None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        # From 0 to 16 levels of ink to 0 to 255.
        scans_NHW = np.rint(digits.images * 255 / 16).astype(np.uint8)
        (workplace / "scans").mkdir()
        with (workplace / MANIFEST_FILE).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["photo", "subject", "label", "person_unknown"])
            for number, scan_HW in enumerate(scans_NHW, start=1):
                photo = f"scans/{number:04d}.png"
                large_HW = np.kron(scan_HW, np.ones((ENLARGED, ENLARGED), dtype=np.uint8))
                Image.fromarray(large_HW).save(workplace / photo)
                writer.writerow([photo, f"{number:04d}", digits.target[number - 1], "writer"])

    content = {"example": "digits", "version": DIGITS_VERSION, "licence": "CC BY 4.0"}
    return write_complete_folder(folder, describe_settings(content), fill)
