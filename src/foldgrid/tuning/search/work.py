"""A search's trials as executors know them."""

from __future__ import annotations

from foldgrid.records import SearchStore
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.training import TrainingData
from foldgrid.tuning.search.lockstep import LockstepTrial
from foldgrid.tuning.search.trials import TrialTask, is_of


class TrialWork:
    """See ``tuning.work.Work``.

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

    def note_failure(self, task: TrialTask, text: str) -> None:
        """See ``Work``."""
        self.store.trial(task.study, task.number).write_failure(text)
