"""A study of small photographs, as somebody brings their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

HEADER = "photo,subject,visit,day,region,erythema,induration,scaling,involvement\n"


def write_study(
    folder: Path, num_subjects: int = 6, edit: Callable[[list[str]], None] | None = None
) -> Path:
    """Writes photographs and their manifest, whose lines ``edit`` may change; returns its path."""
    folder.mkdir(exist_ok=True)
    lines = []
    for subject in range(num_subjects):
        for region in ("upper_extremities", "trunk", "lower_extremities"):
            name = f"s{subject}-{region}.jpg"
            Image.new("RGB", (48, 32), (200, 150, 10 * subject)).save(folder / name)
            lines.append(f"{name},S{subject},V1,0,{region},1,1,1,{1 + subject % 3}")
    if edit:
        edit(lines)
    path = folder / "manifest.csv"
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path
