"""``foldgrid data …``: photographs and manifests, before anything is trained."""

from __future__ import annotations

import time
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
from foldgrid.specs.sweep import DataSpec, SplitSpec

if TYPE_CHECKING:
    from foldgrid.data.dataset import Survey

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


@app.command
def check(
    manifest: Path,
    /,
    *,
    folds: Folds = 5,
    study: Annotated[StudyCheck, Parameter(name="*")] = PLAIN_CHECK,
) -> int:
    """Check a manifest and its photographs, and say what is there.

    Exit code 1: a picture, or its near copy, lies under two subjects, two labels or two values.
    A labelled manifest (a label instead of region and scores) is also searched for blurred and
    far-away shots; nothing is deleted.

    Args:
        manifest: A CSV or Parquet file, one row a photo.
        folds: The folds to train with; they and the test set need enough subjects.
        study: What else to do with a labelled manifest.
    """
    from foldgrid.data.manifest.checks import manifest_kind
    from foldgrid.data.manifest.table import read_table

    kind = manifest_kind(read_table(manifest).columns)
    if kind == "single":
        return check_labelled(manifest, folds, study)
    study.refuse_unlabelled(manifest, kind)
    return {"mosaics": check_scored, "measured": check_measured}[kind](manifest, folds)


def check_measured(manifest: Path, folds: int) -> int:
    """Check a manifest of photographs with values, as `check` does."""
    from foldgrid.data.audit.measured import describe_measured
    from foldgrid.data.cache import cache_root
    from foldgrid.data.splits import check_enough_subjects
    from foldgrid.simulation.source import survey_data

    data = DataSpec(manifest=manifest)
    survey = survey_data(data, cache_root(), photographs="measured")
    print(describe_measured(survey))
    rc = ask_of_copies(survey, "value")
    check_enough_subjects(survey.manifest, SplitSpec(num_folds=folds))
    print(f"{survey.manifest.num_subjects} subjects are enough for {folds} folds and a test set.")
    return rc


def check_scored(manifest: Path, folds: int) -> int:
    """Check a manifest of regions with scores, as `check` does."""
    from foldgrid.data.audit.scored import audit_survey, describe_audit
    from foldgrid.data.cache import cache_root
    from foldgrid.data.manifest.scored import read_manifest
    from foldgrid.data.splits import check_enough_subjects
    from foldgrid.simulation.source import survey_data

    survey = survey_data(DataSpec(manifest=manifest), cache_root())
    audit = audit_survey(survey)
    print(describe_audit(audit))
    rc = ask_of_copies(survey)
    check_enough_subjects(read_manifest(manifest), SplitSpec(num_folds=folds))
    print(f"{audit.num_subjects} subjects are enough for {folds} folds and a test set.")
    print(f"\nNext:\n  foldgrid launch quickstart --data {manifest}")
    return rc


def ask_of_copies(survey: Survey, truth: str = "") -> int:
    """Print what copies under two subjects, or two values of ``truth``, ask; 1 where there are any.

    Near copies of one subject are named as well: each counts twice.
    """
    from foldgrid.data.copy_questions import copy_questions, describe_questions, within_subjects
    from foldgrid.data.dataset import find_survey_copies, tile_rows
    from foldgrid.data.picture_hashes import exam_pixels, near_copies_note

    with photograph_progress("Comparing photographs") as on_progress:
        copies = find_survey_copies(survey, on_progress)
    if note := near_copies_note(exam_pixels(survey.photo_facts)):
        print(f"  {note}")
    rows = tile_rows(survey)
    questions = tuple(copy_questions(rows, copies, truth))
    for line in (*within_subjects(rows, copies), *describe_questions(questions)):
        print(line)
    return int(bool(questions))


@app.command
def cache(manifest: Path, /, *, tile_pixels: TilePixels = 128) -> None:
    """Decode the photographs now, so that a sweep finds its mosaics ready.

    Args:
        manifest: A CSV or Parquet file, one row a photo, of any kind: with scores photographs
            make mosaics, with labels or values each is kept by itself.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    from foldgrid.data.cache import cache_root
    from foldgrid.data.dataset import load_mosaics
    from foldgrid.data.manifest.checks import manifest_kind
    from foldgrid.data.manifest.table import read_table
    from foldgrid.simulation.source import survey_data

    kind = manifest_kind(read_table(manifest).columns)
    data = DataSpec(manifest=manifest, tile_pixels=tile_pixels)
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
    manifest: Path, output: Path, /, *, most: Most = 24, tile_pixels: TilePixels = 128
) -> None:
    """Draw mosaics on a sheet, to see what a network sees.

    The sheet names subjects and visits: keep it where the photographs may be kept.

    Args:
        manifest: A CSV or Parquet file, one row a photo; scores may be left out.
        output: The PNG to write.
        most: Mosaics on the sheet, evenly spaced over the data.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    require_png("OUTPUT", output)
    from foldgrid.data.audit.contact_sheets import draw_mosaic_sheet
    from foldgrid.data.cache import cache_root
    from foldgrid.simulation.source import open_dataset

    data = DataSpec(manifest=manifest, tile_pixels=tile_pixels)
    with photograph_progress("Decoding photographs") as on_progress:
        dataset = open_dataset(data, cache_root(), on_progress, for_training=False)
    sheet = draw_mosaic_sheet(dataset, most)
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(output)
    print(
        f"{output}: {min(most, len(dataset.samples))} of {counted(len(dataset.samples), 'mosaic')}"
    )
