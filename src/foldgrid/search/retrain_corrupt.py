"""Trials that are over and whose files are not what was written: named, then trained again.

A trial is trained again under its number and with its values, and ends where it ended; the study
keeps the score that it was reported, which is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from foldgrid.launching.planning.corruption import Fact, corruption_rows
from foldgrid.records import SearchStore, TrialFolder
from foldgrid.search.trial_log import TrialLog
from foldgrid.search.trials import TrialJob
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import CorruptFileError, SweepError
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tracking.runs import run_id_of


@dataclass(frozen=True)
class CorruptTrial:
    """A trial that is over and must be trained again.

    Attributes:
        study: The study's name.
        folder: Its folder.
        faults: Its files that are corrupt, each with what is wrong with it.
    """

    study: str
    folder: TrialFolder
    faults: tuple[str, ...]


def find_corrupt(store: SearchStore, studies: Iterable[str]) -> tuple[CorruptTrial, ...]:
    """The trials of some studies that are over and not whole; looks, and changes nothing."""
    found = [
        CorruptTrial(study, folder, folder.faults())
        for study in studies
        for folder in store.trials(study)
    ]
    return tuple(each for each in found if each.faults)


def corrupt_facts(corrupt: Sequence[CorruptTrial]) -> list[Fact]:
    """The corrupt trials as rows of the plan; none where all are whole."""
    lines = [f"search/{trial.folder.name}/{fault}" for trial in corrupt for fault in trial.faults]
    number = len(corrupt)
    verb = "is" if number == 1 else "are"
    trials = f"{counted(number, 'trial')} that {verb} over"
    return corruption_rows(
        lines, f"{trials} {verb} not what was written, and {verb} trained again:"
    )


def set_aside(
    corrupt: Iterable[CorruptTrial],
    reported: Mapping[tuple[str, int], TrialRecord],
    forget: Callable[[str], None],
    sweep: str,
) -> None:
    """Clears away what corrupt trials left, once it is noted what they were.

    Args:
        corrupt: The trials.
        reported: By study and number, the records that the studies remember.
        forget: Called with the id of each one's run, for trackers to forget.
        sweep: The sweep's name.

    Raises:
        SweepError: A trial went on with other trials' networks, so nobody can train it again.
    """
    for trial in corrupt:
        record = _record_in(trial) or reported.get((trial.study, trial.folder.number))
        if record is not None and record.changes:
            raise SweepError(
                f"{trial.folder.path}: corrupt ({'; '.join(trial.faults)}), and the trial went on "
                "with other trials' networks, so it cannot be trained again by itself.\n"
                "Remove its folder: the search goes on without it."
            )
        forget(run_id_of(sweep, f"{trial.study}-{trial.folder.number:04}"))
        if record is None:
            # Nobody knows what it was; should the study ask for its number, it is trained.
            trial.folder.forget()
        else:
            trial.folder.set_aside(record)


def _record_in(trial: CorruptTrial) -> TrialRecord | None:
    try:
        record = trial.folder.read_record()
    except CorruptFileError:
        return None
    return record if (record.study, record.number) == (trial.study, trial.folder.number) else None


class RetrainSteering:
    """Ends trials that are trained again where they ended; see ``Steering``.

    Args:
        records: By number, what they came to.
        trial_log: Writes what a trial leaves that was stopped.
    """

    def __init__(self, records: Mapping[int, TrialRecord], trial_log: TrialLog) -> None:
        self._records, self._trial_log = records, trial_log

    def should_stop(self, job: TrialJob, epoch: TrialEpoch) -> bool:
        """See ``Steering``."""
        record = self._records[job.number]
        return record.status == "stopped" and epoch.epoch >= record.num_epochs

    def stopped(self, job: TrialJob) -> None:
        """See ``Steering``."""
        self._trial_log.stopped(job)

    def ray_scheduler(self) -> None:
        """None: it is known where each ends."""
