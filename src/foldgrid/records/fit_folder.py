"""``fits/<fit id>/``: what one fit leaves behind.

Rule: ``fit.json`` is written last. It exists if and only if the fit is complete, and then
``last.pt`` is gone. It vouches for itself and for the files beside it; what does not agree with it
is refused (``CorruptFileError``), never read as something else.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from foldgrid.records.files import FileRoot
from foldgrid.records.log_file import LogFile
from foldgrid.records.state_checksum import checksummed_state, open_state
from foldgrid.records.tables import parquet_bytes, parquet_table
from foldgrid.specs.by_name import check_known
from foldgrid.specs.checksums import FileChecksum, checksummed_json, open_checksummed
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.specs.fits import EpochRecord, FitRecord

RECORD, HISTORY, PREDICTIONS = "fit.json", "history.jsonl", "predictions.parquet"
FEATURES = "features.parquet"
WEIGHTS, STATE, FAILURE = "best.safetensors", "last.pt", "failure.txt"
MEND = "Run the launch command again: it trains this fit again."

logger = logging.getLogger(__name__)


class FitFolder:
    """The files of one fit.

    Args:
        root: The run folder.
        fit_id: ``<backbone>-fold<k>-<hash>``.
    """

    def __init__(self, root: FileRoot, fit_id: str) -> None:
        self._root = root
        self.fit_id = fit_id
        self._written: dict[str, FileChecksum] = {}

    def _name(self, file: str) -> str:
        return f"fits/{self.fit_id}/{file}"

    @property
    def path(self) -> str:
        """Where the folder is, for people."""
        return f"{self._root.location}/fits/{self.fit_id}"

    def read_bytes(self, file: str) -> bytes:
        """A file of the fit as it is, checked or not.

        Raises:
            FileNotFoundError: It is not there.
        """
        return self._root.read_bytes(self._name(file))

    def is_finished(self) -> bool:
        """Whether ``fit.json`` is there."""
        return self._root.exists(self._name(RECORD))

    def append_epoch(self, record: EpochRecord) -> None:
        """Adds a line to ``history.jsonl`` and flushes it."""
        self._root.append_line(self._name(HISTORY), record.model_dump_json())

    def read_history(self) -> list[EpochRecord]:
        """The epochs so far; a last line torn by a crash is left out."""
        name = self._name(HISTORY)
        if not self._root.exists(name):
            return []
        return parse_history(self._root.read_bytes(name))

    def rewrite_history(self, epochs: Sequence[EpochRecord]) -> None:
        """Replaces ``history.jsonl``: a fit that goes on from a checkpoint drops later lines."""
        text = "".join(epoch.model_dump_json() + "\n" for epoch in epochs)
        self._root.write_bytes(self._name(HISTORY), text.encode())

    def clear_history(self) -> None:
        """Removes ``history.jsonl``, torn or whole: a fit that starts anew begins with none."""
        self._root.remove(self._name(HISTORY))

    def clear_partials(self) -> None:
        """Removes files that an earlier worker was writing when it died; weights can be large."""
        self._root.remove_partials(f"fits/{self.fit_id}")

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Writes ``predictions.parquet``: sample, partition, targets, predictions."""
        self._write_table(PREDICTIONS, predictions)

    def read_predictions(self) -> pd.DataFrame:
        """``predictions.parquet``.

        Raises:
            MissingFileError: It is not there.
            CorruptFileError: It is not what the fit wrote, or ``fit.json`` is corrupt.
        """
        return parquet_table(self._read_whole(PREDICTIONS), self._shown(PREDICTIONS), MEND)

    def write_features(self, features: pd.DataFrame) -> None:
        """Writes ``features.parquet``: sample, partition, ``features`` (a float32 array a row)."""
        self._write_table(FEATURES, features)

    def read_features(self) -> pd.DataFrame:
        """``features.parquet``, the last hidden layer of what the fit predicted.

        Raises:
            MissingFileError: The fit did not keep them.
            CorruptFileError: They are not what the fit wrote, or ``fit.json`` is corrupt.
        """
        return parquet_table(self._read_whole(FEATURES), self._shown(FEATURES), MEND)

    def _write_table(self, file: str, table: pd.DataFrame) -> None:
        data = parquet_bytes(table)
        self._written[file] = FileChecksum.of(data)
        self._root.write_bytes(self._name(file), data, durable=True)

    def write_weights(self, save: Callable[[Path], None]) -> None:
        """Writes ``best.safetensors``.

        Args:
            save: Saves the weights to a file; some hundred megabytes need not be held once more.
        """

        def save_with_checksum(path: Path) -> None:
            save(path)
            self._written[WEIGHTS] = FileChecksum.of_file(path)

        self._root.write_file(self._name(WEIGHTS), save_with_checksum)

    def read_weights(self) -> bytes:
        """``best.safetensors``, to be given to ``safetensors.torch.load``.

        Raises:
            MissingFileError: They are not there.
            CorruptFileError: They are not what the fit wrote, or ``fit.json`` is corrupt.
        """
        return self._read_whole(WEIGHTS)

    def _read_whole(self, file: str) -> bytes:
        """A file that a finished fit wrote, checked; of an unfinished one as it is."""
        try:
            data = self._root.read_bytes(self._name(file))
        except FileNotFoundError as error:
            raise MissingFileError(self._shown(file), MEND) from error
        checksum = self._checksums().get(file)
        fault = checksum.fault_of(data) if checksum is not None else ""
        if fault:
            raise CorruptFileError(self._shown(file), fault, MEND)
        return data

    def _checksums(self) -> dict[str, FileChecksum]:
        try:
            return self.read_checksummed()[1]
        except FileNotFoundError:
            return {}

    def _shown(self, file: str) -> str:
        return f"{self.path}/{file}"

    def write_checkpoint(self, state: bytes) -> None:
        """Writes ``last.pt``, the state to go on from."""
        self._root.write_bytes(self._name(STATE), checksummed_state(state))

    def has_checkpoint(self) -> bool:
        """Whether ``last.pt`` is there."""
        return self._root.exists(self._name(STATE))

    def read_checkpoint(self) -> bytes | None:
        """The state in ``last.pt``; nothing where there is none, or where it is corrupt."""
        if not self.has_checkpoint():
            return None
        state, fault = open_state(self._root.read_bytes(self._name(STATE)))
        if fault:
            logger.warning("%s: %s; the fit begins anew", self._shown(STATE), fault)
        return state

    def remove_checkpoint(self) -> None:
        """Removes ``last.pt``, if it is there."""
        self._root.remove(self._name(STATE))

    def start_over(self) -> None:
        """Forgets the epochs so far."""
        self.remove_checkpoint()
        self.clear_history()

    def discard(self) -> None:
        """Forgets all that the fit left, ``fit.json`` first: it is about to be trained again."""
        for file in (RECORD, PREDICTIONS, FEATURES, WEIGHTS):
            self._root.remove(self._name(file))
        self.start_over()

    def open_log(self) -> LogFile:
        """``fit.log``: what happened to the fit, tries that failed included."""
        return LogFile(self._root, self._name("fit.log"))

    def write_failure(self, text: str) -> None:
        """Writes ``failure.txt``: the traceback of the last try."""
        self._root.write_bytes(self._name(FAILURE), text.encode())

    def complete(self, record: FitRecord) -> None:
        """Writes ``fit.json`` and clears what a complete fit no longer needs."""
        history = self._name(HISTORY)
        if self._root.exists(history):
            self._written[HISTORY] = FileChecksum.of(self._root.read_bytes(history))
        data = checksummed_json(record.model_dump(mode="json"), self._written)
        self._root.write_bytes(self._name(RECORD), data, durable=True)
        self.clear_leftovers()

    def clear_leftovers(self) -> None:
        """Removes what a complete fit no longer needs; a crash may have come before that."""
        self.remove_checkpoint()
        self._root.remove(self._name(FAILURE))
        self.clear_partials()

    def read_record(self) -> FitRecord:
        """``fit.json``.

        Raises:
            FileNotFoundError: The fit is not complete.
            CorruptFileError: It is not what was written.
            SweepError: It names what is not installed here.
        """
        return self.read_checksummed()[0]

    def read_checksummed(self) -> tuple[FitRecord, dict[str, FileChecksum]]:
        """``fit.json``, and the checksums of the files that it vouches for; see ``read_record``."""
        data = self._root.read_bytes(self._name(RECORD))
        content, checksums = open_checksummed(data, self._shown(RECORD), MEND)
        try:
            return FitRecord.model_validate_json(json.dumps(content)), checksums
        except ValueError as error:
            check_known(error, self._shown(RECORD))
            raise CorruptFileError.unreadable(self._shown(RECORD), data, error, MEND) from error


def parse_history(data: bytes) -> list[EpochRecord]:
    """The epochs in a history, up to the first line that is none."""
    epochs = []
    for line in data.split(b"\n"):
        try:
            epochs.append(EpochRecord.model_validate_json(line))
        except ValueError:
            break
    return epochs
