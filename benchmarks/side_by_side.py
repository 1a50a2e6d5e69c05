"""Two sides measured by turns, each time in a fresh process, and what is printed of them.

Knows processes, seconds and tables; does not know what the sides do.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError
from rich.console import Console
from rich.table import Table

from benchmarks.study import PROJECT, Study
from foldgrid.data.cache import CACHE_VARIABLE
from foldgrid.data.cores import num_usable_cores
from foldgrid.specs.base import Spec
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import MetricValue

BUSY_FRACTION = 0.3
"""A load average above this fraction of the cores, before anything is measured, is noted."""

LOG_LINES_SHOWN = 25


class SideResult(Spec, allow_inf_nan=True):
    """What a side says of itself when it is done.

    Attributes:
        phases: Seconds by phase, as far as the side can tell them apart.
        fit_seconds: Seconds inside fits, summed over all processes; null where it is not known.
        losses: By ``backbone/fold``, the lowest validation loss; NaN where the fit diverged.
    """

    phases: dict[str, float]
    fit_seconds: float | None = None
    losses: dict[str, MetricValue]

    def save(self, folder: Path) -> None:
        """Writes ``result.json``."""
        (folder / "result.json").write_text(self.model_dump_json(indent=2), encoding="utf-8")


@dataclass(frozen=True)
class Measurement:
    """One side, once.

    Attributes:
        process_seconds: From the process's start to its end: interpreter and imports included.
        result: What the side said.
    """

    process_seconds: float
    result: SideResult


def measure(
    module: str, study: Study, folder: Path, inputs: Mapping[str, str] | None = None
) -> Measurement:
    """Runs ``python -m <module> <folder>`` and waits for it; the folder is emptied first.

    Args:
        module: The side.
        study: Written into the folder as ``study.json``.
        folder: Where the side works.
        inputs: Further files for the folder, by name.

    Raises:
        SweepError: It failed; the message ends with the last lines of what it printed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    study.save(folder)
    for name, text in (inputs or {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    variables = {**os.environ, CACHE_VARIABLE: study.cache}
    log = folder / "log.txt"
    with log.open("w", encoding="utf-8") as output:
        command = [sys.executable, "-m", module, str(folder)]
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=PROJECT, env=variables, stdout=output, stderr=subprocess.STDOUT
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LOG_LINES_SHOWN:])
        raise SweepError(f"{module} ended with code {done.returncode}:\n{tail}")
    text = (folder / "result.json").read_text(encoding="utf-8")
    return Measurement(seconds, SideResult.model_validate_json(text))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Pair by pair, the first over the second."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def median_line(values: Sequence[float]) -> str:
    """The median, and the range where there are several."""
    if len(values) == 1:
        return f"{values[0]:.2f} (one pair)"
    low, high = min(values), max(values)
    return (
        f"{statistics.median(values):.2f} (median of {len(values)} pairs, {low:.2f} to {high:.2f})"
    )


def make_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """A table whose first column is text and whose others are figures."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


def describe_environment() -> dict[str, str]:
    """What a measurement depends on, in words."""
    packages = ("torch", "torchvision", "ray", "wandb", "lightning")
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "usable cores": str(num_usable_cores()),
        "load at start": f"{_load():.2f}",
        **{name: version for name in packages if (version := _version(name))},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _load() -> float:
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def print_opening(console: Console, title: str, environment: Mapping[str, str]) -> None:
    """Prints what is measured, where, and whether the machine is quiet enough for it."""
    console.print(title, markup=False, highlight=False, soft_wrap=True)
    words = ", ".join(f"{name} {value}" for name, value in environment.items())
    console.print(words, style="dim", markup=False, highlight=False, soft_wrap=True)
    if _load() > BUSY_FRACTION * num_usable_cores():
        console.print(
            "note: the machine is busy with something else; a ratio of sides that were disturbed "
            "differently says little",
            style="yellow",
            soft_wrap=True,
        )
    console.print()


def write_output(path: Path | None, content: Mapping[str, Any]) -> None:
    """Writes the measurement as JSON, where a file was asked for."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def by_turns(repeats: int) -> Iterator[int]:
    """The numbers of the pairs; within each, one side is measured after the other."""
    if repeats < 1:
        raise SweepError(f"--repeats: found {repeats}. At least 1 is needed.")
    yield from range(1, repeats + 1)


def run(app: App) -> int:
    """Runs one benchmark's command line and returns its exit code."""
    warnings.simplefilter("ignore")
    try:
        app(exit_on_error=False, print_error=False, result_action="return_value")
    except (SweepError, CycloptsError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0
