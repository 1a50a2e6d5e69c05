"""Whether the finished fits of a run folder are what was written, and its own files too.

Looks, and changes nothing. One listing tells all lengths; what is small is read and its checksum
compared. Weights are large: their length is compared here, their checksum when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from foldgrid.records.fit_folder import (
    HISTORY,
    PREDICTIONS,
    RECORD,
    WEIGHTS,
    FitFolder,
    parse_history,
)
from foldgrid.records.run_store import RunStore
from foldgrid.records.tables import parquet_table
from foldgrid.specs.checksums import FileChecksum
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import CorruptFileError, MissingFileError
from foldgrid.specs.fits import FitRecord

NUM_READERS = 16
"""Object storage answers one request in the time in which it answers many."""


@dataclass(frozen=True)
class CorruptFit:
    """A finished fit that must be trained again.

    Attributes:
        fit_id: Which.
        faults: Its files that are corrupt, each with what is wrong with it.
    """

    fit_id: str
    faults: tuple[str, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The faults for people, each with its path in the run folder."""
        return tuple(f"fits/{self.fit_id}/{fault}" for fault in self.faults)


@dataclass(frozen=True)
class Verified:
    """The fits that were looked at.

    Attributes:
        finished: Those that are complete and whole.
        corrupt: Those that are complete and not what was written.
    """

    finished: frozenset[str]
    corrupt: tuple[CorruptFit, ...]


def verify_fits(store: RunStore, fit_ids: Iterable[str]) -> Verified:
    """Looks at the finished ones among some fits.

    Args:
        store: The run folder, there or not.
        fit_ids: The fits, finished or not.
    """
    sizes = store.fit_sizes()
    complete = [each for each in fit_ids if f"{each}/{RECORD}" in sizes]
    with ThreadPoolExecutor(NUM_READERS if not store.root.is_local else 1) as pool:
        found = list(pool.map(lambda fit_id: fit_faults(store.fit(fit_id), sizes), complete))
    faults = dict(zip(complete, found, strict=True))
    return Verified(
        frozenset(fit_id for fit_id, each in faults.items() if not each),
        tuple(CorruptFit(fit_id, each) for fit_id, each in faults.items() if each),
    )


def fit_faults(folder: FitFolder, sizes: Mapping[str, int]) -> tuple[str, ...]:
    """What is wrong with the files of a complete fit; nothing where it is whole.

    Args:
        folder: The fit's.
        sizes: From ``RunStore.fit_sizes``.
    """
    try:
        record, checksums = folder.read_checksummed()
    except CorruptFileError as error:
        return (f"{RECORD}: {error.fault}",)
    if not folder.fit_id == record.fit_id == record.config.fit_id:
        return (f"{RECORD}: of another fit, {record.fit_id}",)
    found = {}
    for file in _files(folder.fit_id, record, checksums, sizes):
        size, checksum = sizes.get(f"{folder.fit_id}/{file}"), checksums.get(file)
        if size is None:
            found[file] = "missing"
        else:
            found[file] = checksum.fault_of_length(size) if checksum is not None else ""
            # Weights are large: whoever reads them compares their checksum.
            if not found[file] and file != WEIGHTS:
                found[file] = _content_fault(folder, file, checksum, record)
    return tuple(f"{file}: {fault}" for file, fault in found.items() if fault)


def _files(
    fit_id: str, record: FitRecord, checksums: Mapping[str, FileChecksum], sizes: Mapping[str, int]
) -> list[str]:
    """The files that a complete fit left beside its record, and a history that it did not."""
    files = dict.fromkeys(checksums)
    if not checksums or f"{fit_id}/{HISTORY}" in sizes:
        files[HISTORY] = None
    if record.status == "complete":
        files |= {PREDICTIONS: None, **({WEIGHTS: None} if record.weights_kept else {})}
    return list(files)


def _content_fault(
    folder: FitFolder, file: str, checksum: FileChecksum | None, record: FitRecord
) -> str:
    data = folder.read_bytes(file)
    fault = checksum.fault_of(data) if checksum is not None else ""
    if not fault and file == HISTORY and (number := len(parse_history(data))) != record.num_epochs:
        return f"{number} of {counted(record.num_epochs, 'epoch')}"
    if not fault and file == PREDICTIONS and checksum is None:
        # Written before there were checksums: a table that can be read at least.
        return _table_fault(data)
    return fault


def _table_fault(data: bytes) -> str:
    try:
        parquet_table(data, PREDICTIONS)
    except CorruptFileError as error:
        return error.fault
    return ""


def run_faults(store: RunStore) -> tuple[str, ...]:
    """What is wrong with the run folder's own files, a line each, the file first.

    A launch writes them again; a file that is not there is no fault.
    """
    readers: dict[str, Callable[[], Any]] = {
        "sweep.yaml": store.read_sweep,
        "plan.json": store.read_plan,
        "split.parquet": store.read_split,
        "split.json": store.read_split_facts,
        "photos.parquet": store.read_photos,
        "samples.parquet": store.read_samples,
        "flow.json": store.read_flow,
        "weights.json": store.read_first_weights,
        "canary.json": store.read_permutation,
        "provenance.json": store.read_provenance,
    }
    found = []
    for name, read in readers.items():
        try:
            read()
        except CorruptFileError as error:
            found.append(f"{name}: {error.fault}")
        except MissingFileError:
            continue
    return tuple(found)
