"""What a run folder says: ``rank``, ``report``, ``check``, ``compare`` and ``published``.

Of a check, exit 1 says that it failed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from foldgrid.cli.terminal import RunFolder
from foldgrid.specs.errors import SweepError
from foldgrid.tables.text import check_format

if TYPE_CHECKING:
    from foldgrid.analysis.ranking.ranking import Ranking
    from foldgrid.records import RunStore

ShowAll = Annotated[bool, Parameter(name="--all", negative=())]
HasNotes = Annotated[bool, Parameter(name="--notes", negative=())]
TABLES = (".csv", ".parquet", ".pq")
"""How the name of a table of predictions ends."""

FORMATS = ("terminal", "csv", "md", "latex", "json", "svg")


def rank(
    run: RunFolder,
    /,
    *,
    by: str | None = None,
    metric: tuple[str, ...] = (),
    show_all: ShowAll = False,
    notes: HasNotes = False,
    format: str = "terminal",
    task: str | None = None,
) -> None:
    """Rank the models of a sweep, or of any table of predictions.

    Prints base learners, meta-learners and the baseline, ordered by an out-of-fold metric, and
    saves the table in the run folder as leaderboard.csv and leaderboard.json. Of a table of
    predictions it saves nothing.

    Args:
        run: The run folder, such as runs/all_backbones; or a CSV or Parquet file with the columns
            subject, truth and one for each model, of classes one for each model and class
            (model:class), and where they are known sample, visit, fold and partition.
        by: The metric that orders the table, such as mae, spearman, auc or mcc; the task's first
            without. An unknown name lists those that the task has.
        metric: A metric that the table shows, in place of the task's own columns. Given several
            times, a column each.
        show_all: Every model at the terminal, in place of the best fifteen and what they are held
            against.
        notes: Every note in full below the table, in place of what must be known in a line each.
        format: How it is printed: terminal, csv, md, latex, json or svg.
        task: Of a table of predictions, what is predicted where the truth does not say enough, as
            in a sweep: "{name: binary, positive: [melanoma]}".
    """
    check_format(format, FORMATS)
    from foldgrid.analysis.ranking.formats import NOTED_FORMATS, TEXT_FORMATS, render_terminal
    from foldgrid.analysis.ranking.terminal import BEST

    if notes and format not in ("terminal", *NOTED_FORMATS):
        raise SweepError(
            f"--notes: {format} is the same with and without. Leave it out, or choose one of the "
            f"formats terminal, {', '.join(NOTED_FORMATS)}."
        )
    ranking = _ranking(run, by, metric, task)
    if format == "terminal":
        from rich.console import Console

        render_terminal(ranking, Console(), top=None if show_all else BEST, has_notes=notes)
    elif format in NOTED_FORMATS:
        sys.stdout.write(NOTED_FORMATS[format](ranking, notes))
    else:
        sys.stdout.write(TEXT_FORMATS[format](ranking))


def report(run: RunFolder, /, *, by: str | None = None) -> None:
    """Write the report of a sweep, a grid or a search, and print where it is.

    Writes report.html, one file that needs nothing from elsewhere, and its figures as SVG and PNG
    in figures/, of a search also their numbers as CSV; all in the run folder.

    Args:
        run: The run folder, such as runs/all_backbones.
        by: The metric that orders the ranking, as `rank` knows them; of a search, which of its
            objectives is shown.
    """
    from foldgrid.analysis.report.build import write_report
    from foldgrid.records import RunStore

    print(write_report(RunStore.open(run), by))


def published(run: RunFolder, /, *, format: str = "terminal") -> None:
    """Set a sweep beside the published study.

    Prints its MAE and CCC beside those of One-Step PASI, how far the two orders of the base
    learners agree, and what may and may not be compared.

    Args:
        run: The run folder, such as runs/all_backbones.
        format: How it is printed: terminal, md, csv or json.
    """
    from foldgrid.analysis.published.published import compare_with_published
    from foldgrid.analysis.published.published_formats import PUBLISHED_FORMATS, render_terminal
    from foldgrid.analysis.ranking.build import stored_or_ranked

    check_format(format, ("terminal", *PUBLISHED_FORMATS))
    store = _open(run)
    comparison = compare_with_published(store, stored_or_ranked(store))
    if format == "terminal":
        from rich.console import Console

        render_terminal(comparison, Console())
    else:
        sys.stdout.write(PUBLISHED_FORMATS[format](comparison))


def check(run: RunFolder, /, *, format: str = "terminal") -> int:
    """Check a sweep for what could make its results wrong.

    Runs every check anew and saves the results in the run folder as checks.json. Exits 1 where a
    check failed; warnings, and checks that had nothing to look at, are no failures.

    Args:
        run: The run folder, such as runs/all_backbones.
        format: How it is printed: terminal, json or md.
    """
    from foldgrid.analysis.checks.printing import FORMATS as CHECK_FORMATS
    from foldgrid.analysis.checks.printing import TEXT_FORMATS, render_terminal

    check_format(format, CHECK_FORMATS)
    store = _open(run)
    from foldgrid.analysis.checks.catalogue import check_and_save

    report = check_and_save(store)
    if format == "terminal":
        from rich.console import Console

        render_terminal(report, Console())
    else:
        sys.stdout.write(TEXT_FORMATS[format](report))
    return 1 if report.has_failed else 0


def compare(*runs: RunFolder, by: str | None = None, format: str = "terminal") -> None:
    """Compare two or more sweeps on the same data and split, or the learners of one.

    Prints, for each base learner that is complete in both, the out-of-fold metrics and their
    difference with an interval by subjects, and the settings in which the sweeps differ. Refuses
    sweeps on other data, another split or another task. Of one sweep, each backbone is compared
    with its further learners and ablations: did the other recipe help it?

    Args:
        runs: The run folders; every other one is compared with the first.
        by: The metric that is compared, as `rank` knows them; the task's first without.
        format: How it is printed: terminal, csv, md or json.
    """
    from foldgrid.analysis.comparison.formats import TEXT_FORMATS, render_terminal

    check_format(format, ("terminal", *TEXT_FORMATS))
    from foldgrid.analysis.comparison.build import compare_sweeps

    comparison = compare_sweeps([_open(run) for run in runs], by)
    if format == "terminal":
        from rich.console import Console

        render_terminal(comparison, Console())
    else:
        sys.stdout.write(TEXT_FORMATS[format](comparison))


def _ranking(run: str, by: str | None, metric: tuple[str, ...], task: str | None) -> Ranking:
    """The ranking of a run folder or of a table of predictions."""
    if not run.lower().endswith(TABLES):
        if task is not None:
            raise SweepError(
                "--task is for a table of predictions; a run folder says its task itself.\n"
                "Leave it out."
            )
        from foldgrid.analysis.ranking.build import stored_or_ranked

        return stored_or_ranked(_open(run), by, metric)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from foldgrid.analysis.ranking.given import rank as rank_table

    try:
        words = YAML(typ="safe", pure=True).load(task) if task else None
    except YAMLError as error:
        raise SweepError(f'--task: "{task}" is no YAML, as in {{name: ordinal}}.') from error
    return rank_table(run, by=by, metric=metric, task=words)


def _open(run: str) -> RunStore:
    """The run folder of a grid.

    Raises:
        SweepError: It is no run folder, or a search's, which has nothing to rank.
    """
    from foldgrid.records import RunStore, SearchStore

    store = RunStore.open(run)
    if SearchStore.of(store).exists():
        raise SweepError(
            f"{run}: a search, not a grid: there are no models to set side by side.\n"
            f"See what it found with: foldgrid report {run}\n"
            "Train a grid with that, and look at the grid: foldgrid launch all_backbones "
            f"--hyperparameters {run}"
        )
    return store
