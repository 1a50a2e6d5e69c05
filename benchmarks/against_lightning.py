"""The same fits by hand with Ray Tune and Lightning: `python -m benchmarks.against_lightning`."""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.side_by_side import (
    Measurement,
    by_turns,
    describe_environment,
    make_table,
    measure,
    median_line,
    print_opening,
    ratios,
    run,
    write_output,
)
from benchmarks.study import SMALL_BACKBONES, Study, all_backbones
from foldgrid.data.cache import cache_root
from foldgrid.data.cores import num_usable_cores
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.specs.errors import SweepError
from foldgrid.tasks.pasi.arithmetic import SCORES
from foldgrid.training.device import choose_device, choose_precision
from foldgrid.training.training_data import (
    TrainingData,
    assign_roles,
    fit_seed,
    samples_with_partition,
)

GOAL_FEW, GOAL_ALL = 6.0, 2.0
ALIKE = 1.5
"""Median validation losses further apart than this factor are pointed out."""

PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}

app = App(
    name="python -m benchmarks.against_lightning",
    help="A sweep against the same fits written by hand with Ray Tune, Lightning and a DataLoader.",
    version_flags=[],
)


@dataclass(frozen=True)
class Pair:
    """This project and the peer, measured one after the other."""

    ours: Measurement
    peer: Measurement


@app.default
def compare(
    *,
    all_: Annotated[bool, Parameter(name="--all", negative=())] = False,
    backbones: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=())
    ] = SMALL_BACKBONES,
    folds: int | None = None,
    epochs: int = 2,
    batches: int | None = None,
    learning_rate: float = 0.001,
    subjects: int = 60,
    photo_width: int = 192,
    cores: int | None = None,
    loader_workers: int = 0,
    peer_wandb: Annotated[bool, Parameter(negative=())] = False,
    repeats: int = 1,
    output: Path | None = None,
) -> None:
    """A sweep against the same fits by hand with Ray Tune, Lightning and a DataLoader.

    Args:
        all_: All 29 backbones, with 2 batches an epoch and 1 fold if nothing else is said.
        backbones: torchvision's names.
        folds: Of the five folds, how many are trained.
        epochs: Epochs of each fit.
        batches: Batches an epoch, on both sides; left out, whole epochs.
        learning_rate: On both sides.
        subjects: Subjects of the synthetic trial.
        photo_width: Width of its photographs in pixels; the published ones have 4928.
        cores: Trials at a time, a thread each; left out, one a usable core.
        loader_workers: The peer's DataLoader's processes.
        peer_wandb: Whether the peer, too, writes offline W&B runs.
        repeats: How often each side is measured, by turns.
        output: A JSON file for the figures.
    """
    if importlib.util.find_spec("lightning") is None:
        raise SweepError(
            "lightning is not installed: only this benchmark needs it.\n"
            "Install it into an environment of its own: "
            "`python -m pip install -r benchmarks/requirements.txt`."
        )
    console = Console()
    study = Study(
        backbones=all_backbones() if all_ else backbones,
        num_folds=5,
        num_folds_trained=folds or (1 if all_ else 5),
        epochs=epochs,
        batches=batches or (2 if all_ else None),
        learning_rate=learning_rate,
        # The peer's ModelCheckpoint leaves the best weights; so do we.
        keep="best",
        num_subjects=subjects,
        photo_width=photo_width,
        cores=cores or num_usable_cores(),
        cache=str(cache_root()),
    )
    environment = describe_environment()
    print_opening(console, study.title, environment)
    settings = {"loader_workers": loader_workers, "wandb": peer_wandb}
    pairs = measure_pairs(study, settings, repeats, console)
    goal = GOAL_ALL if all_ else GOAL_FEW
    found = ratios(
        [pair.peer.process_seconds for pair in pairs],
        [pair.ours.process_seconds for pair in pairs],
    )
    print_losses(pairs[-1], console)
    console.print(
        f"\nby hand / this project, whole commands, {study.num_fits} fits\n"
        f"  times faster   {median_line(found)}\n"
        f"  goal           at least {goal:g}",
        highlight=False,
    )
    write_output(
        output,
        {
            "benchmark": "against_lightning",
            "study": study.model_dump(mode="json", exclude={"cache"}),
            "peer": settings,
            "environment": environment,
            "seconds": [
                {name: side.process_seconds for name, side in vars(pair).items()} for pair in pairs
            ],
            "phases_of_ours": [pair.ours.result.phases for pair in pairs],
            "mean_losses": mean_losses(pairs[-1]),
            "ratios": found,
            "goal": goal,
        },
    )


def measure_pairs(
    study: Study, settings: dict[str, Any], repeats: int, console: Console
) -> list[Pair]:
    """Measures both sides by turns.

    The photographs are on disk before either clock starts. Ours begins with an empty cache, so
    decoding them once is in our time; the peer is given the split, which we compute in ours.
    """
    pairs = []
    with tempfile.TemporaryDirectory(prefix="foldgrid-benchmark-") as scratch:
        folder = Path(scratch)
        prepared = study.prepare(folder)
        described = study.model_copy(update={"manifest": str(prepared.survey.manifest.path)})
        inputs = peer_inputs(prepared, study, settings)
        for number in by_turns(repeats):
            ours = described.model_copy(update={"cache": str(folder / "ours" / "cache")})
            pair = Pair(
                measure("benchmarks.whole_sweep", ours, folder / "ours"),
                measure("benchmarks.lightning_by_hand", study, folder / "peer", inputs),
            )
            if pair.ours.result.losses.keys() != pair.peer.result.losses.keys():
                raise SweepError("The two sides did not train the same fits.")
            pairs.append(pair)
            console.print(
                f"pair {number}: this project {pair.ours.process_seconds:.1f} s, "
                f"by hand {pair.peer.process_seconds:.1f} s",
                highlight=False,
            )
    return pairs


def peer_inputs(prepared: PreparedSweep, study: Study, settings: dict[str, Any]) -> dict[str, str]:
    """The files that the peer reads: split, monitored subjects and recipe alike."""
    survey, sweep = prepared.survey, prepared.sweep
    # Who is in which role does not depend on the pictures.
    nothing = np.zeros((0, 0, 0, 3), np.uint8)
    data = TrainingData(
        nothing, samples_with_partition(survey.samples, prepared.split), survey.stratum
    )
    photos: list[list[str]] = [[] for _ in range(len(survey.samples))]
    for tile in survey.table.tiles:
        photos[tile.sample_index].append(str(tile.path))
    samples = [
        {"sample": row["sample"], "photos": paths, **{name: float(row[name]) for name in SCORES}}
        for row, paths in zip(survey.samples.to_dict("records"), photos, strict=True)
    ]
    fits = []
    for job in prepared.grid.selected:
        config = job.config
        stopping = config.training.early_stopping
        roles = assign_roles(data, config.fold, stopping, fit_seed(config))
        rows = {name: indices.tolist() for name, indices in vars(roles).items()}
        fits.append({"backbone": config.backbone, "fold": config.fold, **rows})
    precision = choose_precision(choose_device(), sweep.training.precision)
    recipe = {
        "epochs": study.epochs,
        "batches": study.batches,
        "batch_size": sweep.training.batch_size,
        "learning_rate": study.learning_rate,
        "tile_pixels": study.tile_pixels,
        "cores": study.cores,
        "gpus_per_fit": prepared.resources.gpus_per_fit,
        "precision": PRECISIONS[precision],
        **settings,
    }
    contents = {"samples.json": samples, "fits.json": fits, "settings.json": recipe}
    return {name: json.dumps(content) for name, content in contents.items()}


def mean_losses(pair: Pair) -> dict[str, dict[str, float]]:
    """By backbone and side, the mean over folds of the lowest validation loss."""
    means: dict[str, dict[str, float]] = {}
    for side, measurement in vars(pair).items():
        by_backbone: dict[str, list[float]] = {}
        for name, loss in measurement.result.losses.items():
            by_backbone.setdefault(name.split("/")[0], []).append(loss)
        for backbone, losses in by_backbone.items():
            means.setdefault(backbone, {})[side] = statistics.fmean(losses)
    return means


def print_losses(pair: Pair, console: Console) -> None:
    """Prints what both sides learned, so that nobody compares unlike things."""
    means = mean_losses(pair)
    rows: list[list[object]] = [
        [backbone, sides["ours"], sides["peer"]] for backbone, sides in means.items()
    ]
    # The median: after few steps batch normalisation's moving averages still remember their start,
    # and the deepest networks then predict anything, on both sides.
    ours, peer = (
        statistics.median(sides[side] for sides in means.values()) for side in ("ours", "peer")
    )
    rows.append(["median", ours, peer])
    console.print()
    console.print(make_table(["lowest validation loss", "this project", "by hand"], rows))
    if not 1 / ALIKE < ours / peer < ALIKE:
        console.print("note: the two sides did not learn alike; look before you compare")


if __name__ == "__main__":
    sys.exit(run(app))
