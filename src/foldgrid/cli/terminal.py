"""What the commands share towards people: progress, mistakes of the command line, names, paths."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cyclopts import CycloptsError
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from foldgrid.specs.errors import InputError, Problem, SweepError

PROJECT = Path(__file__).resolve().parents[3]
SWEEPS, SPACES = PROJECT / "sweeps", PROJECT / "search_spaces"


@contextmanager
def photograph_progress(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr while photographs are painted, read or decoded; none outside a terminal.

    Args:
        what: What is being done, in front of the bar.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn(what), BarColumn(), TextColumn("{task.completed} of {task.total}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def backbones_of_sweep(sweep: str) -> tuple[Sequence[str], str]:
    """The networks of a sweep, a name in ``sweeps/`` or a YAML file, and the file.

    Raises:
        SweepError: There is no such sweep, or it has mistakes.
    """
    from foldgrid.specs.resolving import find_sweep, resolve_sweep

    path = find_sweep(sweep, SWEEPS)
    return resolve_sweep(path, "paper").sweep.backbones, str(path)


def explain(error: CycloptsError) -> str:
    """A mistake of the command line in the house's words."""
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return str(error)
    return str(option_problems(cause))


def option_problems(error: ValidationError) -> InputError:
    """What settings say against the options that they were made from."""
    return InputError("command line", [_option_problem(each) for each in error.errors()])


def _option_problem(detail: ErrorDetails) -> Problem:
    message = detail["msg"].removeprefix("Value error, ")
    if detail["loc"]:
        name, message = str(detail["loc"][0]), f"found {detail['input']}. {message}."
    else:
        # A rule over several settings begins with the one that breaks it.
        name, _, message = message.partition(": ")
    return Problem(f"--{name.replace('_', '-')}", "", message)


def require_png(option: str, path: Path) -> None:
    """Refuses a picture's path that does not end in ``.png``, before any work is done.

    Raises:
        SweepError: It does not.
    """
    if path.suffix.lower() != ".png":
        raise SweepError(
            f'{option}: found "{path}". The picture is a PNG: give it a name that ends in .png.'
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns a refusal of the disk to write below ``path`` into a message.

    Raises:
        SweepError: Something inside could not be written.
    """
    try:
        yield
    except OSError as error:
        raise SweepError(
            f"{path}: cannot be written ({error.strerror or error}). Name another place."
        ) from error
