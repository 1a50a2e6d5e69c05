"""``runs/<sweep>/``: the whole run folder."""

from __future__ import annotations

import io
import shlex
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foldgrid.records.files import FileRoot
from foldgrid.records.fit_folder import RECORD, FitFolder
from foldgrid.records.tables import parquet_bytes, parquet_table
from foldgrid.specs.checksums import (
    FileChecksum,
    checksummed_json,
    checksummed_text,
    open_json,
    open_text,
)
from foldgrid.specs.errors import CorruptFileError, MissingFileError, SweepError
from foldgrid.specs.fits import EpochRecord, FitRecord
from foldgrid.specs.label_permutation import LabelPermutation, PermutationName, permutation_folder

SWEEP, PLAN, PROVENANCE, PERMUTATION = "sweep.yaml", "plan.json", "provenance.json", "canary.json"
SPLIT, SPLIT_FACTS = "split.parquet", "split.json"
PHOTOS, SAMPLES, FIRST_WEIGHTS = "photos.parquet", "samples.parquet", "weights.json"
FLOW = "flow.json"
TABLE_CHECKSUMS = "tables.json"
"""What vouches for the tables, which cannot do so themselves."""
MEND = "Run the launch command again: it writes this file again."


@dataclass(frozen=True)
class PlannedFit:
    """One cell of the grid, finished or not."""

    fit_id: str
    backbone: str
    fold: int


def run_location(storage: str, name: str) -> str:
    """The run folder of sweep ``name`` below ``storage``, keeping a URI's parameters.

    Raises:
        SweepError: A URI that names no place, such as ``s3://``.
    """
    path, mark, parameters = storage.partition("?") if "://" in storage else (storage, "", "")
    if path.rstrip("/").endswith(":"):
        raise SweepError(
            f"--storage {storage}: names no bucket or folder.\n"
            "Give a folder, or a URI such as s3://bucket/prefix."
        )
    return f"{path.rstrip('/')}/{name}{mark}{parameters}"


@lru_cache(maxsize=16)
def _mapping(text: bytes) -> dict[str, Any]:
    """What a YAML file says. A launch and a report read the same ``sweep.yaml`` many times."""
    return dict(YAML(typ="safe").load(io.BytesIO(text)))


class RunStore:
    """Reads and writes the run folder of one sweep.

    Args:
        location: A path or a URI; see ``FileRoot``.
    """

    def __init__(self, location: str) -> None:
        self.root = FileRoot(str(location))

    @classmethod
    def open(cls, location: str) -> RunStore:
        """The store at ``location``, which must hold a sweep already.

        Raises:
            SweepError: There is no ``sweep.yaml``.
        """
        store = cls(str(location))
        if not store.root.exists(SWEEP):
            raise SweepError(
                f"{location}: not a run folder (it holds no sweep.yaml).\n"
                "Give the folder that a sweep left, such as runs/all_backbones; "
                "`foldgrid launch all_backbones` makes one."
            )
        return store

    @property
    def location(self) -> str:
        """Where the run folder is, as it was given."""
        return self.root.location

    def absolute(self) -> RunStore:
        """The same run folder, named so that a process with another working directory finds it."""
        return RunStore(self.root.absolute().location)

    def fit(self, fit_id: str) -> FitFolder:
        """The folder of one fit, there or not."""
        return FitFolder(self.root, fit_id)

    def finished_fits(self) -> set[str]:
        """The ids of all complete fits, of this grid and of earlier settings."""
        return {Path(name).parts[0] for name in self.fit_sizes() if _is_record(name)}

    def fit_sizes(self) -> dict[str, int]:
        """The length of every file of every fit, as ``<fit id>/<file>``; one listing."""
        return self.root.sizes("fits")

    def write_bytes(self, name: str, data: bytes) -> None:
        """Writes a file of the run folder atomically."""
        self.root.write_bytes(name, data)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file of the run folder atomically."""
        self.root.write_bytes(name, text.encode())

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Writes a JSON file of the run folder atomically, with a digest of itself."""
        self.root.write_bytes(name, checksummed_json(value))

    def read_json(self, name: str) -> Any:
        """A JSON file of the run folder.

        Raises:
            MissingFileError: It is not there.
            CorruptFileError: It is no JSON, or not what was written.
        """
        return open_json(self._read(name), self._shown(name), MEND)

    def _read(self, name: str) -> bytes:
        try:
            return self.root.read_bytes(name)
        except FileNotFoundError as error:
            raise MissingFileError(self._shown(name), MEND) from error

    def _shown(self, name: str) -> str:
        return run_location(self.location, name)

    def _unlike(self, name: str, content: Any, error: Exception) -> CorruptFileError:
        """A file whose content is not of the kind that it should be."""
        data = str(content).encode()
        return CorruptFileError.unreadable(self._shown(name), data, error, MEND)

    def write_yaml(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes a YAML file of the run folder, under a line with its checksum."""
        yaml, stream = YAML(), io.StringIO()
        yaml.default_flow_style = False
        yaml.dump(dict(content), stream)
        self.root.write_bytes(name, checksummed_text(stream.getvalue()))

    def read_yaml(self, name: str) -> dict[str, Any]:
        """A YAML file of the run folder as plain values.

        Raises:
            MissingFileError: It is not there.
            CorruptFileError: It is no YAML mapping, or not what was written.
        """
        text = open_text(self._read(name), self._shown(name), MEND)
        try:
            return deepcopy(_mapping(text))
        except (YAMLError, TypeError, ValueError) as error:
            raise self._unlike(name, text, error) from error

    def write_sweep(self, sweep: dict[str, Any]) -> None:
        """Writes ``sweep.yaml``: the resolved sweep, as run."""
        self.write_yaml(SWEEP, sweep)

    def read_sweep(self) -> dict[str, Any]:
        """``sweep.yaml`` as plain values."""
        return self.read_yaml(SWEEP)

    def write_plan(self, fits: list[PlannedFit]) -> None:
        """Writes ``plan.json``: the whole grid of the current settings, in the sweep's order."""
        cells = [{"fit_id": f.fit_id, "backbone": f.backbone, "fold": f.fold} for f in fits]
        self.write_json(PLAN, {"fits": cells})

    def read_plan(self) -> tuple[PlannedFit, ...]:
        """``plan.json``."""
        content = self.read_json(PLAN)
        try:
            return tuple(PlannedFit(**cell) for cell in content["fits"])
        except (KeyError, TypeError) as error:
            raise self._unlike(PLAN, content, error) from error

    def _write_table(self, name: str, table: pd.DataFrame) -> None:
        data = parquet_bytes(table)
        self.root.write_bytes(name, data)
        checksums = {**self._table_checksums(), name: FileChecksum.of(data).model_dump()}
        self.write_json(TABLE_CHECKSUMS, checksums)

    def _read_table(self, name: str) -> pd.DataFrame:
        data = self._read(name)
        checksum = self._table_checksums().get(name)
        fault = FileChecksum.model_validate(checksum).fault_of(data) if checksum is not None else ""
        if fault:
            raise CorruptFileError(self._shown(name), fault, MEND)
        return parquet_table(data, self._shown(name), MEND)

    def _table_checksums(self) -> dict[str, Any]:
        # Corrupt itself, it vouches for nothing; tables of earlier versions have none either.
        try:
            return dict(self.read_json(TABLE_CHECKSUMS))
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def write_split(self, split: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Writes ``split.parquet`` and, beside it, what is known of its balance."""
        self._write_table(SPLIT, split)
        self.write_json(SPLIT_FACTS, facts)

    def read_split(self) -> pd.DataFrame:
        """``split.parquet``: sample, subject, visit, day, partition, fold.

        Of mosaics the region too, of single photographs case and label.
        """
        return self._read_table(SPLIT)

    def read_split_facts(self) -> dict[str, Any]:
        """``split.json``: imbalance, fold imbalance, seed, fingerprint."""
        return dict(self.read_json(SPLIT_FACTS))

    def write_photos(self, photos: pd.DataFrame) -> None:
        """Writes ``photos.parquet``: which photograph is which tile of which sample."""
        self._write_table(PHOTOS, photos)

    def read_photos(self) -> pd.DataFrame:
        """``photos.parquet``: sample, position (0 to 3), photo, digits and picture.

        ``photo`` is a number that is equal for equal files, ``digits`` the first four of its hash,
        ``picture`` a number that near copies share (earlier run folders have none).

        Raises:
            FileNotFoundError: The run folder is from before photographs were recorded.
        """
        return self._read_table(PHOTOS)

    def write_flow(self, steps: Sequence[Mapping[str, Any]], uneven: Sequence[str]) -> None:
        """Writes ``flow.json``: what came in, what was left out in which step, what is left.

        Args:
            steps: Without any nothing was to be left out, and an earlier file goes.
            uneven: What was left out more of from one class or subgroup, as sentences.
        """
        if steps:
            self.write_json(FLOW, {"steps": list(steps), "uneven": list(uneven)})
        elif self.root.exists(FLOW):
            self.root.remove(FLOW)

    def read_flow(self) -> dict[str, Any]:
        """``flow.json``: its steps and what is uneven.

        Raises:
            FileNotFoundError: Nothing was to be left out.
        """
        return dict(self.read_json(FLOW))

    def write_samples(self, samples: pd.DataFrame) -> None:
        """Writes ``samples.parquet``: what is to be predicted of each sample, in columns."""
        self._write_table(SAMPLES, samples)

    def read_samples(self) -> pd.DataFrame:
        """``samples.parquet``: sample and the scores or labels, as the fits received them.

        Raises:
            FileNotFoundError: The run folder is from before they were recorded.
        """
        return self._read_table(SAMPLES)

    def write_first_weights(self, weights: Mapping[str, str]) -> None:
        """Writes ``weights.json``: by backbone, the SHA-256 of its first weights.

        Args:
            weights: Backbones that start from random weights are left out.
        """
        self.write_json(FIRST_WEIGHTS, {"backbones": dict(weights)})

    def read_first_weights(self) -> dict[str, str]:
        """``weights.json``.

        Raises:
            FileNotFoundError: The run folder is from before they were recorded.
        """
        content = self.read_json(FIRST_WEIGHTS)
        try:
            return {str(name): str(digest) for name, digest in content["backbones"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise self._unlike(FIRST_WEIGHTS, content, error) from error

    def write_permutation(self, permutation: LabelPermutation) -> None:
        """Writes ``canary.json``: this is the run of a label-permutation test, not of the sweep."""
        self.write_json(PERMUTATION, permutation.model_dump(mode="json"))

    def is_permutation(self) -> bool:
        """Whether ``canary.json`` is there, whole or not."""
        return self.root.exists(PERMUTATION)

    def read_permutation(self) -> LabelPermutation | None:
        """``canary.json``, or nothing: then the scores are the physician's."""
        if not self.is_permutation():
            return None
        content = self.read_json(PERMUTATION)
        try:
            return LabelPermutation.model_validate(content)
        except ValueError as error:
            raise self._unlike(PERMUTATION, content, error) from error

    def permutation_store(self, name: PermutationName) -> RunStore:
        """Where the label-permutation test of this run is, there or not: beside it."""
        if self.root.is_local:
            folder = self.root.local_path.resolve()
            # As it was given where that says enough: messages should not grow absolute paths.
            named = self.location.rstrip("/")
            path = named if named.rpartition("/")[2] == folder.name else str(folder)
            return RunStore(permutation_folder(path, name))
        path, mark, parameters = self.location.partition("?")
        return RunStore(f"{permutation_folder(path.rstrip('/'), name)}{mark}{parameters}")

    def write_provenance(self, provenance: dict[str, Any]) -> None:
        """Writes ``provenance.json``."""
        self.write_json(PROVENANCE, provenance)

    def read_provenance(self) -> dict[str, Any]:
        """``provenance.json``."""
        return dict(self.read_json(PROVENANCE))

    def relaunch_command(self) -> str:
        """The command that trains what is missing here: the last launch's, without ``--only``.

        Of a run folder whose own files are corrupt, as near to it as they tell.
        """
        try:
            words = list(self.read_provenance().get("command") or [])
        except (FileNotFoundError, ValueError):
            words = []
        program, words = Path(words[0]).stem if words else "", words[1:]
        if program in ("foldgrid", "__main__") and words[:1] == ["launch"]:
            words = words[1:]
        elif program != "launch":
            return self._shortest_command()
        while "--only" in words:
            position = words.index("--only")
            del words[position : position + 2]
        return shlex.join(["foldgrid", "launch", *words])

    def _shortest_command(self) -> str:
        name = self.location.partition("?")[0].rstrip("/").rpartition("/")[2]
        try:
            permutation = self.read_permutation()
            if permutation is not None:
                return f"foldgrid launch {permutation.sweep} --canary {permutation.name}"
            return f"foldgrid launch {self.read_sweep().get('name')}"
        except (FileNotFoundError, ValueError):
            return f"foldgrid launch {name}"

    def read_fit(self, fit_id: str) -> FitRecord:
        """The record of one finished fit."""
        return self.fit(fit_id).read_record()

    def read_history(self, fit_id: str) -> list[EpochRecord]:
        """The epochs of one fit."""
        return self.fit(fit_id).read_history()

    def read_predictions(self, fit_id: str) -> pd.DataFrame:
        """The predictions of one finished fit."""
        return self.fit(fit_id).read_predictions()

    def read_features(self, fit_id: str) -> pd.DataFrame:
        """The last hidden layer of what one finished fit predicted.

        Returns:
            ``sample``, ``partition`` (oof or test) and ``features``, a float32 array a row.

        Raises:
            MissingFileError: The fit did not keep them (``keep_features`` of the sweep).
        """
        return self.fit(fit_id).read_features()


def _is_record(name: str) -> bool:
    parts = Path(name).parts
    return len(parts) == 2 and parts[1] == RECORD
