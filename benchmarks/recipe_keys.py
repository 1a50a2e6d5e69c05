"""What each key of a recipe costs a training step, as a ratio to the plain recipe, in one run."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from cyclopts import App
from rich.console import Console
from rich.progress import track

from benchmarks.noise_fits import CLASSES, noise_data, noise_fit
from benchmarks.side_by_side import (
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from foldgrid.models.naming import drop_path_fault
from foldgrid.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.training import Fit

KEYS: dict[str, dict[str, Any]] = {
    "plain": {},
    **{f"optimizer: {each}": {"optimizer": each} for each in OPTIMIZERS if each != "sgd"},
    "decay_norms_and_biases: false": {"weight_decay": 0.05, "decay_norms_and_biases": False},
    "layer_decay: 0.75": {"layer_decay": 0.75},
    "schedule: cosine": {"schedule": "cosine", "warmup": {"epochs": 1}},
    "clip_gradients: 1": {"clip_gradients": 1.0},
    "ema_decay: 0.99": {"ema_decay": 0.99},
    "drop_path: 0.1": {"drop_path": 0.1},
    "loss: huber": {"loss": "huber"},
}
"""What differs from the plain recipe, which is ``sgd`` with momentum; the first is the other side
of every ratio."""

KEYS_OF_CLASSES: dict[str, dict[str, Any]] = {
    "plain, of classes": {},
    "label_smoothing: 0.1": {"label_smoothing": 0.1},
    "mixup: 0.2": {"mixup": 0.2},
    "cutmix: 1": {"cutmix": 1.0},
    "loss: focal": {"loss": "focal"},
    "class_weights: balanced": {"class_weights": "balanced"},
    "sampler: balanced": {"sampler": "balanced"},
}
"""What scores have no sense for, likewise, on the same pictures with labels."""

GOALS = {"ema_decay: 0.99": 1.05, "optimizer: adamw": 1.1, "mixup: 0.2": 1.03}

app = App(name="python -m benchmarks.recipe_keys", help=__doc__, version_flags=[])


@dataclass(frozen=True)
class Cost:
    """What a key costs.

    Attributes:
        key: And its value.
        step_ms: A step of the fastest turn, in milliseconds: what else the machine does only adds.
        ratio: To the plain recipe's, on the same task.
    """

    key: str
    step_ms: float
    ratio: float


@app.default
def measure_keys(
    *,
    backbone: str = "mobilenet_v3_small",
    pixels: int = 128,
    batch_size: int = 16,
    batches: int = 4,
    rounds: int = 15,
    output: Path | None = None,
) -> None:
    """What each key of a recipe costs a training step, as a ratio to the plain recipe.

    The fits train by turns, some steps each: whatever else the machine does strikes all alike.

    Args:
        backbone: Which network.
        pixels: The mosaics' side.
        batch_size: Mosaics a step.
        batches: Steps of a turn.
        rounds: Turns of each key.
        output: A JSON file for the figures.
    """
    console = Console()
    environment = describe_environment()
    title = f"{backbone} at {pixels}x{pixels}, batch {batch_size}, {rounds} rounds of {batches}"
    print_opening(console, title, environment)
    data = noise_data(pixels)
    fits = {}
    tasks = {**dict.fromkeys(KEYS), **dict.fromkeys(KEYS_OF_CLASSES, CLASSES)}
    for key, changes in {**KEYS, **KEYS_OF_CLASSES}.items():
        if "drop_path" in changes and drop_path_fault(backbone):
            console.print(f"{backbone} has no blocks that can be left out", style="dim")
            continue
        recipe = TrainingRecipe.model_validate(
            {
                "max_epochs": 10_000,
                "max_batches_per_epoch": batches,
                "batch_size": batch_size,
                "learning_rate": 1e-6,
                **changes,
            }
        )
        fits[key] = noise_fit(backbone, recipe, data, tasks[key])
    seconds: dict[str, list[float]] = {key: [] for key in fits}
    for number in track(range(rounds + 1), "measuring", console=console, transient=True):
        keys = list(fits)
        # Who comes first in a round, and after whom, changes: nobody is always the one that waits.
        place = number * 5 % len(keys)
        for key in keys[place:] + keys[:place]:
            taken = seconds_of_a_turn(fits[key])
            if number:
                # The first turn also makes what the others find ready.
                seconds[key].append(taken / batches)
    fastest = {key: min(each) for key, each in seconds.items()}
    plain = {key: next(iter(KEYS_OF_CLASSES if tasks[key] else KEYS)) for key in fastest}
    costs = [Cost(key, 1000 * each, each / fastest[plain[key]]) for key, each in fastest.items()]
    print_costs(costs, console)
    write_output(
        output,
        {
            "benchmark": "recipe_keys",
            "backbone": backbone,
            "pixels": pixels,
            "batch_size": batch_size,
            "environment": environment,
            "default_optimizer": DEFAULT_OPTIMIZER,
            "costs": [asdict(cost) for cost in costs],
        },
    )


def seconds_of_a_turn(fit: Fit) -> float:
    """Trains one epoch, cut short, without looking at what was not trained on.

    In processor seconds of its one thread, which other work on the machine disturbs least; on a GPU
    in seconds.
    """
    is_on_gpu = fit.device.type == "cuda"
    clock = time.perf_counter if is_on_gpu else time.process_time
    started = clock()
    fit._train()
    if is_on_gpu:
        torch.cuda.synchronize()
    return clock() - started


def print_costs(costs: list[Cost], console: Console) -> None:
    """Prints a row a key, with its goal where it has one."""
    rows: list[list[object]] = [
        [cost.key, cost.step_ms, cost.ratio, GOALS.get(cost.key, "")] for cost in costs
    ]
    console.print(make_table(["key", "ms a step", "ratio", "goal"], rows))


if __name__ == "__main__":
    sys.exit(run(app))
