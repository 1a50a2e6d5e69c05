"""Run a sweep: read it, show the plan, train what is missing, say where the results are."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, validators
from rich.console import Console

from foldgrid.cli.terminal import (
    GOES_ON,
    RunFolder,
    SweepName,
    goes_on,
    print_disk_is_full,
    print_storage_is_away,
)
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError
from foldgrid.specs.folders import find_sweep, space_folders, sweep_folders
from foldgrid.specs.given import is_given

if TYPE_CHECKING:
    from foldgrid.analysis.ranking.ranking import Ranking
    from foldgrid.launching.options import Options
    from foldgrid.launching.session import Session
    from foldgrid.launching.tracking.sendable import GridSummary
    from foldgrid.records import RunStore
    from foldgrid.search.session import SearchSession
    from foldgrid.specs.reading import Document

MOST_COMMANDS = 3
"""That a launch ends with."""


def launch(
    sweep: SweepName | None = None,
    *,
    plan: bool = False,
    data: Path | None = None,
    photos: Path | None = None,
    budget: Literal["auto", "smoke", "probe", "paper"] = "auto",
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    only: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto",
    tracker: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    storage: str = "runs",
    address: str | None = None,
    hyperparameters: str | None = None,
    executor: Literal["ray", "inline"] = "ray",
    canary: Literal["shuffled_scores"] | None = None,
    search_storage: str | None = None,
    keep: Literal["best", "none"] | None = None,
    trials: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    time_budget: str | None = None,
    weights: Literal["auto", "fetch", "present", "required", "none"] | None = None,
    mirror: str | None = None,
) -> int:
    """Run a sweep; run it again, and it trains only what is missing.

    Args:
        sweep: A name that `foldgrid list` shows, or the path of a YAML file.
        plan: Print what would run and stop.
        data: A manifest of your photographs, instead of the embedded synthetic trial.
        photos: The folder that the manifest's paths are relative to, where it is not the
            manifest's own.
        budget: How much training: probe solves heads on frozen backbones, paper trains in full,
            smoke shows that everything works. auto is the run folder's own where there is one, else
            paper with a GPU and probe without.
        set_: Override a key of the sweep, as in training.lr=0.003. May be repeated.
        only: A part of the grid: backbone=resnet34 or fold=0. May be repeated.
        wandb: Weights & Biases. auto is online where it has a key, else offline.
        tracker: Show the sweep here, too: tensorboard, or another package's; none shows it nowhere,
            in W&B neither. May be repeated.
        storage: Where run folders go: a folder, or a URI such as s3://bucket/prefix.
        address: An existing Ray cluster: auto, or HOST:PORT.
        hyperparameters: The run folder of a search, whose best recipe trains this grid.
        executor: ray trains fits side by side; inline one after another, without Ray.
        canary: Train the sweep once more on scores that its pictures cannot tell, in a run folder
            of its own; skill that remains is a leak, and `foldgrid check` finds it.
        search_storage: Where a search remembers, instead of a journal file in its run folder:
            postgresql://USER@HOST/DATABASE for many machines, sqlite:///FILE for one.
        keep: best keeps the weights that made the predictions, none only the predictions; without
            it the sweep says.
        trials: Of a search: this many more trials, for each backbone where it searches each,
            instead of as many as the sweep says in all.
        time_budget: End the launch after this long (2h, 90m, 1h30m); what is running then goes
            on at the next launch.
        weights: Pre-trained weights: fetch downloads what is missing before it trains, present
            leaves networks out where something is, required refuses to start there, auto starts
            from random weights there, none always does; without it the sweep says.
        mirror: The URL of a folder that holds the same weight files, for --weights fetch.
    """
    if sweep is None:
        raise SweepError(
            "No sweep was named.\n"
            "`foldgrid list` shows them; `foldgrid launch all_backbones` runs the main one."
        )
    path = find_sweep(sweep, sweep_folders())
    from foldgrid.launching.options import Options

    options = Options(
        sweep=sweep,
        budget=budget,
        overrides=(*set_, *photos_override(photos)),
        only=only,
        manifest=data,
        trackers=trackers_of(wandb, tracker),
        storage=storage,
        address=address,
        executor=executor,
        hyperparameters=hyperparameters,
        canary=canary,
        search_storage=search_storage,
        keep=keep,
        trials=trials,
        time_budget=time_budget,
        weights=weights,
        mirror=mirror,
        only_plan=plan,
    )
    with goes_on(GOES_ON):
        num_failed, _ = launch_sweep(path, options, Console())
    return 1 if num_failed else 0


def photos_override(photos: Path | None) -> tuple[str, ...]:
    """``--photos`` as ``--set`` writes it."""
    return () if photos is None else (f"data.photos={json.dumps(str(photos))}",)


def launch_sweep(
    path: Path | Document, options: Options, console: Console
) -> tuple[int, Session | SearchSession]:
    """Plans a sweep and, unless only its plan is asked for, runs it.

    Args:
        path: The sweep's file, or what would stand in it.
        options: The command line's.
        console: Where to show plan, progress and results.

    Returns:
        How many fits failed, and the session, which is closed.
    """
    from foldgrid.sessions import open_session

    session = open_session(path, space_folders(), options, console)
    num_failed, is_hurried = 0, False
    try:
        if not options.only_plan:
            num_failed = run(session, console)
    except KeyboardInterrupt:
        is_hurried = True
        raise
    finally:
        for warning in session.close(is_hurried=is_hurried):
            console.print(f"note: {warning}", markup=False, soft_wrap=True)
    session.print_failures()
    return num_failed, session


def trackers_of(wandb: str, others: Sequence[str]) -> dict[str, str]:
    """By name, the way of each tracker that a launch tells.

    Args:
        wandb: What ``--wandb`` says.
        others: What ``--tracker`` says.

    Raises:
        SweepError: Of ``--tracker none`` and another, one has to go.
    """
    if "none" not in others:
        return {"wandb": wandb, **dict.fromkeys((n for n in others if n != "wandb"), "")}
    contradicting = [f"--tracker {name}" for name in others if name != "none"]
    if wandb in ("online", "offline"):
        contradicting.append(f"--wandb {wandb}")
    if contradicting:
        raise SweepError(
            f"--tracker none shows the sweep nowhere; found {', '.join(contradicting)} beside it.\n"
            "Leave one of them out."
        )
    return {"none": ""}


def run(session: Session | SearchSession, console: Console) -> int:
    """Trains, says why it ended early if it did, and what came of it; returns how many failed."""
    from foldgrid.launching.session import Session

    num_failed = session.train()
    if session.deadline.cut_short:
        words = f"\nThe time budget of {session.options.time_budget} is used up: {GOES_ON}"
        console.print(words, markup=False, soft_wrap=True)
    if not can_be_ranked(session, console):
        return 1
    if isinstance(session, Session):
        report(session, console)
    else:
        report_search(session, console)
    return num_failed


def can_be_ranked(session: Session | SearchSession, console: Console) -> bool:
    """Says what ended the training early; whether what there is can be ranked and written."""
    ended_by, where = session.limit.ended_by, session.prepared.store.location
    if ended_by is None:
        return True
    if ended_by.kind == "disk_full":
        print_disk_is_full(where, ended_by.message, GOES_ON)
        return False
    if ended_by.kind == "storage_away":
        print_storage_is_away(where, ended_by.message, GOES_ON)
        return False
    words = (
        f"\n{session.limit.num_in_a_row} failed one after another, so the launch was ended "
        f"(resources.max_failures_in_a_row). Mend the cause, then {GOES_ON}"
    )
    console.print(words, markup=False, soft_wrap=True)
    return True


def report(session: Session, console: Console) -> None:
    """Ranks what is complete, tells the trackers, says where everything is and what is next."""
    from foldgrid.analysis.ranking.terminal import render_terminal

    store = session.prepared.store
    console.print()
    try:
        ranking, summary = rank_and_summarise(store)
    except SweepError as error:
        # Training was not in vain: say why there is no ranking yet, and carry on.
        console.print(str(error), markup=False)
        return
    render_terminal(ranking, console)
    session.summarise(*summary)
    run = store.location
    console.print()
    console.print(f"results   {run}/leaderboard.csv and .json", markup=False, soft_wrap=True)
    console.print(
        f"report    {run}/report.html, made by the first command below",
        markup=False,
        soft_wrap=True,
    )
    print_next(next_commands(run), session, console)


def rank_and_summarise(store: RunStore) -> tuple[Ranking, GridSummary]:
    """Ranks what is complete, stores the ranking, and says what trackers are notified of it.

    Raises:
        SweepError: There is no ranking yet.
    """
    from foldgrid.analysis.evaluation import unit_predictions
    from foldgrid.analysis.ranking.build import evaluate_and_rank, ranking_table
    from foldgrid.analysis.ranking.leaderboard import save

    evaluation, ranking = evaluate_and_rank(store)
    save(store, ranking)
    best = ranking.best.model
    # A table that somebody gave is nothing to send on.
    ordered = [best, *(row.model for row in ranking.rows)]
    shown = next(name for name in ordered if not is_given(name))
    return ranking, (ranking_table(ranking), unit_predictions(evaluation, shown), {"best": best})


def report_search(session: SearchSession, console: Console) -> None:
    """Says what a search found, what that is worth, where it is, and what to type next."""
    from foldgrid.analysis.search.summary import print_summary, summarize_search

    try:
        summaries = summarize_search(session.prepared.store)
    except SweepError as error:
        # Training was not in vain: what was found is written without what it is worth.
        console.print(f"\n{error}", markup=False, soft_wrap=True)
        summaries = ()
    session.finalize({each.study.entry.name: each.best for each in summaries})
    for each in summaries:
        print_summary(each, console)
    run = session.prepared.store.location
    quoted = shlex.quote(run)
    console.print(
        f"\nresults   {run}/best.yaml\ntrials    {run}/search/trials.csv",
        markup=False,
        soft_wrap=True,
    )
    num_elsewhere = session.num_elsewhere()
    if num_elsewhere:
        lie, they = ("lies", "it is") if num_elsewhere == 1 else ("lie", "they are")
        console.print(
            f"\n{counted(num_elsewhere, 'trial')} {lie} in other launches' run folders: {they} in "
            "both files, and not in what is said above. The best of all is in best.yaml.",
            markup=False,
            soft_wrap=True,
        )
    commands = [
        f"foldgrid report {quoted}",
        f"foldgrid launch all_backbones --hyperparameters {quoted}",
        f"optuna-dashboard {shlex.quote(session.storage.dashboard)}",
    ]
    print_next(commands, session, console)


def print_next(commands: list[str], session: Session | SearchSession, console: Console) -> None:
    """Says where trackers have the runs, and the three things to type next.

    What a tracker needs, such as sending what it lacks, goes before all but the first.
    """
    more = []
    for name, tracker in session.trackers.items():
        place = session.place_of(name)
        where = tracker.shown_at(place)
        if where:
            console.print(f"{tracker.title:<9} {where}", markup=False, soft_wrap=True)
        more.append(tracker.next_command(place))
    console.print("\nNext:")
    first, *rest = commands
    for command in [first, *filter(None, more), *rest][:MOST_COMMANDS]:
        console.print(f"  {command}", markup=False, soft_wrap=True)


def next_commands(run: str) -> list[str]:
    """What a user may want to type after a grid."""
    quoted = shlex.quote(run)
    return [
        f"foldgrid report {quoted}",
        f"foldgrid check {quoted}",
        f"foldgrid rank {quoted} --format latex",
    ]


def status(run: RunFolder, /) -> None:
    """Print how far the launch of a run folder has come, from any terminal.

    Args:
        run: The run folder, such as runs/all_backbones.
    """
    from foldgrid.launching.progress.status import print_status, read_status
    from foldgrid.records import RunStore

    store = RunStore.open(run)
    print_status(read_status(store), store, Console())
