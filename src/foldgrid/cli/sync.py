"""``foldgrid sync``: what W&B's server lacks of a run folder, sent from the records.

Knows which fits and trials there are and what is said of them; how a run is sent is `tracking`'s.
See docs/decisions/0020.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.console import Console

from foldgrid.cli.launch import rank_and_summarise
from foldgrid.cli.terminal import RunFolder, goes_on
from foldgrid.launching.interrupt import Interrupt
from foldgrid.launching.tracking.projecting import local_run_folder
from foldgrid.launching.tracking.sendable import (
    Config,
    Epoch,
    Record,
    Sendable,
    grid_sendable,
)
from foldgrid.records import RunLock, RunStore
from foldgrid.records.run_lock import read_holder
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import StorageAwayError, SweepError
from foldgrid.specs.reading import Document, validate
from foldgrid.specs.sweep import Sweep
from foldgrid.tracking.wandb import (
    NotSentError,
    RunSender,
    SentRun,
    has_key,
    resolve_mode,
)

MOST_IN_A_ROW = 2
"""One run that W&B refuses is left out; two are a W&B that is away, and none else is tried."""


@dataclass
class Tally:
    """What became of a run folder's runs.

    Attributes:
        sent: Runs that were sent now.
        num_there: Runs that were listed as sent before.
        not_sent: By name, why a run was not sent.
        away: What W&B's absence looks like; empty where it answered.
        is_summary_sent: Whether the summary was sent now.
        no_summary: Why there is none yet.
        url: Where people look at the runs.
    """

    sent: list[SentRun] = field(default_factory=list)
    num_there: int = 0
    not_sent: dict[str, str] = field(default_factory=dict)
    away: str = ""
    is_summary_sent: bool = False
    no_summary: str = ""
    url: str = ""


def sync(
    run: RunFolder,
    /,
    *,
    _wandb: Annotated[Literal["auto", "online"], Parameter("--wandb", show=False)] = "auto",
) -> int:
    """Send what W&B's server lacks of a run folder, from its records.

    It may be repeated: what is there is not sent again.

    Args:
        run: The run folder, such as runs/all_backbones.
        _wandb: What a launch's command line may end with.

    Raises:
        SweepError: There is no W&B key, a launch trains there, or the run folder is corrupt.
    """
    with goes_on("run the same command again; it sends only what is missing."):
        return sync_run(RunStore.open(run), Console())


def sync_run(store: RunStore, console: Console) -> int:
    """Sends what W&B lacks of a run folder, and says what that was; returns the exit code."""
    _check_wandb()
    holder = read_holder(store.root)
    if holder is not None and holder.is_alive():
        raise SweepError(
            f"{store.location}: somebody writes into this run folder: {holder.describe()}.\n"
            "A launch tells W&B itself; `foldgrid sync` when it has ended."
        )
    with Interrupt(), RunLock(store.root):
        sweep = _read_sweep(store)
        if sweep.search_space is None:
            grid = grid_sendable(store, sweep, lambda store: rank_and_summarise(store)[1])
            return _sync(store, sweep, grid, console)
        # Optuna takes half a second that a grid need not pay.
        from foldgrid.search.sync import search_sendable

        return _sync(store, sweep, search_sendable(store, sweep), console)


def _check_wandb() -> None:
    if resolve_mode("online") == "disabled":
        raise SweepError(
            "foldgrid sync: W&B's library is not installed.\nInstall it with `pip install wandb`."
        )
    if not has_key():
        raise SweepError(
            "foldgrid sync: no W&B key was found.\n"
            "Log in with `wandb login`, or set WANDB_API_KEY; nothing is lost meanwhile."
        )


def _read_sweep(store: RunStore) -> Sweep:
    return validate(Sweep, Document(f"{store.location}/sweep.yaml", store.read_sweep(), {}))


def _sync(
    store: RunStore, sweep: Sweep, found: Sendable[Config, Epoch, Record], console: Console
) -> int:
    folder = local_run_folder(store, sweep.name)
    folder.mkdir(parents=True, exist_ok=True)
    tally = Tally()
    with RunSender(folder, found.kind) as sender:
        _send_runs(found, sender, tally, console)
        if not tally.away:
            _send_summary(found, sender, tally)
        tally.url = sender.project_url
    for line in _account(found, tally):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if tally.not_sent or tally.away else 0


def _send_runs(
    found: Sendable[Config, Epoch, Record],
    sender: RunSender[Config, Epoch, Record],
    tally: Tally,
    console: Console,
) -> None:
    """Sends run after run, until W&B is away."""
    num_in_a_row = 0
    for number, run in enumerate(found.finished, 1):
        try:
            config, record = run.read()
            if sender.is_sent(config):
                tally.num_there += 1
                continue
            sent = sender.send(config, record, run.read_history())
        except NotSentError as error:
            num_in_a_row += 1
            tally.not_sent[run.name] = str(error)
            if num_in_a_row == MOST_IN_A_ROW:
                tally.away = str(error)
                return
            continue
        except StorageAwayError:
            raise
        except (SweepError, LookupError, OSError, ValueError) as error:
            # The next launch trains it again, or says what is wrong with it.
            tally.not_sent[run.name] = str(error).splitlines()[0]
            continue
        num_in_a_row = 0
        tally.sent.append(sent)
        words = f"[{number}/{len(found.finished)}] {run.name}: {_words(sent)}"
        console.print(words, markup=False, highlight=False, soft_wrap=True)


def _words(sent: SentRun) -> str:
    words = f"{counted(sent.num_sent, 'epoch')} sent"
    if sent.num_there:
        words += f", {sent.num_there} were there"
    if sent.num_beyond:
        words += (
            f". W&B has {sent.num_beyond} more than its record: it was trained again and ended "
            "earlier; W&B takes nothing back"
        )
    return words


def _send_summary(
    found: Sendable[Config, Epoch, Record],
    sender: RunSender[Config, Epoch, Record],
    tally: Tally,
) -> None:
    if not found.finished or sender.is_summary_sent():
        return
    try:
        content = found.summarise()
        if content is not None:
            sender.send_summary(content)
            tally.is_summary_sent = True
    except NotSentError as error:
        tally.not_sent["the summary"] = str(error)
    except SweepError as error:
        tally.no_summary = str(error).splitlines()[0]


def _account(found: Sendable[Config, Epoch, Record], tally: Tally) -> Iterator[str]:
    """What was sent, what was there, what waits, and what to do."""
    parts = []
    if tally.sent:
        epochs = counted(sum(sent.num_sent for sent in tally.sent), "epoch")
        parts.append(f"{counted(len(tally.sent), 'run')} sent with {epochs}")
    if tally.is_summary_sent:
        parts.append("the summary sent")
    if tally.num_there:
        parts.append(f"{counted(tally.num_there, 'run')} sent earlier")
    yield f"W&B       {'; '.join(parts) or 'nothing sent'}"
    if found.num_unfinished:
        words = f"{counted(found.num_unfinished, found.what)} not finished yet"
        yield f"waits     {words}: a run is sent when its {found.what} is"
    if tally.no_summary:
        yield f"waits     the summary: {tally.no_summary}"
    if tally.away:
        left = len(found.finished) - len(tally.sent) - tally.num_there
        yield f"waits     {counted(left, 'run')}: W&B could not be reached ({tally.away})"
    else:
        for name, why in tally.not_sent.items():
            yield f"not sent  {name}: {why}"
    if tally.away or tally.not_sent:
        yield "Nothing is lost. Run the same command again; it sends only what is missing."
    if tally.url:
        yield f"see       {tally.url}"
