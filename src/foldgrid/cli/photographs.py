"""``foldgrid data …``: photographs and manifests, before anything is trained."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from foldgrid.cli.labelled import PLAIN_CHECK, StudyCheck, check_labelled
from foldgrid.cli.synthesis import (
    PUBLISHED_TRIAL,
    AnyStudy,
    TrialOptions,
    synthesize_pasi,
    synthesize_single,
)
from foldgrid.cli.terminal import photograph_progress, require_png, writing
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import DataSpec, SplitSpec

if TYPE_CHECKING:
    from foldgrid.data.dataset import Survey
    from foldgrid.data.picture_hashes import CopyGroup

TilePixels = Annotated[int, Parameter(validator=Number(gte=8, lte=1024))]
Folds = Annotated[int, Parameter(validator=Number(gte=2, lte=50))]
Most = Annotated[int, Parameter(validator=Number(gte=1, lte=1000))]

app = App(name="data", help="Make, check and prepare photographs.")


@app.command
def synthesize(
    folder: Path,
    /,
    *,
    study: AnyStudy = "pasi",
    trial: Annotated[TrialOptions, Parameter(name="*")] = PUBLISHED_TRIAL,
    contact_sheet: Path | None = None,
) -> None:
    """Write a simulated study into a folder, as a user's own photographs would lie there.

    Args:
        folder: A new or empty folder: photos/, manifest.csv and settings.json go there.
        study: The PASI trial, or one of the studies of single photographs: skin of systemic
            sclerosis by stage or by skin score, inflammatory skin in cases, fundus photographs
            with raters, a hierarchy of lesions. These take the seed, the number of subjects, the
            photograph's size and the JPEG quality; their own defaults are smaller.
        trial: What to simulate.
        contact_sheet: A PNG to write besides: some photographs with their scores, labels or
            values.
    """
    if contact_sheet is not None:
        require_png("--contact-sheet", contact_sheet)
    if study == "pasi":
        synthesize_pasi(folder, trial, contact_sheet)
    else:
        synthesize_single(folder, study, trial, contact_sheet)


@app.command
def example(folder: Path, /) -> None:
    """Write real pictures into a folder, as a user's own would lie there: handwritten digits.

    1,797 scans that come with scikit-learn (UCI ML, CC BY 4.0), labels 0 to 9. Who wrote them is
    not known, so values are optimistic for new writers.

    Args:
        folder: A new or empty folder: scans/, manifest.csv and settings.json go there.
    """
    from foldgrid.simulation.digits import write_digits

    with writing(folder):
        path = write_digits(folder)
    print(f"{path}: 1,797 photos, 10 labels; the writers are unknown")
    print(f"\nNext:\n  foldgrid data check {path}\n  foldgrid launch digits --data {path}")


@app.command(name="import")
def import_(
    table: Path,
    /,
    *,
    photos: Path,
    columns: str = "",
    output: Path | None = None,
) -> None:
    """Turn a table as it was downloaded (HAM10000, ISIC, APTOS, one-hot) into a manifest.

    The files' endings and folders are found. Where the table does not tell the patients, lesions or
    photographs are held out in their place, and the manifest says so.

    Args:
        table: A CSV, a Parquet file or a workbook, one row a photo.
        photos: The folder with the photographs, at any depth.
        columns: The manifest's columns with the table's, as in
            photo=image_id,label=dx,subject=patient_id; what is left out is found by its name.
        output: The manifest to write; without it manifest.csv in the photographs' folder.
    """
    from foldgrid.data.manifest.public_tables import describe_import, import_table

    output = output or photos / "manifest.csv"
    if output.exists():
        raise SweepError(f"--output: {output} is there already. Name another, or remove it.")
    imported = import_table(table, photos, named_columns(columns))
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        imported.rows.to_csv(output, index=False, lineterminator="\n")
        output.chmod(0o600)
    for line in describe_import(imported):
        print(line)
    is_beside = output.absolute().parent.resolve() == photos.absolute().resolve()
    where = "" if is_beside else f" --photos {shlex.quote(str(photos))}"
    print(f"{output}: {counted(len(imported.rows), 'photo')}")
    print(f"\nNext:\n  foldgrid data check {shlex.quote(str(output))}{where}")


def named_columns(words: str) -> dict[str, str]:
    """``photo=image_id,label=dx`` as a mapping.

    Raises:
        SweepError: A part is no pair of names.
    """
    pairs = [part.partition("=") for part in words.split(",") if part.strip()]
    for ours, sign, theirs in pairs:
        if not (sign and ours.strip() and theirs.strip()):
            raise SweepError(
                f'--columns: found "{ours}{sign}{theirs}". Pairs are needed, the column of the '
                "manifest first: photo=image_id,label=dx,subject=patient_id."
            )
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}


@app.command
def check(
    manifest: Path,
    /,
    *,
    folds: Folds = 5,
    photos: Path | None = None,
    headers_only: Annotated[bool, Parameter(negative=())] = False,
    study: Annotated[StudyCheck, Parameter(name="*")] = PLAIN_CHECK,
) -> int:
    """Check a manifest and its photographs, and say what is there.

    Exit code 1: a picture, or its near copy, lies under two subjects, two labels or two values.
    A labelled manifest (a label instead of region and scores) is also searched for blurred and
    far-away shots; nothing is deleted.

    Args:
        manifest: A CSV or Parquet file, one row a photo.
        folds: The folds to train with; they and the test set need enough subjects.
        photos: The folder that the manifest's paths are relative to, where it is not its own.
        headers_only: Read the table and the photographs' headers alone, and look at no pixel: for
            a first look at many.
        study: What else to do with a labelled manifest.
    """
    from foldgrid.data.manifest.checks import manifest_kind
    from foldgrid.data.manifest.table import read_table

    kind = manifest_kind(read_table(manifest).columns)
    if headers_only:
        return check_headers(manifest, kind, folds, study, photos)
    if kind == "single":
        return check_labelled(manifest, folds, study, photos)
    study.refuse_unlabelled(manifest, kind)
    return {"mosaics": check_scored, "measured": check_measured}[kind](manifest, folds, photos)


def check_headers(
    manifest: Path, kind: SampleKind, folds: int, study: StudyCheck, photos: Path | None
) -> int:
    """Check a manifest of any kind without decoding a photograph."""
    from foldgrid.data.audit.photo_files import describe_headers
    from foldgrid.data.cache import cache_root
    from foldgrid.data.splits import check_enough_subjects
    from foldgrid.simulation.source import survey_data

    if study.model_fields_set:
        options = ", ".join(
            f"--{name.replace('_', '-')}" for name in sorted(study.model_fields_set)
        )
        raise SweepError(f"--headers-only looks at no pixel: leave out {options}.")
    data = DataSpec(manifest=manifest, photos=photos)
    with photograph_progress("Reading photographs") as on_progress:
        survey = survey_data(data, cache_root(), on_progress, photographs=kind)
    print(describe_headers(survey))
    check_enough_subjects(survey.manifest, SplitSpec(num_folds=folds))
    return 0


def check_measured(manifest: Path, folds: int, photos: Path | None = None) -> int:
    """Check a manifest of photographs with values, as `check` does."""
    from foldgrid.data.audit.measured import describe_measured
    from foldgrid.data.cache import cache_root
    from foldgrid.data.splits import check_enough_subjects
    from foldgrid.simulation.source import survey_data

    data = DataSpec(manifest=manifest, photos=photos)
    survey = survey_data(data, cache_root(), photographs="measured")
    copies = compared(survey)
    print(describe_measured(survey))
    rc = ask_of_copies(survey, copies, "value")
    check_enough_subjects(survey.manifest, SplitSpec(num_folds=folds))
    print(f"{survey.manifest.num_subjects} subjects are enough for {folds} folds and a test set.")
    return rc


def check_scored(manifest: Path, folds: int, photos: Path | None = None) -> int:
    """Check a manifest of regions with scores, as `check` does."""
    from foldgrid.data.audit.scored import audit_survey, describe_audit
    from foldgrid.data.cache import cache_root
    from foldgrid.data.splits import check_enough_subjects
    from foldgrid.simulation.source import survey_data

    survey = survey_data(DataSpec(manifest=manifest, photos=photos), cache_root())
    audit, copies = audit_survey(survey), compared(survey)
    print(describe_audit(audit))
    rc = ask_of_copies(survey, copies)
    check_enough_subjects(survey.manifest, SplitSpec(num_folds=folds))
    print(f"{audit.num_subjects} subjects are enough for {folds} folds and a test set.")
    where = "" if photos is None else f" --photos {shlex.quote(str(photos))}"
    print(f"\nNext:\n  foldgrid launch quickstart --data {shlex.quote(str(manifest))}{where}")
    return rc


def compared(survey: Survey) -> list[CopyGroup]:
    """The copies among a survey's photographs, each of which is decoded for it.

    Raises:
        InputError: One cannot be decoded.
    """
    from foldgrid.data.dataset import find_survey_copies

    with photograph_progress("Comparing photographs") as on_progress:
        return find_survey_copies(survey, on_progress)


def ask_of_copies(survey: Survey, copies: Sequence[CopyGroup], truth: str = "") -> int:
    """Print what copies under two subjects, or two values of ``truth``, ask; 1 where there are any.

    Near copies of one subject are named as well: each counts twice.
    """
    from foldgrid.data.copy_questions import copy_questions, describe_questions, within_subjects
    from foldgrid.data.dataset import tile_rows
    from foldgrid.data.picture_hashes import exam_pixels, near_copies_note

    if note := near_copies_note(exam_pixels(survey.photo_facts)):
        print(f"  {note}")
    rows = tile_rows(survey)
    questions = tuple(copy_questions(rows, copies, truth))
    for line in (*within_subjects(rows, copies), *describe_questions(questions)):
        print(line)
    return int(bool(questions))


@app.command
def cache(manifest: Path, /, *, photos: Path | None = None, tile_pixels: TilePixels = 128) -> None:
    """Decode the photographs now, so that a sweep finds its mosaics ready.

    Args:
        manifest: A CSV or Parquet file, one row a photo, of any kind: with scores photographs
            make mosaics, with labels or values each is kept by itself.
        photos: The folder that the manifest's paths are relative to, where it is not its own.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    from foldgrid.data.cache import cache_root
    from foldgrid.data.dataset import load_mosaics
    from foldgrid.data.manifest.checks import manifest_kind
    from foldgrid.data.manifest.table import read_table
    from foldgrid.simulation.source import survey_data

    kind = manifest_kind(read_table(manifest).columns)
    data = DataSpec(manifest=manifest, photos=photos, tile_pixels=tile_pixels)
    with photograph_progress("Reading photographs") as on_progress:
        survey = survey_data(data, cache_root(), on_progress, photographs=kind)
    was_cached = survey.is_cached
    started = time.perf_counter()
    with photograph_progress("Decoding photographs") as on_progress:
        load_mosaics(survey, on_progress)
    seconds = time.perf_counter() - started
    side = survey.grid * tile_pixels
    what = "mosaics" if survey.grid > 1 else "single photographs"
    print(
        f"data {survey.fingerprint}: {len(survey.samples):,} {what} of {side}x{side} pixels "
        f"from {counted(survey.num_photos, 'photo')}, {survey.mosaics_bytes / 1e6:,.1f} MB"
    )
    done = "already cached" if was_cached else f"decoded in {seconds:.1f} s and cached"
    print(f"{done}: {survey.mosaics_path}")


@app.command(alias="composites")
def mosaics(
    manifest: Path,
    output: Path,
    /,
    *,
    most: Most = 24,
    photos: Path | None = None,
    tile_pixels: TilePixels = 128,
) -> None:
    """Draw mosaics on a sheet, to see what a network sees.

    The sheet names subjects and visits: keep it where the photographs may be kept.

    Args:
        manifest: A CSV or Parquet file, one row a photo; scores may be left out.
        output: The PNG to write.
        most: Mosaics on the sheet, evenly spaced over the data.
        photos: The folder that the manifest's paths are relative to, where it is not its own.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    require_png("OUTPUT", output)
    from foldgrid.data.audit.contact_sheets import draw_mosaic_sheet
    from foldgrid.data.cache import cache_root
    from foldgrid.simulation.source import open_dataset

    data = DataSpec(manifest=manifest, photos=photos, tile_pixels=tile_pixels)
    with photograph_progress("Decoding photographs") as on_progress:
        dataset = open_dataset(data, cache_root(), on_progress, for_training=False)
    sheet = draw_mosaic_sheet(dataset, most)
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(output)
    print(
        f"{output}: {min(most, len(dataset.samples))} of {counted(len(dataset.samples), 'mosaic')}"
    )
