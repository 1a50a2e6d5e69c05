"""``python -m foldgrid data …``: photographs and manifests, before anything is trained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from foldgrid.specs.sweep import DataSpec, SplitSpec
from foldgrid.specs.synthetic import TrialSettings
from foldgrid.toolbox.labelled import PLAIN_CHECK, StudyCheck, check_labelled
from foldgrid.toolbox.terminal import photograph_progress, require_png, writing

TilePixels = Annotated[int, Parameter(validator=Number(gte=8, lte=1024))]
Folds = Annotated[int, Parameter(validator=Number(gte=2, lte=50))]
Most = Annotated[int, Parameter(validator=Number(gte=1, lte=1000))]

app = App(name="data", help="Make, check and prepare photographs.")


class TrialOptions(TrialSettings, strict=False):
    """A trial's settings as a command line gives them: numbers come as text."""


PUBLISHED_TRIAL = TrialOptions()


@app.command
def synthesize(
    folder: Path,
    /,
    *,
    trial: Annotated[TrialOptions, Parameter(name="*")] = PUBLISHED_TRIAL,
    contact_sheet: Path | None = None,
) -> None:
    """Write the simulated trial into a folder, as a user's own photographs would lie there.

    Args:
        folder: A new or empty folder: photos/, manifest.csv and settings.json go there.
        trial: What to simulate.
        contact_sheet: A PNG to write besides: some subjects' visits with their scores.
    """
    from foldgrid.data.cores import num_usable_cores
    from foldgrid.data.manifest import read_manifest
    from foldgrid.data.synthetic_pasi import synthesize_trial
    from foldgrid.data.synthetic_pasi.sheet import contact_sheet as write_contact_sheet

    if contact_sheet is not None:
        require_png("--contact-sheet", contact_sheet)
    settings = TrialSettings(**trial.model_dump())
    with writing(folder), photograph_progress("Drawing photographs") as on_progress:
        # Absolute: the processes that draw may have been started in another folder.
        synthesize_trial(folder.absolute(), settings, num_usable_cores(), on_progress)
    path = folder / "manifest.csv"
    manifest = read_manifest(path)
    num_visits = len(manifest.photos[["subject", "visit"]].drop_duplicates())
    print(
        f"{path}: {manifest.num_subjects} subjects, {num_visits} visits, "
        f"{len(manifest.photos):,} photos of {settings.photo_width}x{settings.photo_height} pixels"
    )
    if contact_sheet is not None:
        with writing(contact_sheet):
            write_contact_sheet(path, contact_sheet)
        print(f"{contact_sheet}: some of them with their scores")
    print(f"\nNext:\n  python launch.py --sweep quickstart --data {path}")


@app.command
def check(
    manifest: Path,
    /,
    *,
    folds: Folds = 5,
    study: Annotated[StudyCheck, Parameter(name="*")] = PLAIN_CHECK,
) -> None:
    """Check a manifest and its photographs, and say what is there.

    A labelled manifest (a label instead of region and scores) is also searched for copies, blurred
    and far-away shots; nothing is deleted.

    Args:
        manifest: A CSV or Parquet file, one row a photo.
        folds: The folds to train with; they and the test set need enough subjects.
        study: What else to do with a labelled manifest.
    """
    from foldgrid.data.manifest_reading import manifest_kind
    from foldgrid.data.manifest_table import read_table

    if manifest_kind(read_table(manifest).columns) == "labelled":
        check_labelled(manifest, folds, study)
        return
    study.refuse_for_scored(manifest)
    check_scored(manifest, folds)


def check_scored(manifest: Path, folds: int) -> None:
    """Check a manifest of regions with scores, as `check` does."""
    from foldgrid.data.audit import audit_manifest, describe_audit
    from foldgrid.data.cache import cache_root
    from foldgrid.data.manifest import read_manifest
    from foldgrid.data.splits import check_enough_subjects

    audit = audit_manifest(DataSpec(manifest=manifest), cache_root())
    print(describe_audit(audit))
    check_enough_subjects(read_manifest(manifest), SplitSpec(num_folds=folds))
    print(f"{audit.num_subjects} subjects are enough for {folds} folds and a test set.")
    print(f"\nNext:\n  python launch.py --sweep quickstart --data {manifest}")


@app.command
def cache(manifest: Path, /, *, tile_pixels: TilePixels = 128) -> None:
    """Decode the photographs now, so that a sweep finds its composites ready.

    Args:
        manifest: A CSV or Parquet file, one row a photo.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    from foldgrid.data.cache import cache_root
    from foldgrid.data.dataset import load_composites, survey_data

    data = DataSpec(manifest=manifest, tile_pixels=tile_pixels)
    with photograph_progress("Reading photographs") as on_progress:
        survey = survey_data(data, cache_root(), on_progress)
    was_cached = survey.is_cached
    started = time.perf_counter()
    with photograph_progress("Decoding photographs") as on_progress:
        load_composites(survey, on_progress)
    seconds = time.perf_counter() - started
    side = 2 * tile_pixels
    print(
        f"data {survey.fingerprint}: {len(survey.samples):,} composites of {side}x{side} pixels "
        f"from {survey.num_photos:,} photos, {survey.composites_bytes / 1e6:,.1f} MB"
    )
    done = "already cached" if was_cached else f"decoded in {seconds:.1f} s and cached"
    print(f"{done}: {survey.composites_path}")


@app.command
def composites(
    manifest: Path, output: Path, /, *, most: Most = 24, tile_pixels: TilePixels = 128
) -> None:
    """Draw composites on a sheet, to see what a network sees.

    The sheet names subjects and visits: keep it where the photographs may be kept.

    Args:
        manifest: A CSV or Parquet file, one row a photo; scores may be left out.
        output: The PNG to write.
        most: Composites on the sheet, evenly spaced over the data.
        tile_pixels: The sweep's data.tile_pixels, the side of a photo as networks see it.
    """
    require_png("OUTPUT", output)
    from foldgrid.data.cache import cache_root
    from foldgrid.data.composite_sheet import draw_composite_sheet
    from foldgrid.data.dataset import open_dataset

    data = DataSpec(manifest=manifest, tile_pixels=tile_pixels)
    with photograph_progress("Decoding photographs") as on_progress:
        dataset = open_dataset(data, cache_root(), on_progress, for_training=False)
    sheet = draw_composite_sheet(dataset, most)
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(output)
    print(f"{output}: {min(most, len(dataset.samples))} of {len(dataset.samples):,} composites")
