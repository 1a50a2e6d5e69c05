"""``python -m analysis``: exit 0 on success, 1 when the work failed, 2 when the input is wrong."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from foldgrid.specs.errors import SweepError, did_you_mean

FORMATS = ("terminal", "csv", "md", "latex", "json", "svg")

app = App(
    name="python -m analysis",
    help="Compare the models of a finished or running sweep. Reads records, trains nothing.",
    version_flags=[],
    result_action="return_value",
)


@app.command
def rank(run: str, /, *, by: str = "mae", format: str = "terminal") -> None:
    """Rank the models of a sweep.

    Prints base learners, meta-learners and the baseline, ordered by an out-of-fold figure, and
    saves the table in the run folder as leaderboard.csv and leaderboard.json.

    Args:
        run: The run folder, such as runs/all_backbones.
        by: The figure that orders the table: mae, mse, pcc or ccc.
        format: How it is printed: terminal, csv, md, latex, json or svg.
    """
    if format not in FORMATS:
        raise SweepError(
            f'--format: no format "{format}". {did_you_mean(format, FORMATS)}\n'
            f"Print it as one of: {', '.join(FORMATS)}."
        )
    from analysis.ranking.formats import TEXT_FORMATS, render_terminal
    from analysis.ranking.making import stored_or_ranked
    from foldgrid.records import RunStore

    ranking = stored_or_ranked(RunStore.open(run), by)
    if format == "terminal":
        from rich.console import Console

        render_terminal(ranking, Console())
    else:
        sys.stdout.write(TEXT_FORMATS[format](ranking))


@app.command
def compare(*runs: str, by: str = "mae", format: str = "terminal") -> None:
    """Compare two or more sweeps on the same data and split.

    Prints, for each base learner that is complete in both, the out-of-fold figures and their
    difference with an interval by subjects, and the settings in which the sweeps differ. Refuses
    sweeps on other data, another split or another task.

    Args:
        runs: The run folders; every other one is compared with the first.
        by: The figure that is compared: mae, mse, pcc or ccc.
        format: How it is printed: terminal, csv, md or json.
    """
    from analysis.comparison.formats import TEXT_FORMATS, render_terminal

    known = ("terminal", *TEXT_FORMATS)
    if format not in known:
        raise SweepError(
            f'--format: no format "{format}". {did_you_mean(format, known)}\n'
            f"Print it as one of: {', '.join(known)}."
        )
    from analysis.comparison.comparing import compare_sweeps
    from foldgrid.records import RunStore

    comparison = compare_sweeps([RunStore.open(run) for run in runs], by)
    if format == "terminal":
        from rich.console import Console

        render_terminal(comparison, Console())
    else:
        sys.stdout.write(TEXT_FORMATS[format](comparison))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except (SweepError, CycloptsError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
