"""``foldgrid``: its commands, each loaded when it is asked for, and its one table of exit codes.

0 done; 1 the work failed; 2 the input is wrong; 130 ended by Ctrl-C, 143 by SIGTERM.
``python launch.py`` (`foldgrid launch`), ``python -m foldgrid`` and ``python -m analysis`` come
here, too.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group

from foldgrid.cli.terminal import (
    AGAIN,
    command_line_problem,
    print_disk_is_full,
    print_storage_is_away,
)
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.passwords import hide_all_passwords, hide_passwords

INTERRUPTED, TERMINATED = 130, 143

COMMANDS = {
    "Sweeps": {
        "launch": (
            "launch:launch",
            "Run a sweep; run it again, and it trains only what is missing.",
        ),
        "status": (
            "launch:status",
            "Print how far the launch of a run folder has come, from any terminal.",
        ),
        "sync": ("sync:sync", "Send what W&B's server lacks of a run folder, from its records."),
        "list": ("listing:list_sweeps", "Print the sweeps, search spaces and recipes there are."),
    },
    "Results": {
        "rank": ("results:rank", "Rank the models of a sweep, or of any table of predictions."),
        "report": (
            "results:report",
            "Write the report of a sweep, a grid or a search, and print where it is.",
        ),
        "check": ("results:check", "Check a sweep for what could make its results wrong."),
        "compare": (
            "results:compare",
            "Compare two or more sweeps on the same data and split, or the learners of one.",
        ),
        "published": ("results:published", "Set a sweep beside the published study."),
        "explain": ("explain:explain", "Explain the code of a check or a note, and what to do."),
        "predict": ("prediction:predict", "Predict new photographs with a trained base learner."),
    },
    "Photographs and networks": {
        "data": ("photographs:app", "Make, check and prepare photographs."),
        "models": ("networks:app", "What the networks are made of, and what they cost."),
        "weights": ("weights:app", "Pre-trained weights: which are here, and fetch the others."),
    },
    "This installation": {
        "--version": (
            "installation:version",
            "Print the version of foldgrid; with --verbose, what it stands on.",
        ),
        "--install-completion": (
            "installation:install_completion",
            "Let the shell complete commands, options, sweeps and run folders.",
        ),
    },
}
"""By group and name, where each command is in ``foldgrid.cli``, and its line in the overview."""
GROUPS = {name: Group(name, sort_key=position) for position, name in enumerate(COMMANDS)}


def make_app(program: str = "foldgrid", *, is_overview: bool = False) -> App:
    """The command line, with all its commands.

    Args:
        program: How it was started, for the usage lines.
        is_overview: Each command's help is its line of `COMMANDS`, and no command is imported for
            it; else its docstring.
    """
    app = App(
        name=program,
        help="Train a grid of image models by cross-validation folds and compare them honestly.",
        version_flags=[],
        result_action="return_value",
        # Else cyclopts exits by itself, without a word.
        suppress_keyboard_interrupt=False,
    )
    for group, commands in COMMANDS.items():
        for position, (name, (place, line)) in enumerate(commands.items()):
            app.command(
                f"foldgrid.cli.{place}",
                name=name,
                group=GROUPS[group],
                sort_key=position,
                help=line if is_overview else None,
            )
    app["--help"].group = GROUPS[group]
    return app


def main(arguments: Sequence[str] | None = None, program: str = "foldgrid") -> int:
    """Runs one command line and returns its exit code.

    Args:
        arguments: What follows the program's name; this process's without.
        program: How it was started, for the usage lines.
    """
    # What third parties warn of is for their developers; our own messages are not warnings.
    warnings.simplefilter("ignore")
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Nobody who records the command line from here on learns of a password in it.
    sys.argv[1:] = hide_all_passwords(sys.argv[1:])
    known = {name for commands in COMMANDS.values() for name in commands}
    app = make_app(program, is_overview=known.isdisjoint(words[:1]))
    try:
        return int(app(words, exit_on_error=False, print_error=False) or 0)
    except CycloptsError as error:
        print(hide_passwords(command_line_problem(error)), file=sys.stderr)
        return 2
    except StorageAwayError as error:
        print_storage_is_away(str(error.filename), str(error.strerror), _advice(error))
        return 1
    except SweepError as error:
        print(hide_passwords(str(error)), file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = str(error.filename or "The run folder")
        print_disk_is_full(where, os.strerror(error.errno), _advice(error))
        return 1
    except KeyboardInterrupt as stop:
        print(f"\nStopped: {_advice(stop)}", file=sys.stderr)
        return INTERRUPTED if type(stop) is KeyboardInterrupt else TERMINATED


def words_of_launch_py(words: Sequence[str]) -> list[str]:
    """The words behind ``python launch.py`` as those behind ``foldgrid``.

    ``--status RUN``, ``--sync RUN`` and ``--list`` are commands now; everything else launches.
    """
    for command in ("sync", "list", "status"):
        for position, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name == f"--{command}":
                run = [value] if equals else []
                return [command, *run, *words[position + 1 :], *words[:position]]
    return ["launch", *words]


def _advice(error: BaseException) -> str:
    """What the command said of what a second try does; see `terminal.goes_on`."""
    return " ".join(getattr(error, "__notes__", ())) or AGAIN
