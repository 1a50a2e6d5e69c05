"""A frozen backbone whose features are computed once, against one that runs in every epoch.

Two parts, each trained by this project and by hand in one process, with one thread on a CPU, or on
the GPU that there is: the first phase of `sweeps/ssc_skin.yaml` with augmented copies (one fold),
and a probe of all folds without augmentation. By hand is the usual script: augmented pictures made
once and held in memory, the frozen backbone in every step and every validation. Both begin with the
same weights and draw the same batches and dropout, and must predict the same. Then the features of
more and more made-up pictures: seconds and memory.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from cyclopts import App
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.data.cache import cache_root
from foldgrid.data.dataset import load_mosaics
from foldgrid.execution.fit_job import FitJob
from foldgrid.execution.trainer import open_fit
from foldgrid.launching.planning.preparation import prepare_sweep
from foldgrid.models import freeze, train_mode
from foldgrid.models.cut import cut_of
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.resolving import resolve_sweep
from foldgrid.training import TrainingData
from foldgrid.training.augmentation import apply_draws, draw_copies
from foldgrid.training.batches import MosaicSource, seen_by, training_batches
from foldgrid.training.device import autocast, to_device
from foldgrid.training.fit import Fit

SWEEP = PROJECT / "sweeps" / "ssc_skin.yaml"
GOAL_PHASE, GOAL_PROBE = 20.0, 50.0
ALIKE = 2e-3
"""Outputs may differ by so much of their spread: bits differ with the size of a batch."""

app = App(name="python -m benchmarks.frozen_features", help=__doc__, version_flags=[])


@dataclass(frozen=True)
class Part:
    """One part, both ways.

    Attributes:
        name: Of the part.
        num_pictures: Pictures an epoch trains on, summed over folds.
        num_epochs: Of each fold.
        seconds: With features.
        seconds_by_hand: With the backbone in every epoch.
        difference: The largest difference of two outputs, in standard deviations of all.
    """

    name: str
    num_pictures: int
    num_epochs: int
    seconds: float
    seconds_by_hand: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many times faster."""
        return self.seconds_by_hand / self.seconds


def outputs_by_hand(job: FitJob, data: TrainingData, folder: Path) -> NDArray[np.float32]:
    """The held-out samples' outputs of a fit that runs the backbone in every step."""
    # For the first weights, the roles and the random state alone.
    fit = open_fit(job, data, RunStore(str(folder)), keep_state=False)
    recipe, device, network = job.config.training, fit.device, fit.network
    source = MosaicSource(data.mosaics_NHWC, device, *seen_by(recipe))
    settings, rows = recipe.augmentation, fit.roles.train
    names = data.samples["sample"].to_numpy()
    pictures: dict[int, torch.Tensor] = {}
    for copy in range(settings.copies or 1):
        images = source.take(rows)
        if settings.copies:
            draws = draw_copies(
                names[rows].tolist(), [copy] * len(rows), settings, job.config.seed, data.grid
            )
            images = apply_draws(images, draws, data.grid)
        pictures |= zip((rows + copy * len(names)).tolist(), source.normalise(images), strict=True)
    freeze(network, job.config.backbone, "backbone")
    phase = recipe.phases[0]
    trained = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(
        trained, lr=phase.learning_rate or recipe.learning_rate, momentum=recipe.momentum
    )
    targets_NK = torch.from_numpy(fit.targets_NK)

    def predicted() -> NDArray[np.float32]:
        network.eval()
        with torch.inference_mode(), autocast(device, fit.precision):
            images = source.normalise(source.take(fit.roles.held_out))
            parts = torch.split(images, 64)
            return np.concatenate([network(part).float().cpu().numpy() for part in parts])

    for _ in range(phase.epochs or recipe.max_epochs):
        train_mode(network, head=cut_of(job.config.backbone).head)
        order = training_batches(
            np.array(list(pictures)), recipe.batch_size, recipe.max_batches_per_epoch, fit.generator
        )
        for batch in order:
            images = torch.stack([pictures[each] for each in batch.tolist()])
            targets_BK = to_device(targets_NK[batch % len(names)], device)
            optimizer.zero_grad(set_to_none=True)
            with autocast(device, fit.precision):
                outputs = network(images.contiguous(memory_format=torch.channels_last))
            torch.autograd.backward(fit.task.loss(outputs.float(), targets_BK))
            optimizer.step()
        outputs_SK = predicted()  # The validation that such a script has after each epoch.
    return outputs_SK


def outputs_on_features(job: FitJob, data: TrainingData, folder: Path) -> NDArray[np.float32]:
    """The same of this project, records and all."""
    fit: Fit = open_fit(job, data, RunStore(str(folder)))
    if fit.head is None:
        raise SweepError(f"{job.config.backbone} trains on no features; take another --backbone")
    fit.run()
    return fit.predict(fit.roles.held_out)


def measure_part(name: str, overrides: Sequence[str], only: Sequence[str], folder: Path) -> Part:
    """Trains the folds of ``only`` both ways."""
    resolved = resolve_sweep(SWEEP, "paper", overrides)
    prepared = prepare_sweep(resolved, storage=str(folder), cache=cache_root(), only=only)
    dataset = load_mosaics(prepared.survey)
    data = TrainingData.from_dataset(dataset, prepared.split)
    data = replace(data, cache=folder / "empty_cache")
    jobs = prepared.grid.left
    started = time.perf_counter()
    ours = [outputs_on_features(job, data, folder / "ours") for job in jobs]
    between = time.perf_counter()
    theirs = [outputs_by_hand(job, data, folder / "by_hand") for job in jobs]
    ended = time.perf_counter()
    spread = float(np.concatenate(theirs).std())
    difference = max(
        float(np.abs(one - other).max()) for one, other in zip(ours, theirs, strict=True)
    )
    if difference > ALIKE * spread:
        raise SweepError(f"{name}: outputs differ by {difference / spread:.2g} of their spread")
    is_training = (data.samples["partition"] == "train").to_numpy()
    num_train = int(is_training.sum()) * (len(jobs) - 1 if len(jobs) > 1 else 1)
    recipe = jobs[0].config.training
    return Part(
        name,
        num_train * (recipe.augmentation.copies or 1),
        recipe.planned_epochs,
        between - started,
        ended - between,
        difference / spread,
    )


@dataclass(frozen=True)
class Growth:
    """Features of so many made-up pictures.

    Attributes:
        num_pictures: How many.
        seconds: To compute and keep them.
        memory_mib: Memory of this process that belongs to no file, afterwards; null where the
            system does not say.
    """

    num_pictures: int
    seconds: float
    memory_mib: float | None


def measure_growth(num_pictures: int, job: FitJob, pixels: int, folder: Path) -> Growth:
    """Computes the features of pictures of noise, which lie in a file."""
    shape = (num_pictures, pixels, pixels, 3)
    path = folder / f"noise{num_pictures}.npy"
    pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    random = np.random.default_rng(0)
    for start in range(0, num_pictures, 1000):
        part = pictures[start : start + 1000]
        part[:] = random.integers(0, 256, part.shape, dtype=np.uint8)
    pictures.flush()
    del pictures
    number = np.arange(num_pictures)
    samples = pd.DataFrame(
        {
            "sample": [f"s{each}" for each in number],
            "subject": [f"p{each}" for each in number],
            "partition": "train",
            "fold": number % 5,
            "label": np.where(number % 2, "normal", "early"),
        }
    )
    mapped = np.load(path, mmap_mode="r")
    data = TrainingData(mapped, samples, "label", 1, folder / "cache", f"noise{num_pictures}")
    fit = open_fit(job, data, RunStore(str(folder / "growth")), keep_state=False)
    started = time.perf_counter()
    fit.features_of(fit.roles.held_out)
    seconds = time.perf_counter() - started
    path.unlink()
    return Growth(num_pictures, seconds, _memory_mib())


def _memory_mib() -> float | None:
    status = Path("/proc/self/status")
    found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found.group(1)) / 1024 if found else None


@app.default
def main(
    *,
    backbone: str = "tf_efficientnet_lite0",
    subjects: int = 12,
    pixels: int = 128,
    epochs: int = 100,
    copies: int = 8,
    probe_epochs: int = 100,
    folds: int = 5,
    sizes: tuple[int, ...] = (1000, 5000, 20000),
    output: Path | None = None,
) -> None:
    """Measures both parts and the growth.

    Args:
        backbone: Any whose network can be cut. Where its weights are here, folds share its
            features; random weights are drawn for each fold.
        subjects: Of the simulated study.
        pixels: Height and width of the photographs.
        epochs: Of the phase.
        copies: Of each training picture, in the phase.
        probe_epochs: Of each of the probe's folds.
        folds: Of the probe.
        sizes: How many made-up pictures; none leaves the growth out.
        output: Also writes the figures as JSON.
    """
    console, environment = Console(), describe_environment()
    common = [
        f"backbones=[{backbone}]",
        "per_backbone={}",
        f"data.tile_pixels={pixels}",
        f"data.synthetic.num_subjects={subjects}",
        "training.learning_rate=0.01",
    ]
    still = "flip_horizontally: false, flip_vertically: false, smallest_crop: 1.0, zoom: 0.0"
    one_phase = "training.phases=[{{name: head, epochs: {}, frozen: backbone}}]"
    phase = [*common, one_phase.format(epochs), f"training.augmentation.copies={copies}"]
    probe = [
        *common,
        one_phase.format(probe_epochs),
        f"split.num_folds={folds}",
        "training.augmentation={rotate_tiles: false, brightness: 0.0, contrast: 0.0, "
        f"shuffle_tiles: false, {still}}}",
    ]
    title = f"{backbone}, {subjects} subjects, photographs of {pixels}x{pixels}"
    print_opening(console, title, environment)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts = [
            measure_part("phase with copies", phase, ["fold=0"], folder / "phase"),
            measure_part("probe", probe, [], folder / "probe"),
        ]
        _print_parts(console, parts)
        job = prepare_sweep(
            resolve_sweep(SWEEP, "paper", probe), storage=name, cache=cache_root()
        ).grid.left[0]
        growth = [measure_growth(size, job, pixels, folder) for size in sizes]
    if growth:
        rows = [[each.num_pictures, each.seconds, each.memory_mib or "-"] for each in growth]
        console.print(make_table(["made-up pictures", "seconds", "memory (MiB)"], rows))
    content = {
        "environment": environment,
        "parts": [asdict(part) | {"ratio": part.ratio} for part in parts],
        "goals": {"phase": GOAL_PHASE, "probe": GOAL_PROBE},
        "growth": [asdict(each) for each in growth],
    }
    write_output(output, content)


def _print_parts(console: Console, parts: Sequence[Part]) -> None:
    headings = ["part", "pictures an epoch", "epochs", "here (s)", "by hand (s)", "times faster"]
    rows = [
        [p.name, p.num_pictures, p.num_epochs, p.seconds, p.seconds_by_hand, p.ratio] for p in parts
    ]
    console.print(make_table(headings, rows))
    apart = max(part.difference for part in parts)
    console.print(f"Same predictions: outputs differ by at most {apart:.1g} of their spread.\n")


if __name__ == "__main__":
    raise SystemExit(run(app))
