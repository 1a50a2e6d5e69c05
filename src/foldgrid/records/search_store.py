"""``search/`` of a run folder: a folder for each trial, written by the launcher.

Rule: ``trial.json`` is written last. It exists if and only if the trial is over, and then
``running.jsonl`` and ``state.pt`` are gone.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

import numpy as np
import pandas as pd

from foldgrid.records.files import FileRoot
from foldgrid.records.log_file import LogFile
from foldgrid.records.run_store import RunStore, run_location
from foldgrid.records.state_checksum import checksummed_state, open_state
from foldgrid.records.tables import parquet_bytes, parquet_table
from foldgrid.specs.by_name import check_known
from foldgrid.specs.checksums import FileChecksum, checksummed_json, open_checksummed
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.specs.trials import SearchPlan, TrialEpoch, TrialRecord
from foldgrid.tasks.scoring import by_model
from foldgrid.tasks.units import UNIT_COLUMNS, UnitTable

RECORD, HISTORY, PREDICTIONS = "trial.json", "history.jsonl", "predictions.parquet"
RUNNING, STATE, FAILURE, REDO = "running.jsonl", "state.pt", "failure.txt", "redo.json"
MEND = "Run the launch command again: it trains this trial again."
PLAN_MEND = "Run the launch command again: it writes this file again."

CLASS_MARK = "/"
"""Stands between an epoch and the place of a class in the names of columns."""

logger = logging.getLogger(__name__)


class TrialFolder:
    """The files of one trial.

    Args:
        root: The run folder's ``search/``.
        study: The study's name.
        number: The trial's number in it.
    """

    def __init__(self, root: FileRoot, study: str, number: int) -> None:
        self._root, self._study, self._number = root, study, number

    def _name(self, file: str) -> str:
        return f"{self.name}/{file}"

    def _shown(self, file: str) -> str:
        return f"{self.path}/{file}"

    @property
    def number(self) -> int:
        """The trial's number in its study."""
        return self._number

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
        return self._root.exists(self._name(RECORD))

    def complete(
        self, record: TrialRecord, epochs: Sequence[TrialEpoch], units: pd.DataFrame
    ) -> None:
        """Writes all that a trial leaves, ``trial.json`` last.

        Args:
            record: What it came to.
            epochs: All its epochs, in order.
            units: The study's units: ``UNIT_COLUMNS``, in the order of ``TrialEpoch.predicted``.
        """
        lines = [epoch.model_copy(update={"predicted": ()}) for epoch in epochs]
        history = "".join(line.model_dump_json() + "\n" for line in lines).encode()
        predicted = [_columns(each, len(units)) for each in epochs if each.predicted]
        table = pd.concat([units[list(UNIT_COLUMNS)], *predicted], axis=1)
        predictions = parquet_bytes(table)
        self._root.write_bytes(self._name(HISTORY), history)
        self._root.write_bytes(self._name(PREDICTIONS), predictions)
        checksums = {HISTORY: FileChecksum.of(history), PREDICTIONS: FileChecksum.of(predictions)}
        data = checksummed_json(record.model_dump(mode="json"), checksums)
        self._root.write_bytes(self._name(RECORD), data, durable=True)
        for file in (RUNNING, STATE, FAILURE, REDO):
            self._root.remove(self._name(file))
        self._root.remove_partials(self.name)

    def faults(self) -> tuple[str, ...]:
        """What is wrong with the files of a trial that is over, a line each, file first."""
        try:
            record, checksums = self.read_checksummed()
        except CorruptFileError as error:
            return (f"{RECORD}: {error.fault}",)
        if (record.study, record.number) != (self._study, self._number):
            return (f"{RECORD}: of another trial, {record.study}/{record.number:04}",)
        found = []
        for file in (HISTORY, PREDICTIONS):
            try:
                fault = self._fault(checksums.get(file), self._root.read_bytes(self._name(file)))
            except FileNotFoundError:
                fault = "missing"
            found += [f"{file}: {fault}"] if fault else []
        return tuple(found)

    @staticmethod
    def _fault(checksum: FileChecksum | None, data: bytes) -> str:
        return checksum.fault_of(data) if checksum is not None else ""

    def set_aside(self, record: TrialRecord) -> None:
        """Has the trial trained again: what it came to is noted first, then it is not over."""
        self._root.write_bytes(self._name(REDO), checksummed_json(record.model_dump(mode="json")))
        for file in (RECORD, HISTORY, PREDICTIONS, RUNNING, STATE):
            self._root.remove(self._name(file))

    def to_redo(self) -> TrialRecord | None:
        """What a trial came to that was set aside and is not over again; nothing for others."""
        if self.is_over() or not self._root.exists(self._name(REDO)):
            return None
        return self._record_of(REDO)[0]

    def forget(self) -> None:
        """Removes ``trial.json``: the trial is no longer over, and nobody knows what it was."""
        self._root.remove(self._name(RECORD))

    def append_epoch(self, epoch: TrialEpoch) -> None:
        """Adds a line to ``running.jsonl``, with the epoch's predictions, and flushes it."""
        self._root.append_line(self._name(RUNNING), epoch.model_dump_json())

    def write_running(self, epochs: Sequence[TrialEpoch]) -> None:
        """Replaces ``running.jsonl``: the trial goes on from somewhere else."""
        text = "".join(epoch.model_dump_json() + "\n" for epoch in epochs)
        self._root.write_bytes(self._name(RUNNING), text.encode())

    def read_running(self) -> list[TrialEpoch]:
        """The epochs of a trial that is not over; a last line torn by a crash is left out.

        Where the trial began anew or went on from an earlier epoch, the later course counts.
        """
        name, epochs = self._name(RUNNING), dict[int, TrialEpoch]()
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
        self._root.write_bytes(self._name(STATE), checksummed_state(state))

    def read_state(self) -> bytes | None:
        """The state in ``state.pt``; nothing where there is none, or where it is corrupt."""
        name = self._name(STATE)
        if not self._root.exists(name):
            return None
        state, fault = open_state(self._root.read_bytes(name))
        if fault:
            logger.warning("%s: %s; the trial begins anew", self._shown(STATE), fault)
        return state

    def remove_state(self) -> None:
        """Removes ``state.pt``, if it is there."""
        self._root.remove(self._name(STATE))

    def open_log(self) -> LogFile:
        """``trial.log``: what happened to the trial, tries that failed included."""
        return LogFile(self._root, f"{self.name}/trial.log")

    def write_failure(self, text: str) -> None:
        """Writes ``failure.txt``: the traceback of the last try."""
        self._root.write_bytes(self._name(FAILURE), text.encode())

    def read_record(self) -> TrialRecord:
        """``trial.json``.

        Raises:
            FileNotFoundError: The trial is not over.
            CorruptFileError: It is not what was written.
            SweepError: It names what is not installed here.
        """
        return self.read_checksummed()[0]

    def read_checksummed(self) -> tuple[TrialRecord, dict[str, FileChecksum]]:
        """``trial.json``, and the checksums of the files it vouches for; see ``read_record``."""
        return self._record_of(RECORD)

    def _record_of(self, file: str) -> tuple[TrialRecord, dict[str, FileChecksum]]:
        data = self._root.read_bytes(self._name(file))
        content, checksums = open_checksummed(data, self._shown(file), MEND)
        try:
            return TrialRecord.model_validate_json(json.dumps(content)), checksums
        except ValueError as error:
            check_known(error, self._shown(file))
            raise CorruptFileError.unreadable(self._shown(file), data, error, MEND) from error

    def _read_whole(self, file: str) -> bytes:
        """A file of a trial that is over, checked.

        Raises:
            MissingFileError: It is not there.
            CorruptFileError: It is not what was written, or ``trial.json`` is corrupt.
        """
        try:
            data = self._root.read_bytes(self._name(file))
        except FileNotFoundError as error:
            raise MissingFileError(self._shown(file), MEND) from error
        fault = self._fault(self.read_checksummed()[1].get(file), data)
        if fault:
            raise CorruptFileError(self._shown(file), fault, MEND)
        return data

    def read_history(self) -> list[TrialEpoch]:
        """``history.jsonl``: the epochs, without their predictions; see ``_read_whole``."""
        data = self._read_whole(HISTORY)
        try:
            return [TrialEpoch.model_validate_json(line) for line in data.splitlines()]
        except ValueError as error:
            raise CorruptFileError.unreadable(self._shown(HISTORY), data, error, MEND) from error

    def read_epochs(self) -> list[TrialEpoch]:
        """The epochs as the trial reported them, with their predictions."""
        table = self._predictions()
        columns = _scored(table)
        return [
            each.model_copy(
                update={
                    "predicted": tuple(table[columns[str(each.epoch)]].to_numpy().ravel().tolist())
                }
            )
            if str(each.epoch) in columns
            else each
            for each in self.read_history()
        ]

    def read_units(self, epoch: int | None = None) -> UnitTable:
        """The units as predicted after ``epoch``; without one, after the last that has a score.

        Returns:
            ``UNIT_COLUMNS`` of each; the one model is called ``predicted``.

        Raises:
            KeyError: The trial has no score after that epoch.
        """
        table = self._predictions()
        scored = _scored(table)
        columns = scored[str(epoch) if epoch is not None else (list(scored) or ["1"])[-1]]
        values = [table[[name]].set_axis([place], axis=1) for place, name in enumerate(columns)]
        return UnitTable(
            table[list(UNIT_COLUMNS)], by_model({"predicted": pd.concat(values, axis=1)})
        )

    def _predictions(self) -> pd.DataFrame:
        table = parquet_table(self._read_whole(PREDICTIONS), self._shown(PREDICTIONS), MEND)
        # Searches of earlier versions knew visits only.
        return table.rename(columns={"visit": "unit"})


def _columns(epoch: TrialEpoch, num_units: int) -> pd.DataFrame:
    """What one epoch predicted: a column of numbers, or one for each class."""
    values = np.reshape(epoch.predicted, (num_units, -1))
    names = [str(epoch.epoch)]
    if values.shape[1] > 1:
        names = [f"{epoch.epoch}{CLASS_MARK}{place}" for place in range(values.shape[1])]
    return pd.DataFrame(values, columns=names)


def _scored(table: pd.DataFrame) -> dict[str, list[str]]:
    """By epoch, in their order, the columns that hold what it predicted."""
    columns: dict[str, list[str]] = {}
    for name in map(str, table):
        if name not in UNIT_COLUMNS:
            columns.setdefault(name.partition(CLASS_MARK)[0], []).append(name)
    return columns


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
        self.root.write_bytes("plan.json", checksummed_json(plan.model_dump(mode="json")))

    def read_plan(self) -> SearchPlan:
        """``plan.json``.

        Raises:
            MissingFileError: Nothing was searched here.
            CorruptFileError: It is not what was written.
            SweepError: It names what is not installed here.
        """
        shown = run_location(self.location, "plan.json")
        try:
            data = self.root.read_bytes("plan.json")
        except FileNotFoundError as error:
            raise MissingFileError(shown, PLAN_MEND) from error
        content = open_checksummed(data, shown, PLAN_MEND)[0]
        try:
            return SearchPlan.model_validate_json(json.dumps(content))
        except ValueError as error:
            check_known(error, shown)
            raise CorruptFileError.unreadable(shown, data, error, PLAN_MEND) from error

    def trial(self, study: str, number: int) -> TrialFolder:
        """The folder of one trial, there or not."""
        return TrialFolder(self.root, study, number)

    def trials(self, study: str) -> list[TrialFolder]:
        """The folders of a study's trials that are over, by number."""
        names = [name for name in self.root.folders(f"trials/{study}") if name.isdigit()]
        folders = [self.trial(study, number) for number in sorted(map(int, names))]
        return [folder for folder in folders if folder.is_over()]

    def to_redo(self, study: str) -> dict[int, TrialRecord]:
        """By number, what a study's trials came to that were set aside."""
        names = [name for name in self.root.folders(f"trials/{study}") if name.isdigit()]
        records = {int(name): self.trial(study, int(name)).to_redo() for name in names}
        return {number: each for number, each in sorted(records.items()) if each is not None}

    def read_trials(self, study: str) -> list[TrialRecord]:
        """The records of a study's trials that are over, by number."""
        return [folder.read_record() for folder in self.trials(study)]
