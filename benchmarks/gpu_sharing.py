"""How many fits at a time pay on one GPU, and what precision and memory layout make of each.

Every process trains whole epochs of one fit at the paper's size, validation included. The same
processes, started once, train one setting after another, all beginning at the same moment.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import App, Parameter
from rich.console import Console
from torch import Tensor

from benchmarks.noise_fits import noise_data, noise_fit
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from foldgrid.specs.errors import SweepError
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.training import Fit
from foldgrid.training.batches import MosaicSource
from foldgrid.training.device import describe_device

Precision = Literal["bfloat16", "float32"]
SMALL_MIDDLE_LARGE = ("mobilenet_v3_small", "resnet34", "vgg16")
PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float32")
REPLY_SECONDS = 300.0

app = App(
    name="python -m benchmarks.gpu_sharing",
    help="Images a second of one, two, four and eight fits on one GPU.",
    version_flags=[],
)


@dataclass(frozen=True)
class Setting:
    """What one process trains.

    Attributes:
        backbone: torchvision's name.
        precision: The recipe's.
        channels_last: How weights and pictures lie in memory: as in every fit, or channels first.
    """

    backbone: str
    precision: Precision = "bfloat16"
    channels_last: bool = True

    @property
    def title(self) -> str:
        """Precision and layout in words."""
        return f"{self.precision}, {'channels last' if self.channels_last else 'channels first'}"


@dataclass(frozen=True)
class Speed:
    """What was measured of one setting.

    Attributes:
        setting: What each process trained.
        num_processes: Processes on the card.
        images_per_second: Training images of all processes together.
        epoch_seconds: The mean epoch of a process.
        first_epoch_seconds: The mean first epoch, in which kernels are loaded or compiled.
        peak_gib: Of the card's memory, the most that torch allocated in one process.
    """

    setting: Setting
    num_processes: int
    images_per_second: float
    epoch_seconds: float
    first_epoch_seconds: float
    peak_gib: float


@app.default
def measure_sharing(
    *,
    backbones: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=())
    ] = SMALL_MIDDLE_LARGE,
    processes: Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative=())] = (
        1,
        2,
        4,
        8,
    ),
    pixels: int = 256,
    batch_size: int = 16,
    seconds: float = 4.0,
    ways: bool = True,
    output: Path | None = None,
) -> None:
    """Images a second of several fits on one GPU, and of one fit in four ways.

    Args:
        backbones: torchvision's names.
        processes: How many fits at a time.
        pixels: The mosaics' side.
        batch_size: Mosaics a step.
        seconds: How long each setting is measured, at least; epochs are whole.
        ways: Whether to measure one fit in both precisions and both layouts, too.
        output: A JSON file for the figures.
    """
    if not torch.cuda.is_available():
        raise SweepError("gpu_sharing: torch sees no GPU on this machine, and it measures one.")
    console = Console()
    card = describe_device(torch.device("cuda"))
    environment = {"card": card, **describe_environment()}
    title = f"fits of {pixels}x{pixels}, batch {batch_size}, that share one GPU; a thread each"
    print_opening(console, title, environment)
    with crew(max(processes), pixels, batch_size, seconds) as workers:
        shared = [
            measure(Setting(name), workers[:count]) for name in backbones for count in processes
        ]
        print_shared(shared, console)
        compared = [
            measure(Setting(name, precision, channels_last), workers[:1])
            for name in (backbones if ways else ())
            for precision in PRECISIONS
            for channels_last in (True, False)
        ]
        if compared:
            print_ways(compared, console)
    content = {
        "benchmark": "gpu_sharing",
        "pixels": pixels,
        "batch_size": batch_size,
        "environment": environment,
        "shared": [asdict(each) for each in shared],
        "ways": [asdict(each) for each in compared],
    }
    write_output(output, content)


@contextmanager
def crew(
    num_workers: int, pixels: int, batch_size: int, seconds: float
) -> Iterator[list[Connection]]:
    """Processes that wait for settings; they end with the block."""
    context = multiprocessing.get_context("spawn")
    pairs = [context.Pipe() for _ in range(num_workers)]
    members = [
        context.Process(target=work, args=(theirs, pixels, batch_size, seconds), daemon=True)
        for _, theirs in pairs
    ]
    for member in members:
        member.start()
    try:
        yield [ours for ours, _ in pairs]
    finally:
        for ours, _ in pairs:
            ours.send(None)
        for member in members:
            member.join(30)


def measure(setting: Setting, workers: Sequence[Connection]) -> Speed:
    """Trains ``setting`` in all ``workers`` at the same time."""
    for worker in workers:
        worker.send(setting)
    first = [_receive(worker)["seconds"] for worker in workers]
    for worker in workers:
        worker.send("begin")
    found = [_receive(worker) for worker in workers]
    return Speed(
        setting=setting,
        num_processes=len(workers),
        images_per_second=sum(each["images"] / each["seconds"] for each in found),
        epoch_seconds=sum(each["seconds"] / each["epochs"] for each in found) / len(found),
        first_epoch_seconds=sum(first) / len(first),
        peak_gib=max(each["peak_gib"] for each in found),
    )


def _receive(worker: Connection) -> dict[str, Any]:
    if not worker.poll(REPLY_SECONDS):
        raise SweepError("gpu_sharing: a process did not answer; is the card's memory full?")
    try:
        found: dict[str, Any] = worker.recv()
    except EOFError as error:
        raise SweepError("gpu_sharing: a process died; its message is above.") from error
    return found


def work(parent: Connection, pixels: int, batch_size: int, seconds: float) -> None:
    """A process: takes settings until there are no more."""
    data = noise_data(pixels)
    while (setting := parent.recv()) is not None:
        recipe = TrainingRecipe(batch_size=batch_size, precision=setting.precision)
        fit = noise_fit(setting.backbone, recipe, data)
        if not setting.channels_last:
            lay_channels_first(fit)
        # The first epoch loads kernels and chooses algorithms.
        parent.send(train_for(fit, 0.0))
        parent.recv()
        parent.send(train_for(fit, seconds))
        del fit


def train_for(fit: Fit, seconds: float) -> dict[str, Any]:
    """Trains whole epochs until ``seconds`` have passed."""
    started, epochs, passed = time.perf_counter(), 0, 0.0
    while passed < seconds or not epochs:
        fit.run_epoch()
        epochs += 1
        passed = time.perf_counter() - started
    return {
        "epochs": epochs,
        "images": epochs * len(fit.roles.train),
        "seconds": passed,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30,
    }


class ChannelsFirst(MosaicSource):
    """Pictures as torch lays them where nobody says otherwise."""

    def normalise(self, images_BCHW: Tensor) -> Tensor:
        """Standardises, channels first in memory."""
        return super().normalise(images_BCHW).contiguous()


def lay_channels_first(fit: Fit) -> None:
    """Lays a fit's weights and pictures the other way."""
    fit.network.to(memory_format=torch.contiguous_format)
    fit.source = ChannelsFirst(fit.data.mosaics_NHWC, fit.device)


def print_shared(speeds: Sequence[Speed], console: Console) -> None:
    """Prints a row a backbone and number of processes."""
    alone = {
        speed.setting.backbone: speed.images_per_second
        for speed in speeds
        if speed.num_processes == 1
    }
    rows: list[list[object]] = [
        [
            speed.setting.backbone,
            speed.num_processes,
            round(speed.images_per_second),
            speed.images_per_second / alone[speed.setting.backbone]
            if speed.setting.backbone in alone
            else "",
            speed.epoch_seconds,
            speed.peak_gib,
        ]
        for speed in speeds
    ]
    headings = ["backbone", "fits at a time", "images/s", "times one", "s an epoch", "GiB a fit"]
    console.print(make_table(headings, rows))
    console.print()


def print_ways(speeds: Sequence[Speed], console: Console) -> None:
    """Prints a row a backbone, precision and layout."""
    first = {
        speed.setting.backbone: speed.images_per_second
        for speed in speeds
        if speed.setting == Setting(speed.setting.backbone)
    }
    rows: list[list[object]] = [
        [
            f"{speed.setting.backbone}, {speed.setting.title}",
            round(speed.images_per_second),
            speed.images_per_second / first[speed.setting.backbone],
            speed.first_epoch_seconds,
            speed.epoch_seconds,
            speed.peak_gib,
        ]
        for speed in speeds
    ]
    headings = ["one fit", "images/s", "times the first", "s first epoch", "s an epoch", "GiB"]
    console.print(make_table(headings, rows))


if __name__ == "__main__":
    sys.exit(run(app))
