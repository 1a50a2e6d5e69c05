"""The card's memory that each backbone's fit takes, beside the estimate that shares are chosen by.

Each fit is trained twice, in whatever process is free, and must end in the same bits.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.noise_fits import noise_data, noise_fit
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import all_backbones
from foldgrid.models.footprint import footprint
from foldgrid.specs.errors import SweepError
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.training import Fit, TrainingData
from foldgrid.training.device import describe_device

NUM_OUTPUTS = 4
NUM_BATCHES = 2

app = App(
    name="python -m benchmarks.gpu_memory",
    help="The memory of each backbone's fit on a GPU, beside the estimate.",
    version_flags=[],
)


@dataclass(frozen=True)
class Job:
    """One fit: what is trained, of which shape."""

    backbone: str
    precision: Literal["bfloat16", "float32"]
    pixels: int
    batch_size: int


@dataclass(frozen=True)
class Found:
    """What one fit took and became.

    Attributes:
        allocated_gib: The most that tensors took at a time, from the fit's start to its end.
        reserved_gib: The most that torch's allocator held for them.
        digest: Of the weights and of the test set's predictions.
        warned: Operators that torch cannot promise the same bits of.
    """

    allocated_gib: float
    reserved_gib: float
    digest: str
    warned: tuple[str, ...]


@app.default
def measure_memory(
    *,
    backbones: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    pixels: int = 256,
    batch_size: int = 16,
    processes: int = 4,
    output: Path | None = None,
) -> None:
    """The memory of each backbone's fit on a GPU, beside the estimate.

    Args:
        backbones: torchvision's names; left out, the 29.
        pixels: The mosaics' side.
        batch_size: Mosaics a step.
        processes: Fits at a time.
        output: A JSON file for the figures.
    """
    if not torch.cuda.is_available():
        raise SweepError("gpu_memory: torch sees no GPU on this machine, and it measures one.")
    console = Console()
    environment = {"card": describe_device(torch.device("cuda")), **describe_environment()}
    names = backbones or all_backbones()
    title = f"{len(names)} backbones at {pixels}x{pixels}, batch {batch_size}, each twice"
    print_opening(console, title, environment)
    jobs = [
        Job(name, precision, pixels, batch_size)
        for name in names
        for precision in ("bfloat16", "float32")
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, open_worker, (pixels,)) as pool:
        first, again = (monitored(pool.map(measure, jobs), jobs, console) for _ in range(2))
    print_found(jobs, first, again, console)
    rows = [
        {**asdict(job), **asdict(one), "same_bits": one.digest == other.digest}
        for job, one, other in zip(jobs, first, again, strict=True)
    ]
    write_output(output, {"benchmark": "gpu_memory", "environment": environment, "fits": rows})


def monitored(found: Iterable[Found], jobs: Sequence[Job], console: Console) -> list[Found]:
    """All that is found, a line for each as it comes."""
    kept = []
    for job, each in zip(jobs, found, strict=True):
        line = f"{job.backbone}, {job.precision}: {each.allocated_gib:.3f} {each.reserved_gib:.3f}"
        console.print(line, style="dim", highlight=False)
        kept.append(each)
    return kept


class Worker:
    """What one process keeps between fits."""

    data: TrainingData


def open_worker(pixels: int) -> None:
    """Called once a process."""
    Worker.data = noise_data(pixels)


def measure(job: Job) -> Found:
    """Trains a few steps, finalizes, and says what that took."""
    recipe = TrainingRecipe(
        max_epochs=2,
        max_batches_per_epoch=NUM_BATCHES,
        batch_size=job.batch_size,
        learning_rate=0.001,
        precision=job.precision,
    )
    with warnings.catch_warnings(record=True) as reported:
        warnings.simplefilter("always")
        fit = noise_fit(job.backbone, recipe, Worker.data)
        fit.run()
    return Found(
        allocated_gib=torch.cuda.max_memory_allocated() / 2**30,
        reserved_gib=torch.cuda.max_memory_reserved() / 2**30,
        digest=digest_of(fit),
        warned=tuple(sorted({str(each.message).split(" ")[0] for each in reported})),
    )


def digest_of(fit: Fit) -> str:
    """A hash of the weights and of what they predict of the test set."""
    content = hashlib.sha256()
    for value in fit.network.state_dict().values():
        content.update(value.cpu().contiguous().numpy().tobytes())
    content.update(fit.predict(fit.roles.test).tobytes())
    return content.hexdigest()


def print_found(
    jobs: Sequence[Job], first: Sequence[Found], again: Sequence[Found], console: Console
) -> None:
    """Prints a row a fit."""
    rows: list[list[object]] = []
    for job, one, other in zip(jobs, first, again, strict=True):
        estimate = footprint(job.backbone, NUM_OUTPUTS, job.pixels).memory_gib(job.batch_size)
        rows.append(
            [
                f"{job.backbone}, {job.precision}",
                one.allocated_gib,
                one.reserved_gib,
                estimate,
                estimate / one.reserved_gib,
                "yes" if one.digest == other.digest else "NO",
                ", ".join(one.warned),
            ]
        )
    headings = ["GiB", "allocated", "reserved", "estimate", "times", "same bits", "torch warns of"]
    console.print(make_table(headings, rows))


if __name__ == "__main__":
    sys.exit(run(app))
