"""What a study's photographs are as files: kinds, sizes, colour profiles, and what is odd in them.

Knows headers, and opens pictures of 16 bits; decides nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from foldgrid.data.cores import num_usable_cores
from foldgrid.data.dataset import Survey, tile_rows
from foldgrid.data.manifest.checks import rows_text
from foldgrid.data.photographs import DEEP_BITS, PhotoFacts, brightest_value
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import PhotoError, Problem

SMALL_RANGE = 16
"""A picture whose brightest value is below this part of its type's was written with fewer bits."""
MOST_EXAMPLES = 3
DICOM_NOTE = (
    "pixels alone are read, no name or date; whether a name is burned into them cannot be seen here"
)


def describe_files(facts: Sequence[PhotoFacts]) -> list[str]:
    """Kinds and sizes, then colour profiles where there are some that are not sRGB."""
    formats = Counter(photo.format for photo in facts).most_common()
    sizes = sorted((photo.width * photo.height, photo.width, photo.height) for photo in facts)
    kinds = ", ".join(f"{count} {name}" for name, count in formats)
    (_, width, height), (_, most_width, most_height) = sizes[0], sizes[-1]
    lines = [f"photos     {kinds}, from {width}x{height} to {most_width}x{most_height} pixels"]
    profiles = Counter(photo.profile for photo in facts if photo.profile)
    if profiles:
        named = ", ".join(f"{count} {name}" for name, count in profiles.most_common())
        lines.append(f"colour     {named}; converted to sRGB, unless data.colour is as_stored")
    if any(name == "DICOM" for name, _ in formats):
        lines.append(f"DICOM      {DICOM_NOTE}")
    return lines


def describe_headers(survey: Survey) -> str:
    """What a manifest and the headers of its photographs say; no pixel is looked at."""
    num_bytes = sum(photo.num_bytes for photo in survey.photo_facts)
    lines = [
        f"{survey.manifest.path}: no mistakes in the table and the headers of the photographs",
        f"  {counted(survey.manifest.num_subjects, 'subject')}, "
        f"{counted(survey.num_photos, 'photo')} ({num_bytes / 1e6:,.1f} MB), "
        f"data {survey.fingerprint}",
        *(f"  {line}" for line in describe_files(survey.photo_facts)),
    ]
    odd = odd_photos(tile_rows(survey), survey.photo_facts, decodes=False)
    warnings = [*survey.manifest.warnings, *odd]
    if warnings:
        lines.append(counted(len(warnings), "warning"))
    lines += [f"  {each.where}  {each.what}  {each.message}" for each in warnings]
    return "\n".join(lines)


def odd_photos(
    photos: pd.DataFrame, facts: Sequence[PhotoFacts], *, decodes: bool = True
) -> list[Problem]:
    """What is odd in photographs that can be used, all with the same fault in one line.

    Args:
        photos: ``row``, ``photo`` and ``path``, a row a photograph.
        facts: The header of each.
        decodes: Whether those of 16 bits are opened, to see how many bits they use.
    """
    places_of: dict[str, list[int]] = {}
    for place, photo in enumerate(facts):
        for oddity in photo.oddities:
            places_of.setdefault(oddity, []).append(place)
    places_of |= _of_few_bits(photos, facts) if decodes else {}
    return [
        Problem(
            rows_text(photos["row"].iloc[places].tolist()),
            "photo",
            f"{_examples(photos['photo'].iloc[places].tolist())}: {oddity}.",
        )
        for oddity, places in places_of.items()
    ]


def _examples(names: Sequence[str]) -> str:
    shown = ", ".join(f'"{name}"' for name in names[:MOST_EXAMPLES])
    left = len(names) - MOST_EXAMPLES
    return f"{shown} and {left:,} more" if left > 0 else shown


def _of_few_bits(photos: pd.DataFrame, facts: Sequence[PhotoFacts]) -> dict[str, list[int]]:
    deep = [place for place, photo in enumerate(facts) if photo.is_deep]
    paths = [Path(photos["path"].iloc[place]) for place in deep]
    with ThreadPoolExecutor(num_usable_cores()) as pool:
        brightest = list(pool.map(_brightest, paths))
    dark = [
        place
        for place, value in zip(deep, brightest, strict=True)
        if value < 2**DEEP_BITS // SMALL_RANGE
    ]
    if not dark:
        return {}
    most = max(brightest)
    advice = (
        f"16 bits a pixel, of which these use a sixteenth or less (the brightest of all "
        f"{counted(len(deep), 'such photograph')} is {most:,} of 65,535), so they are nearly "
        "black. Set data.bits to auto, or to the camera's bits"
    )
    return {advice: dark}


def _brightest(path: Path) -> int:
    try:
        return brightest_value(path)
    except PhotoError:
        # Told elsewhere: whoever decodes the picture refuses it by name.
        return int(2**DEEP_BITS - 1)
