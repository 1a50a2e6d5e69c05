"""Run a sweep: read it, show the plan, train what is missing, say where the results are."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, validators
from rich.console import Console

from foldgrid.cli.terminal import SPACES, SWEEPS
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.passwords import hide_all_passwords, hide_passwords
from foldgrid.specs.resolving import find_sweep, read_space, resolve_sweep, yaml_files

if TYPE_CHECKING:
    from foldgrid.analysis.ranking.board import Ranking
    from foldgrid.launching.session import Session
    from foldgrid.launching.tracking.sendable import GridSummary
    from foldgrid.records import RunStore
    from foldgrid.search.session import SearchSession

INTERRUPTED, TERMINATED = 130, 143


GOES_ON = "run the same command again; it trains only what is missing."


app = App(
    name="python launch.py",
    help="Train a grid of image models by cross-validation folds and rank them.",
    version_flags=[],
    # Ctrl-C is answered by `main`, with what to do next.
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)


@app.default
def launch(
    *,
    sweep: str | None = None,
    plan: bool = False,
    status: str | None = None,
    sync: str | None = None,
    list_: Annotated[bool, Parameter(name="--list", negative=())] = False,
    data: Path | None = None,
    budget: Literal["auto", "smoke", "paper"] = "auto",
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
    weights: Literal["auto", "fetch", "required", "none"] | None = None,
    mirror: str | None = None,
) -> int:
    """Run a sweep; run it again, and it trains only what is missing.

    Args:
        sweep: A name in sweeps/, or the path of a YAML file.
        plan: Print what would run and stop.
        status: Print how far the launch of a run folder has come, from any terminal, and stop.
        sync: Send what W&B's server lacks of a run folder, from its records, and stop; may be
            repeated.
        list_: Print the sweeps and the search spaces there are and stop.
        data: A manifest of your photographs, instead of the embedded synthetic trial.
        budget: How much training. auto is paper with a GPU and smoke without one.
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
            of its own; skill that remains is a leak, and `python -m analysis check` finds it.
        search_storage: Where a search remembers, instead of a journal file in its run folder:
            postgresql://USER@HOST/DATABASE for many machines, sqlite:///FILE for one.
        keep: best keeps the weights that made the predictions, none only the predictions; without
            it the sweep says.
        trials: Of a search: this many more trials, for each backbone where it searches each,
            instead of as many as the sweep says in all.
        time_budget: End the launch after this long (2h, 90m, 1h30m); what is running then goes
            on at the next launch.
        weights: Pre-trained weights: fetch downloads what is missing before it trains, required
            refuses to start where something is, auto starts from random weights there, none
            always does; without it the sweep says.
        mirror: The URL of a folder that holds the same weight files, for --weights fetch.
    """
    given = given_options(locals())
    console = Console()
    if sync is not None:
        return send_missing(sync, given, console)
    if list_:
        return print_list(console)
    if status is not None:
        return show_status(status, console)
    if sweep is None:
        raise SweepError(
            "--sweep is missing: name the sweep to run.\n"
            "`python launch.py --list` shows them; `python launch.py --sweep all_backbones` runs "
            "the main one."
        )
    path = find_sweep(sweep, SWEEPS)
    from foldgrid.launching.options import Options
    from foldgrid.sessions import open_session

    options = Options(
        sweep=sweep,
        budget=budget,
        overrides=set_,
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
    session = open_session(path, SPACES, options, console)
    num_failed, is_hurried = 0, False
    try:
        if not plan:
            num_failed = run(session, console)
    except KeyboardInterrupt:
        is_hurried = True
        raise
    finally:
        for warning in session.close(is_hurried=is_hurried):
            console.print(f"note: {warning}", markup=False, soft_wrap=True)
    session.print_failures()
    return 1 if num_failed else 0


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
        print_disk_is_full(where, ended_by.message)
        return False
    if ended_by.kind == "storage_away":
        print_storage_is_away(where, ended_by.message)
        return False
    words = (
        f"\n{session.limit.num_in_a_row} failed one after another, so the launch was ended "
        f"(resources.max_failures_in_a_row). Mend the cause, then {GOES_ON}"
    )
    console.print(words, markup=False, soft_wrap=True)
    return True


def print_disk_is_full(where: str, error: str) -> None:
    """Says that nothing can be written, and what to do."""
    print(
        f"\n{where}: the disk is full ({error}{free_room(where)}).\n"
        "What was written is whole, and what was under way goes on from its last checkpoint.\n"
        f"Make room there, or copy the folder to a larger disk for --storage; then {GOES_ON}",
        file=sys.stderr,
    )


def free_room(where: str) -> str:
    """How much is free where a file or folder of this machine is, for people."""
    path = Path(where)
    while not path.exists() and path != path.parent:
        path = path.parent
    return f"; {shutil.disk_usage(path).free / 2**20:,.1f} MiB are free"


def print_storage_is_away(where: str, error: str) -> None:
    """Says that the object store is gone, and what to do."""
    print(f"\n{where}: the object store is away ({error}).", file=sys.stderr)
    print(f"Once it answers again, {GOES_ON}", file=sys.stderr)


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
    console.print(f"results   {run}/", markup=False, soft_wrap=True)
    console.print(f"ranking   {run}/leaderboard.csv and .json", markup=False, soft_wrap=True)
    shown = ranking.scoring.shown
    print_next(
        next_commands(run, shown[-1] if shown[-1] != ranking.by else shown[0]), session, console
    )


def rank_and_summarise(store: RunStore) -> tuple[Ranking, GridSummary]:
    """Ranks what is complete, stores the ranking, and says what trackers are told of it.

    Raises:
        SweepError: There is no ranking yet.
    """
    from foldgrid.analysis.evaluation import unit_predictions
    from foldgrid.analysis.ranking.leaderboard import save
    from foldgrid.analysis.ranking.making import judge_and_rank, ranking_table

    judgement, ranking = judge_and_rank(store)
    save(store, ranking)
    best = ranking.best.model
    return ranking, (ranking_table(ranking), unit_predictions(judgement, best), {"best": best})


def report_search(session: SearchSession, console: Console) -> None:
    """Says what a search found, what that is worth, where it is, and what to type next."""
    from foldgrid.analysis.search.conclusion import conclude, print_conclusion

    try:
        conclusions = conclude(session.prepared.store)
    except SweepError as error:
        # Training was not in vain: what was found is written without what it is worth.
        console.print(f"\n{error}", markup=False, soft_wrap=True)
        conclusions = ()
    session.conclude({each.study.entry.name: each.best for each in conclusions})
    for each in conclusions:
        print_conclusion(each, console)
    run = session.prepared.store.location
    quoted = shlex.quote(run)
    console.print(
        f"\nresults   {run}/best.yaml\ntrials    {run}/search/trials.csv",
        markup=False,
        soft_wrap=True,
    )
    num_elsewhere = session.num_elsewhere()
    if num_elsewhere:
        console.print(
            f"\n{num_elsewhere} trials lie in other launches' run folders: they are in both files, "
            "and not in what is said above. The best of all is in best.yaml.",
            markup=False,
            soft_wrap=True,
        )
    commands = [
        f"python -m analysis report {quoted}",
        f"python launch.py --sweep all_backbones --hyperparameters {quoted}",
        f"optuna-dashboard {shlex.quote(session.storage.dashboard)}",
    ]
    print_next(commands, session, console)


def print_next(commands: list[str], session: Session | SearchSession, console: Console) -> None:
    """Says where trackers have the runs, and what a user may want to type next."""
    more = []
    for name, tracker in session.trackers.items():
        place = session.place_of(name)
        where = tracker.shown_at(place)
        if where:
            console.print(f"{tracker.title:<9} {where}", markup=False, soft_wrap=True)
        more.append(tracker.next_command(place))
    console.print("\nNext:")
    for command in filter(None, [*commands, *more]):
        console.print(f"  {command}", markup=False, soft_wrap=True)


def next_commands(run: str, by: str) -> list[str]:
    """What a user may want to type after a grid."""
    quoted = shlex.quote(run)
    return [
        f"python -m analysis report {quoted}",
        f"python -m analysis check {quoted}",
        f"python -m analysis rank {quoted} --by {by}",
        f"python -m analysis rank {quoted} --format latex",
    ]


def send_missing(run: str, given: Mapping[str, object], console: Console) -> int:
    """Sends what W&B lacks of a run folder; see ``cli.sync``.

    Args:
        run: The run folder.
        given: By name, the options of the command line.
        console: Where to say what was sent.
    """
    from foldgrid.records import RunStore

    if given.get("--wandb") in ("offline", "disabled"):
        raise SweepError(
            f"--sync speaks to W&B's server, so --wandb {given['--wandb']} contradicts it.\n"
            "Leave --wandb out."
        )
    others = [name for name in given if name not in ("--sync", "--wandb")]
    if others:
        raise SweepError(
            f"--sync sends what a run folder holds and does nothing else; found {', '.join(others)}"
            f" beside it.\nGive `python launch.py --sync {shlex.quote(run)}`."
        )
    from foldgrid.cli.sync import sync_run

    try:
        return sync_run(RunStore.open(run), lambda store: rank_and_summarise(store)[1], console)
    except KeyboardInterrupt as stop:
        print("\nStopped: run the same command again; it sends only what is missing.")
        return exit_code_of(stop)


def given_options(values: Mapping[str, object]) -> dict[str, object]:
    """By name, the options of ``launch`` that are not at their defaults."""
    return {
        f"--{name.strip('_').replace('_', '-')}": values[name]
        for name, parameter in signature(launch).parameters.items()
        if values[name] != parameter.default
    }


def show_status(run: str, console: Console) -> int:
    """Prints how far a run folder has come; see ``launching.progress.status``."""
    from foldgrid.launching.progress.status import print_status, read_status
    from foldgrid.records import RunStore

    store = RunStore.open(run)
    print_status(read_status(store), store, console)
    return 0


def print_list(console: Console) -> int:
    """Prints the sweeps and the search spaces, a line each; the broken ones with what is wrong."""
    readers: dict[str, tuple[Path, Callable[[Path], str]]] = {
        "Sweeps": (SWEEPS, lambda path: resolve_sweep(path, "paper", spaces=SPACES).sweep.title),
        "Search spaces": (SPACES, lambda path: read_space(path).title),
    }
    for heading, (folder, read_title) in readers.items():
        console.print(f"{heading}, in {folder.name}/")
        for name, path in yaml_files(folder).items():
            try:
                title = read_title(path)
            except SweepError as error:
                title = f"cannot be read: {str(error).splitlines()[0]}"
            line = f"  {name:<16} {title}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code.

    0 done, 1 fits failed, 2 wrong input, 130 ended by Ctrl-C, 143 by SIGTERM.
    """
    # What third parties warn of is for their developers; our own messages are not warnings.
    warnings.simplefilter("ignore")
    try:
        if arguments is None:
            arguments = sys.argv[1:]
            # Nobody who records the command line from here on learns of a password in it.
            sys.argv[1:] = hide_all_passwords(arguments)
        return int(app(arguments, exit_on_error=False, print_error=False) or 0)
    except (SweepError, CycloptsError) as error:
        print(hide_passwords(str(error)), file=sys.stderr)
        return 2
    except StorageAwayError as error:
        print_storage_is_away(str(error.filename), str(error.strerror))
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print_disk_is_full(str(error.filename or "The run folder"), os.strerror(error.errno))
        return 1
    except KeyboardInterrupt as stop:
        print(f"\nStopped: {GOES_ON}")
        return exit_code_of(stop)


def exit_code_of(stop: KeyboardInterrupt) -> int:
    """As a shell would report the signal."""
    return INTERRUPTED if type(stop) is KeyboardInterrupt else TERMINATED
