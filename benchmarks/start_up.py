"""How long commands take before they do anything: `python -m benchmarks.start_up`.

Beside bare Python, which starts and ends; and what each imports, by whom.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from benchmarks.side_by_side import (
    by_turns,
    describe_environment,
    make_table,
    print_opening,
    run,
    write_output,
)
from benchmarks.study import PROJECT
from foldgrid.execution.ray_session import PRELOADED
from foldgrid.specs.errors import SweepError, did_you_mean

BARE = ("-c", "pass")
COMMANDS: dict[str, tuple[str, ...]] = {
    "help": ("launch.py", "--help"),
    "list": ("launch.py", "--list"),
    "explain": ("-m", "foldgrid", "explain", "FG301"),
    "plan": ("launch.py", "--sweep", "all_backbones", "--plan"),
    "worker": ("-c", f"import {', '.join(PRELOADED)}"),
}
"""By name, what Python is given; ``worker`` is what a Ray worker imports before its first fit."""

NUM_PACKAGES = 6
"""Packages that are shown of each command, the slowest to import."""

app = App(
    name="python -m benchmarks.start_up",
    help="Seconds until a command has answered, beside bare Python; who imports what.",
    version_flags=[],
)


@dataclass(frozen=True)
class Seconds:
    """A process from its start to its end: on the clock, and of all cores together."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Imported:
    """What importing one package took.

    Attributes:
        package: Its first name, such as ``torch``.
        milliseconds: In all of its modules themselves, without what they import in turn.
        chain: Who imported it: the module that did, its own importer, and so on.
    """

    package: str
    milliseconds: float
    chain: tuple[str, ...]


@app.default
def measure_start(
    *,
    commands: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=())] = (),
    run_folder: Path | None = None,
    repeats: int = 5,
    output: Path | None = None,
) -> None:
    """Seconds until a command has answered, beside bare Python; who imports what.

    Each command runs once before it is measured: files are cached then, and a plan knows its
    networks.

    Args:
        commands: Which of help, list, explain, plan and worker; all without.
        run_folder: A ranked run folder, of which ``status`` and ``rank`` are measured, too.
        repeats: How often each is measured, in turns with bare Python; the medians count.
        output: A JSON file for the results.
    """
    known = dict(COMMANDS)
    if run_folder is not None:
        known["status"] = ("launch.py", "--status", str(run_folder.absolute()))
        known["rank"] = ("analysis", "rank", str(run_folder.absolute()))
    for name in commands:
        if name not in known:
            raise SweepError(f'--commands: there is no "{name}". {did_you_mean(name, known)}')
    console, environment = Console(), describe_environment()
    print_opening(console, f"start-up, {repeats} times each beside bare Python", environment)
    found = {}
    with TemporaryDirectory() as storage:
        for name in commands or known:
            arguments = known[name]
            if name == "plan":
                arguments = (*arguments, "--storage", storage)
            _python(arguments)
            imports = imports_of(arguments)
            pairs = [(seconds_of(BARE), seconds_of(arguments)) for _ in by_turns(repeats)]
            found[name] = {
                **_medians(pairs),
                "imports": [asdict(each) for each in imports],
            }
            _print_imports(name, imports, console)
    rows = [
        [name, *(seconds[key] for key in ("bare", "wall", "more", "cpu", "ratio"))]
        for name, seconds in found.items()
    ]
    headings = ["command", "bare Python (s)", "wall (s)", "more (s)", "CPU (s)", "CPU ratio"]
    console.print(make_table(headings, rows))
    write_output(output, {"benchmark": "start_up", "environment": environment, "commands": found})


def _medians(pairs: Sequence[tuple[Seconds, Seconds]]) -> dict[str, object]:
    bare, ours = zip(*pairs, strict=True)
    return {
        "bare": statistics.median(each.wall for each in bare),
        "wall": statistics.median(each.wall for each in ours),
        "more": statistics.median(one.wall - other.wall for other, one in pairs),
        "cpu": statistics.median(each.cpu for each in ours),
        "ratio": statistics.median(one.cpu / other.cpu for other, one in pairs),
    }


def seconds_of(arguments: Sequence[str]) -> Seconds:
    """Runs Python once.

    Raises:
        SweepError: It failed.
    """
    before, started = _cpu_of_children(), time.perf_counter()
    _python(arguments)
    return Seconds(time.perf_counter() - started, _cpu_of_children() - before)


def _cpu_of_children() -> float:
    # Bare Python takes about one of the hundredths that os.times counts in, or none of them.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def imports_of(arguments: Sequence[str]) -> list[Imported]:
    """What the command imports, by package, the slowest first.

    Raises:
        SweepError: It failed.
    """
    lines = [
        line.removeprefix("import time:").split("|")
        for line in _python(["-X", "importtime", *arguments]).splitlines()
        if line.startswith("import time:") and "self [us]" not in line
    ]
    spent: Counter[str] = Counter()
    chains: dict[str, tuple[str, ...]] = {}
    open_modules: list[str] = []
    # Python names a module after those that it imports, and shifts these to the right.
    for own, _, shifted in reversed(lines):
        module, depth = shifted.strip(), (len(shifted) - len(shifted.lstrip()) - 1) // 2
        package = module.partition(".")[0]
        spent[package] += int(own)
        del open_modules[depth:]
        # Read backwards the last to be named is the first to be imported.
        chains[package] = tuple(reversed(open_modules))
        open_modules.append(module)
    return [
        Imported(package, microseconds / 1000, _from_outside(package, chains[package]))
        for package, microseconds in spent.most_common()
    ]


def _from_outside(package: str, chain: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(module for module in chain if module.partition(".")[0] != package)


def _python(arguments: Sequence[str]) -> str:
    """Runs Python in the project's folder; what it says on stderr."""
    done = subprocess.run([sys.executable, *arguments], cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-10:])
        raise SweepError(f"python {' '.join(arguments)} ended with {done.returncode}:\n{tail}")
    return done.stderr


def _print_imports(name: str, imports: Sequence[Imported], console: Console) -> None:
    rows = [
        [each.package, each.milliseconds, " < ".join(each.chain[:4]) or "the command"]
        for each in imports[:NUM_PACKAGES]
    ]
    table = make_table([f"{name} imports", "ms", "for"], rows)
    table.columns[-1].justify = "left"
    console.print(table)
    console.print()


if __name__ == "__main__":
    sys.exit(run(app))
