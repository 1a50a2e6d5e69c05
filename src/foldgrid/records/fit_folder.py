"""``fits/<fit id>/``: what one fit leaves behind.

Law: ``fit.json`` is written last. It exists if and only if the fit is complete, and then
``last.pt`` is gone.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from foldgrid.records.files import FileRoot
from foldgrid.records.log_file import LogFile
from foldgrid.specs.fits import EpochRecord, FitRecord


class FitFolder:
    """The files of one fit.

    Args:
        root: The run folder.
        fit_id: ``<backbone>-fold<k>-<hash>``.
    """

    def __init__(self, root: FileRoot, fit_id: str) -> None:
        self._root = root
        self.fit_id = fit_id

    def _name(self, file: str) -> str:
        return f"fits/{self.fit_id}/{file}"

    @property
    def path(self) -> str:
        """Where the folder is, for people."""
        return f"{self._root.location}/fits/{self.fit_id}"

    def is_finished(self) -> bool:
        """Whether ``fit.json`` is there."""
        return self._root.exists(self._name("fit.json"))

    def append_epoch(self, record: EpochRecord) -> None:
        """Adds a line to ``history.jsonl`` and flushes it."""
        self._root.append_line(self._name("history.jsonl"), record.model_dump_json())

    def read_history(self) -> list[EpochRecord]:
        """The epochs so far; a last line torn by a crash is left out."""
        name = self._name("history.jsonl")
        if not self._root.exists(name):
            return []
        epochs = []
        for line in self._root.read_bytes(name).split(b"\n"):
            try:
                epochs.append(EpochRecord.model_validate_json(line))
            except ValueError:
                break
        return epochs

    def rewrite_history(self, epochs: Sequence[EpochRecord]) -> None:
        """Replaces ``history.jsonl``: a fit that goes on from a checkpoint drops later lines."""
        text = "".join(epoch.model_dump_json() + "\n" for epoch in epochs)
        self._root.write_bytes(self._name("history.jsonl"), text.encode())

    def clear_history(self) -> None:
        """Removes ``history.jsonl``, torn or whole: a fit that starts anew begins with none."""
        self._root.remove(self._name("history.jsonl"))

    def clear_partials(self) -> None:
        """Removes files that an earlier worker was writing when it died; weights can be large."""
        self._root.remove_partials(f"fits/{self.fit_id}")

    def write_predictions(self, predictions: pd.DataFrame) -> None:
        """Writes ``predictions.parquet``: sample, partition, targets, predictions."""
        buffer = io.BytesIO()
        predictions.to_parquet(buffer, index=False)
        data = buffer.getvalue()
        self._root.write_bytes(self._name("predictions.parquet"), data, durable=True)

    def read_predictions(self) -> pd.DataFrame:
        """``predictions.parquet``."""
        data = self._root.read_bytes(self._name("predictions.parquet"))
        return pd.read_parquet(io.BytesIO(data))

    def write_weights(self, save: Callable[[Path], None]) -> None:
        """Writes ``best.safetensors``.

        Args:
            save: Saves the weights to a file; some hundred megabytes need not be held once more.
        """
        self._root.write_file(self._name("best.safetensors"), save)

    def read_weights(self) -> bytes:
        """``best.safetensors``, to be given to ``safetensors.torch.load``."""
        return self._root.read_bytes(self._name("best.safetensors"))

    def write_checkpoint(self, state: bytes) -> None:
        """Writes ``last.pt``, the state to go on from."""
        self._root.write_bytes(self._name("last.pt"), state)

    def has_checkpoint(self) -> bool:
        """Whether ``last.pt`` is there."""
        return self._root.exists(self._name("last.pt"))

    def read_checkpoint(self) -> bytes | None:
        """``last.pt``, or nothing."""
        name = self._name("last.pt")
        return self._root.read_bytes(name) if self._root.exists(name) else None

    def remove_checkpoint(self) -> None:
        """Removes ``last.pt``, if it is there."""
        self._root.remove(self._name("last.pt"))

    def start_over(self) -> None:
        """Forgets the epochs so far."""
        self.remove_checkpoint()
        self.clear_history()

    def open_log(self) -> LogFile:
        """``fit.log``: what happened to the fit, tries that failed included."""
        return LogFile(self._root, self._name("fit.log"))

    def write_failure(self, text: str) -> None:
        """Writes ``failure.txt``: the traceback of the last try."""
        self._root.write_bytes(self._name("failure.txt"), text.encode())

    def complete(self, record: FitRecord) -> None:
        """Writes ``fit.json`` and clears what a complete fit no longer needs."""
        text = json.dumps(record.model_dump(mode="json"), indent=2) + "\n"
        self._root.write_bytes(self._name("fit.json"), text.encode(), durable=True)
        self.clear_leftovers()

    def clear_leftovers(self) -> None:
        """Removes what a complete fit no longer needs; a crash may have come before that."""
        self.remove_checkpoint()
        self._root.remove(self._name("failure.txt"))
        self.clear_partials()

    def read_record(self) -> FitRecord:
        """``fit.json``.

        Raises:
            FileNotFoundError: The fit is not complete.
        """
        return FitRecord.model_validate_json(self._root.read_bytes(self._name("fit.json")))
