"""The cost of a training step beside its estimate: `python -m benchmarks.step_cost`.

The estimate is ``foldgrid.models.footprint``'s; its three constants are fitted anew to what was
measured. Shape letters: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from cyclopts import App, Parameter
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from scipy.optimize import nnls
from torch.nn.functional import mse_loss

from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import all_backbones
from foldgrid.models import build_network, forward_all
from foldgrid.models.footprint import PREDICT_FRACTION, Footprint, footprint
from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.training.augmentation import augment
from foldgrid.training.batches import MosaicSource
from foldgrid.training.device import choose_device, prepare_torch
from foldgrid.training.network_state import predict

NUM_OUTPUTS = 4
CONSTANTS = ("an image", "a billion multiply-adds", "a million parameters, a step")

app = App(
    name="python -m benchmarks.step_cost",
    help="Milliseconds of a training step and of prediction, beside the estimate.",
    version_flags=[],
)


@dataclass(frozen=True)
class Cost:
    """One backbone's measured and estimated cost, in milliseconds an image."""

    backbone: str
    train_ms: float
    predict_ms: float
    estimated_ms: float


@app.default
def measure_costs(
    *,
    backbones: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    pixels: int = 64,
    batch_size: int = 16,
    seconds: float = 3.0,
    output: Path | None = None,
) -> None:
    """Milliseconds of a training step and of prediction, beside the estimate.

    Args:
        backbones: torchvision's names; left out, the 29.
        pixels: The mosaics' side.
        batch_size: Mosaics a step.
        seconds: How long each backbone trains, and predicts, at least; the median step counts.
        output: A JSON file for the figures.
    """
    console = Console()
    names = backbones or all_backbones()
    environment = describe_environment()
    title = f"{len(names)} backbones at {pixels}x{pixels}, batch {batch_size}, one thread"
    print_opening(console, title, environment)
    shown = track(names, "measuring", console=console, transient=True)
    costs = [measure_backbone(name, pixels, batch_size, seconds) for name in shown]
    print_costs(costs, console)
    sizes = [footprint(name, NUM_OUTPUTS, pixels) for name in names]
    current = current_constants()
    refitted = refit(sizes, [cost.train_ms for cost in costs], batch_size)
    fraction = statistics.fmean(cost.predict_ms / cost.train_ms for cost in costs)
    print_constants(current, refitted, fraction, len(names), console)
    write_output(
        output,
        {
            "benchmark": "step_cost",
            "pixels": pixels,
            "batch_size": batch_size,
            "environment": environment,
            "costs": [asdict(cost) for cost in costs],
            "constants": {"current": current, "refitted": refitted},
            "predict_share": {"current": PREDICT_FRACTION, "measured": fraction},
        },
    )


def measure_backbone(backbone: str, pixels: int, batch_size: int, seconds: float) -> Cost:
    """Trains and predicts on noise, as ``training.Fit`` does on mosaics."""
    prepare_torch(1, seed=0)
    device = choose_device()
    num_samples = 4 * batch_size
    random = np.random.default_rng(0)
    mosaics = random.integers(0, 256, (num_samples, pixels, pixels, 3), dtype=np.uint8)
    source = MosaicSource(mosaics, device)
    network = build_network(backbone, NUM_OUTPUTS)
    network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-5, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    targets_BK = torch.zeros(batch_size, NUM_OUTPUTS, device=device)

    def train() -> None:
        rows = torch.randperm(num_samples, generator=generator)[:batch_size].numpy()
        images_BCHW = augment(source.take(rows), Augmentation(), generator)
        optimizer.zero_grad(set_to_none=True)
        outputs, auxiliary = forward_all(network, source.normalise(images_BCHW))
        losses = [mse_loss(each, targets_BK) for each in (outputs, *auxiliary)]
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    network.train()
    train_ms = median_ms(train, seconds) / batch_size
    everything = np.arange(num_samples)
    predict_ms = median_ms(lambda: predict(network, source, everything, device, "float32"), seconds)
    estimated = footprint(backbone, NUM_OUTPUTS, pixels).train_ms(batch_size)
    return Cost(backbone, train_ms, predict_ms / num_samples, estimated)


def median_ms(action: Callable[[], object], seconds: float) -> float:
    """The median duration of ``action`` in milliseconds, the first time left out."""
    action()
    durations: list[float] = []
    while len(durations) < 3 or sum(durations) < seconds:
        started = time.perf_counter()
        action()
        durations.append(time.perf_counter() - started)
    return 1000 * statistics.median(durations)


def current_constants() -> dict[str, float]:
    """The estimate's constants in milliseconds, read off the estimate itself."""
    per_image = Footprint(0, 0, 0).train_ms(1)
    giga = Footprint(0, 10**9, 0).train_ms(1) - per_image
    mega = Footprint(10**6, 0, 0).train_ms(1) - per_image
    return dict(zip(CONSTANTS, (per_image, giga, mega), strict=True))


def refit(
    sizes: list[Footprint], train_ms: list[float], batch_size: int
) -> dict[str, float] | None:
    """The constants, none below 0, that make the sum of squared relative errors smallest.

    Nothing where there are fewer backbones than constants.
    """
    if len(sizes) < len(CONSTANTS):
        return None
    rows = [
        (1.0, size.multiply_adds / 1e9, size.num_parameters / 1e6 / batch_size) for size in sizes
    ]
    measured: NDArray[np.float64] = np.array(train_ms)
    solution, _ = nnls(np.array(rows) / measured[:, None], np.ones(len(sizes)))
    return dict(zip(CONSTANTS, solution.tolist(), strict=True))


def print_costs(costs: list[Cost], console: Console) -> None:
    """Prints a row a backbone, cheapest first."""
    rows: list[list[object]] = [
        [
            cost.backbone,
            cost.train_ms,
            cost.estimated_ms,
            cost.estimated_ms / cost.train_ms,
            cost.predict_ms,
            cost.predict_ms / cost.train_ms,
        ]
        for cost in sorted(costs, key=lambda cost: cost.train_ms)
    ]
    headings = ["ms an image", "train", "estimate", "ratio", "predict", "share"]
    console.print(make_table(headings, rows))


def print_constants(
    current: dict[str, float],
    refitted: dict[str, float] | None,
    fraction: float,
    num_backbones: int,
    console: Console,
) -> None:
    """Prints the estimate's constants beside those fitted to what was measured."""
    rows: list[list[object]] = [
        [f"ms {name}", value, "" if refitted is None else refitted[name]]
        for name, value in current.items()
    ]
    rows.append(["predicting against training", PREDICT_FRACTION, fraction])
    console.print()
    console.print(make_table(["constant", "in the code", "measured"], rows))
    if refitted is None:
        console.print(f"note: three constants cannot be fitted to {num_backbones} backbones")


if __name__ == "__main__":
    sys.exit(run(app))
