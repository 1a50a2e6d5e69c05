"""A search's trials as executors know them."""

from __future__ import annotations

from dataclasses import replace

from foldgrid.execution.memory import lighter_fit, with_known_size
from foldgrid.records import LogFile, SearchStore
from foldgrid.search.lockstep import LockstepTrial
from foldgrid.search.trials import TrialTask, is_of
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.training import TrainingData


class TrialWork:
    """See ``execution.work.Work``.

    Args:
        data: The training samples alone.
        store: The search's folder.
    """

    epoch_type, record_type = TrialEpoch, TrialRecord

    def __init__(self, data: TrainingData, store: SearchStore) -> None:
        self.data, self.store = data, store.absolute()

    def finished(self, task: TrialTask) -> TrialRecord | None:
        """The trial's record, where it is over and the launcher was told twice."""
        folder = self.store.trial(task.study, task.number)
        record = folder.read_record() if folder.is_over() else None
        return record if record is not None and is_of(record, task) else None

    def open(self, task: TrialTask, state: bytes | None = None) -> LockstepTrial:
        """See ``Work``."""
        return LockstepTrial(
            task, self.data, self.store.trial(task.study, task.number), state or None
        )

    def state(self, job: LockstepTrial) -> bytes:
        """See ``Work``."""
        return job.state()

    def recall(self, task: TrialTask) -> TrialTask:
        """See ``Work``; a trial's folds, in memory together, are remembered apart from fits."""
        root = self.store.root
        return replace(task, fits=tuple(with_known_size(fit, root) for fit in task.fits))

    def lighter(self, task: TrialTask) -> TrialTask | None:
        """See ``Work``; the folds are of one backbone, and halved together."""
        half = lighter_fit(task.fits[0], self.store.root)
        if half is None:
            return None
        size = half.micro_batch_size
        return replace(task, fits=tuple(replace(fit, micro_batch_size=size) for fit in task.fits))

    def open_log(self, task: TrialTask) -> LogFile:
        """See ``Work``."""
        return self.store.trial(task.study, task.number).open_log()

    @staticmethod
    def gpus(task: TrialTask) -> float:
        """See ``Work``; the folds share one worker."""
        return task.fits[0].gpus

    def note_failure(self, task: TrialTask, text: str) -> None:
        """See ``Work``."""
        self.store.trial(task.study, task.number).write_failure(text)
