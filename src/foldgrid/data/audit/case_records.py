"""Uniform records of a study's photographs: case, upload, review, picture; and the kept manifest.

Both name subjects and files: they are for the machine on which the photographs are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foldgrid.data.audit.image_quality import PhotoExam
from foldgrid.data.cache import write_whole
from foldgrid.data.manifest.labelled import LabelledManifest
from foldgrid.data.manifest.rows import DESCRIPTIONS
from foldgrid.data.manifest.table import read_table
from foldgrid.data.picture_hashes import CopyGroup
from foldgrid.specs.errors import SweepError


def case_records(
    manifest: LabelledManifest,
    exams: Sequence[PhotoExam],
    copies: Sequence[CopyGroup],
    reasons: NDArray[np.str_],
) -> pd.DataFrame:
    """A row a photograph, with the same columns for every study; text is "" where not known.

    Returns:
        Who and what (``photo``, ``subject``, ``case``, ``label``, ``taxonomy``, ``visit``,
        ``day``), the describing columns of the contract, the raters', and of the picture:
        ``format``, ``width``, ``height``, ``num_bytes``, ``sha1``, ``taken`` (ISO, local time),
        ``focus``, ``skin_share``, ``picture_hash``, ``copy_of`` (the first photo of the same
        picture) and ``excluded`` (the reason).
    """
    photos = manifest.photos
    names = photos["photo"].tolist()
    copy_of = dict.fromkeys(range(len(names)), "")
    for group in copies:
        copy_of |= dict.fromkeys(group.places[1:], names[group.places[0]])
    given = photos.reindex(
        columns=["photo", "subject", "case", "label", "taxonomy", "visit", "day"]
    )
    described = {
        name: photos[name].tolist() if name in photos else [""] * len(names)
        for name in (*DESCRIPTIONS, *manifest.raters)
    }
    return given.assign(
        **described,
        format=[exam.facts.format for exam in exams],
        width=[exam.facts.width for exam in exams],
        height=[exam.facts.height for exam in exams],
        num_bytes=[exam.facts.num_bytes for exam in exams],
        sha1=[exam.sha1 for exam in exams],
        taken=[exam.taken.isoformat() if exam.taken else "" for exam in exams],
        focus=[round(exam.focus, 3) for exam in exams],
        skin_share=[round(exam.skin_fraction, 4) for exam in exams],
        picture_hash=[exam.picture_hash_VD[0].tobytes().hex() for exam in exams],
        copy_of=list(copy_of.values()),
        excluded=reasons.tolist(),
    )


def _as_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _as_parquet(table: pd.DataFrame) -> bytes:
    stream = io.BytesIO()
    table.to_parquet(stream, index=False)
    return stream.getvalue()


def _as_json(table: pd.DataFrame) -> bytes:
    rows = [
        {str(key): None if value != value else value for key, value in row.items()}
        for row in table.to_dict(orient="records")
    ]
    return (json.dumps(rows, indent=1, ensure_ascii=False) + "\n").encode()


RECORD_FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    ".csv": _as_csv,
    ".parquet": _as_parquet,
    ".json": _as_json,
}
KEPT_FORMATS = (".csv", ".parquet")


def check_output(option: str, path: Path, manifest: LabelledManifest, kinds: Sequence[str]) -> None:
    """Refuse an output's path before any work is done.

    Raises:
        SweepError: Its kind is unknown, its folder is missing, or it is one of the inputs.
    """
    if path.suffix.lower() not in kinds:
        allowed = ", ".join(kinds)
        raise SweepError(f'{option}: found "{path}". Give it a name that ends in {allowed}.')
    if not path.absolute().parent.is_dir():
        raise SweepError(f'{option}: found "{path}", and its folder is not there. Make it first.')
    inputs = {manifest.path.resolve(), *map(Path, manifest.photos["path"])}
    if path.resolve() in inputs:
        raise SweepError(f'{option}: "{path}" is an input and stays as it is. Name another.')


def check_kept_folder(option: str, path: Path, manifest: LabelledManifest) -> None:
    """Refuse a kept manifest outside the manifest's folder, where its paths are relative to that.

    Raises:
        SweepError: It would lie elsewhere, and the photographs' folder was not named.
    """
    is_own = manifest.folder.resolve() == manifest.path.absolute().parent.resolve()
    if is_own and path.absolute().parent.resolve() != manifest.folder.resolve():
        raise SweepError(
            f'{option}: found "{path}". Its paths are relative to {manifest.folder}: put it there, '
            "or name the folder with --photos."
        )


def write_records(path: Path, records: pd.DataFrame) -> None:
    """Write records whole, for the user's eyes only; how, the name's ending says."""
    _write_private(path, RECORD_FORMATS[path.suffix.lower()](records))


def write_kept(path: Path, manifest: LabelledManifest, is_kept: NDArray[np.bool_]) -> None:
    """Write the manifest without the excluded rows, all other cells as they were.

    Args:
        path: A CSV or Parquet file in the manifest's folder.
        manifest: The checked manifest.
        is_kept: For each of its photos.
    """
    table = read_table(manifest.path)
    rows = [row for row, kept in zip(table.rows, is_kept, strict=True) if kept]
    if path.suffix.lower() == ".parquet":
        content = _as_parquet(pd.DataFrame(rows, columns=table.columns))
    else:
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([table.columns, *rows])
        content = stream.getvalue().encode()
    _write_private(path, content)


def _write_private(path: Path, content: bytes) -> None:
    write_whole(path, content)
    path.chmod(0o600)
