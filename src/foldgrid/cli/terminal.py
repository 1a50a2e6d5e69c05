"""What the commands share towards people: progress, mistakes of the command line, names, ends."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import CycloptsError, Parameter
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from foldgrid.specs.errors import InputError, Problem, SweepError

AGAIN = "run the same command again."
GOES_ON = "run the same command again; it trains only what is missing."


def complete_sweep(_: object) -> list[str]:
    """The sweeps that a shell offers."""
    from foldgrid.specs.folders import sweep_folders, yaml_files

    return list(yaml_files(*sweep_folders()))


def complete_run(_: object) -> list[str]:
    """The run folders in ``runs/`` that a shell offers."""
    return [str(found.parent) for found in sorted(Path("runs").glob("*/sweep.yaml"))]


SweepName = Annotated[str, Parameter(completer=complete_sweep)]
RunFolder = Annotated[str, Parameter(completer=complete_run)]


@contextmanager
def goes_on(advice: str) -> Iterator[None]:
    """Whatever ends the block early carries what a second try does, for `main` to say.

    Args:
        advice: Such as `GOES_ON`.
    """
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        error.add_note(advice)
        raise


def print_disk_is_full(where: str, error: str, advice: str) -> None:
    """Says that nothing can be written, and what to do."""
    print(
        f"\n{where}: the disk is full ({error}{_free_room(where)}).\n"
        "What was written is whole, and what was under way goes on from its last checkpoint.\n"
        f"Make room there, or copy the folder to a larger disk for --storage; then {advice}",
        file=sys.stderr,
    )


def _free_room(where: str) -> str:
    """How much is free where a file or folder of this machine is, for people."""
    path = Path(where)
    while not path.exists() and path != path.parent:
        path = path.parent
    return f"; {shutil.disk_usage(path).free / 2**20:,.1f} MiB are free"


def print_storage_is_away(where: str, error: str, advice: str) -> None:
    """Says that the object store is gone, and what to do."""
    print(f"\n{where}: the object store is away ({error}).", file=sys.stderr)
    print(f"Once it answers again, {advice}", file=sys.stderr)


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
    from foldgrid.specs.folders import find_sweep, sweep_folders
    from foldgrid.specs.resolving import resolve_sweep

    path = find_sweep(sweep, sweep_folders())
    return resolve_sweep(path, "paper").sweep.backbones, str(path)


def command_line_problem(error: CycloptsError) -> str:
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
