"""``search/`` of a run folder: a folder for each trial, written by the launcher.

Law: ``trial.json`` is written last. It exists if and only if the trial is over, and then
``running.jsonl`` and ``state.pt`` are gone.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd

from foldgrid.records.files import FileRoot
from foldgrid.records.log_file import LogFile
from foldgrid.records.run_store import RunStore, run_location
from foldgrid.specs.trials import SearchPlan, TrialEpoch, TrialRecord

UNIT_COLUMNS = ("subject", "visit", "fold", "reference")
"""What identifies a unit of the study, beside what was predicted for it."""


class TrialFolder:
    """The files of one trial.

    Args:
        root: The run folder's ``search/``.
        study: The study's name.
        number: The trial's number in it.
    """

    def __init__(self, root: FileRoot, study: str, number: int) -> None:
        self._root, self._study, self._number = root, study, number

    @property
    def name(self) -> str:
        """Below ``search/``: ``trials/mobilenet_v2-0f3a61b2c4/0007``."""
        return f"trials/{self._study}/{self._number:04}"

    @property
    def path(self) -> str:
        """Where the folder is, for people."""
        return run_location(self._root.location, self.name)

    @property
    def fits(self) -> RunStore:
        """Where the trial's fits keep their histories and their checkpoints."""
        return RunStore(self.path)

    def is_over(self) -> bool:
        """Whether ``trial.json`` is there."""
        return self._root.exists(f"{self.name}/trial.json")

    def complete(
        self, record: TrialRecord, epochs: Sequence[TrialEpoch], units: pd.DataFrame
    ) -> None:
        """Writes all that a trial leaves, ``trial.json`` last.

        Args:
            record: What it came to.
            epochs: All its epochs, in order.
            units: The study's visits: ``UNIT_COLUMNS``, in the order of ``TrialEpoch.predicted``.
        """
        lines = [epoch.model_copy(update={"predicted": ()}) for epoch in epochs]
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        self._root.write_bytes(f"{self.name}/history.jsonl", text.encode())
        predicted = {str(each.epoch): each.predicted for each in epochs if each.predicted}
        table = pd.concat([units[list(UNIT_COLUMNS)], pd.DataFrame(predicted)], axis=1)
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False)
        self._root.write_bytes(f"{self.name}/predictions.parquet", buffer.getvalue())
        record_text = record.model_dump_json(indent=2) + "\n"
        self._root.write_bytes(f"{self.name}/trial.json", record_text.encode(), durable=True)
        for file in ("running.jsonl", "state.pt", "failure.txt"):
            self._root.remove(f"{self.name}/{file}")
        self._root.remove_partials(self.name)

    def append_epoch(self, epoch: TrialEpoch) -> None:
        """Adds a line to ``running.jsonl``, with the epoch's predictions, and flushes it."""
        self._root.append_line(f"{self.name}/running.jsonl", epoch.model_dump_json())

    def write_running(self, epochs: Sequence[TrialEpoch]) -> None:
        """Replaces ``running.jsonl``: the trial goes on from somewhere else."""
        text = "".join(epoch.model_dump_json() + "\n" for epoch in epochs)
        self._root.write_bytes(f"{self.name}/running.jsonl", text.encode())

    def read_running(self) -> list[TrialEpoch]:
        """The epochs of a trial that is not over; a last line torn by a crash is left out.

        Where the trial began anew or went on from an earlier epoch, the later course counts.
        """
        name, epochs = f"{self.name}/running.jsonl", dict[int, TrialEpoch]()
        lines = self._root.read_bytes(name).splitlines() if self._root.exists(name) else []
        for line in lines:
            try:
                epoch = TrialEpoch.model_validate_json(line)
            except ValueError:
                break
            epochs = {n: each for n, each in epochs.items() if n < epoch.epoch}
            epochs[epoch.epoch] = epoch
        return list(epochs.values())

    def write_state(self, state: bytes) -> None:
        """Writes ``state.pt``, all folds at one epoch, to go on from."""
        self._root.write_bytes(f"{self.name}/state.pt", state)

    def read_state(self) -> bytes | None:
        """``state.pt``, or nothing."""
        name = f"{self.name}/state.pt"
        return self._root.read_bytes(name) if self._root.exists(name) else None

    def remove_state(self) -> None:
        """Removes ``state.pt``, if it is there."""
        self._root.remove(f"{self.name}/state.pt")

    def open_log(self) -> LogFile:
        """``trial.log``: what happened to the trial, tries that failed included."""
        return LogFile(self._root, f"{self.name}/trial.log")

    def write_failure(self, text: str) -> None:
        """Writes ``failure.txt``: the traceback of the last try."""
        self._root.write_bytes(f"{self.name}/failure.txt", text.encode())

    def read_record(self) -> TrialRecord:
        """``trial.json``.

        Raises:
            FileNotFoundError: The trial is not over.
        """
        return TrialRecord.model_validate_json(self._root.read_bytes(f"{self.name}/trial.json"))

    def read_history(self) -> list[TrialEpoch]:
        """``history.jsonl``: the epochs, without their predictions."""
        content = self._root.read_bytes(f"{self.name}/history.jsonl")
        return [TrialEpoch.model_validate_json(line) for line in content.splitlines()]

    def read_epochs(self) -> list[TrialEpoch]:
        """The epochs as the trial reported them, with their predictions."""
        table = self._predictions()
        return [
            each.model_copy(update={"predicted": tuple(table[str(each.epoch)].tolist())})
            if str(each.epoch) in table
            else each
            for each in self.read_history()
        ]

    def read_visits(self, epoch: int | None = None) -> pd.DataFrame:
        """The visits as predicted after ``epoch``; without one, after the last that has a score.

        Returns:
            subject, visit, fold, reference, predicted.

        Raises:
            KeyError: The trial has no score after that epoch.
        """
        table = self._predictions()
        scored = [name for name in table if name not in UNIT_COLUMNS]
        name = str(epoch) if epoch is not None else (scored or ["1"])[-1]
        return table[list(UNIT_COLUMNS)].assign(predicted=table[name])

    def _predictions(self) -> pd.DataFrame:
        data = self._root.read_bytes(f"{self.name}/predictions.parquet")
        return pd.read_parquet(io.BytesIO(data))


class SearchStore:
    """Reads and writes ``search/`` of a run folder.

    Args:
        location: Of the folder, a path or a URI; see ``of``.
    """

    def __init__(self, location: str) -> None:
        self.root = FileRoot(location)

    @classmethod
    def of(cls, run: RunStore) -> SearchStore:
        """The search in a run folder, there or not."""
        return cls(run_location(run.location, "search"))

    @property
    def location(self) -> str:
        """Where it is."""
        return self.root.location

    def exists(self) -> bool:
        """Whether anything was searched here."""
        return self.root.exists("plan.json")

    def absolute(self) -> SearchStore:
        """The same folder, named so that a process elsewhere on this machine finds it."""
        return SearchStore(self.root.absolute().location)

    def write_plan(self, plan: SearchPlan) -> None:
        """Writes ``plan.json``: what is searched."""
        text = plan.model_dump_json(indent=2) + "\n"
        self.root.write_bytes("plan.json", text.encode())

    def read_plan(self) -> SearchPlan:
        """``plan.json``.

        Raises:
            FileNotFoundError: Nothing was searched here.
        """
        return SearchPlan.model_validate_json(self.root.read_bytes("plan.json"))

    def trial(self, study: str, number: int) -> TrialFolder:
        """The folder of one trial, there or not."""
        return TrialFolder(self.root, study, number)

    def trials(self, study: str) -> list[TrialFolder]:
        """The folders of a study's trials that are over, by number."""
        names = [name for name in self.root.folders(f"trials/{study}") if name.isdigit()]
        folders = [self.trial(study, number) for number in sorted(map(int, names))]
        return [folder for folder in folders if folder.is_over()]

    def read_trials(self, study: str) -> list[TrialRecord]:
        """The records of a study's trials that are over, by number."""
        return [folder.read_record() for folder in self.trials(study)]
