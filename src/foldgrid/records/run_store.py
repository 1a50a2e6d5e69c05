"""``runs/<sweep>/``: the whole run folder."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from foldgrid.records.files import FileRoot
from foldgrid.records.fit_folder import FitFolder
from foldgrid.specs.canary import Canary, CanaryName, canary_folder
from foldgrid.specs.errors import SweepError
from foldgrid.specs.fits import EpochRecord, FitRecord


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
        if not store.root.exists("sweep.yaml"):
            raise SweepError(
                f"{location}: not a run folder (it holds no sweep.yaml).\n"
                "Give the folder that a sweep left, such as runs/all_backbones; "
                "`python launch.py --sweep all_backbones` makes one."
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
        return {name for name in self.root.folders("fits") if self.fit(name).is_finished()}

    def write_bytes(self, name: str, data: bytes) -> None:
        """Writes a file of the run folder atomically."""
        self.root.write_bytes(name, data)

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file of the run folder atomically."""
        self.root.write_bytes(name, text.encode())

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file of the run folder atomically."""
        self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def read_json(self, name: str) -> Any:
        """A JSON file of the run folder."""
        return json.loads(self.root.read_bytes(name))

    def write_sweep(self, sweep: dict[str, Any]) -> None:
        """Writes ``sweep.yaml``: the resolved sweep, as run."""
        yaml = YAML()
        yaml.default_flow_style = False
        stream = io.BytesIO()
        yaml.dump(sweep, stream)
        self.root.write_bytes("sweep.yaml", stream.getvalue())

    def read_sweep(self) -> dict[str, Any]:
        """``sweep.yaml`` as plain values."""
        return dict(YAML(typ="safe").load(io.BytesIO(self.root.read_bytes("sweep.yaml"))))

    def write_plan(self, fits: list[PlannedFit]) -> None:
        """Writes ``plan.json``: the whole grid of the current settings, in the sweep's order."""
        cells = [{"fit_id": f.fit_id, "backbone": f.backbone, "fold": f.fold} for f in fits]
        self.write_json("plan.json", {"fits": cells})

    def read_plan(self) -> tuple[PlannedFit, ...]:
        """``plan.json``."""
        return tuple(PlannedFit(**cell) for cell in self.read_json("plan.json")["fits"])

    def write_split(self, split: pd.DataFrame, facts: dict[str, Any]) -> None:
        """Writes ``split.parquet`` and, beside it, what is known of its balance."""
        buffer = io.BytesIO()
        split.to_parquet(buffer, index=False)
        self.root.write_bytes("split.parquet", buffer.getvalue())
        self.write_json("split.json", facts)

    def read_split(self) -> pd.DataFrame:
        """``split.parquet``: sample, subject, visit, day, region, partition, fold."""
        return pd.read_parquet(io.BytesIO(self.root.read_bytes("split.parquet")))

    def read_split_facts(self) -> dict[str, Any]:
        """``split.json``: imbalance, fold imbalance, seed, fingerprint."""
        return dict(self.read_json("split.json"))

    def write_photos(self, photos: pd.DataFrame) -> None:
        """Writes ``photos.parquet``: which photograph is which tile of which sample."""
        buffer = io.BytesIO()
        photos.to_parquet(buffer, index=False)
        self.root.write_bytes("photos.parquet", buffer.getvalue())

    def read_photos(self) -> pd.DataFrame:
        """``photos.parquet``: sample, position (0 to 3) and photo, a number equal for equal files.

        Raises:
            FileNotFoundError: The run folder is from before photographs were recorded.
        """
        return pd.read_parquet(io.BytesIO(self.root.read_bytes("photos.parquet")))

    def write_canary(self, canary: Canary) -> None:
        """Writes ``canary.json``: this is no run of the sweep, but of its canary."""
        self.write_json("canary.json", canary.model_dump(mode="json"))

    def read_canary(self) -> Canary | None:
        """``canary.json``, or nothing: then the scores are the physician's."""
        if not self.root.exists("canary.json"):
            return None
        return Canary.model_validate_json(self.root.read_bytes("canary.json"))

    def canary_store(self, name: CanaryName) -> RunStore:
        """Where the canary of this run is, there or not: beside it."""
        if self.root.is_local:
            folder = self.root.local_path.resolve()
            # As it was given where that says enough: messages should not grow absolute paths.
            named = self.location.rstrip("/")
            path = named if named.rpartition("/")[2] == folder.name else str(folder)
            return RunStore(canary_folder(path, name))
        path, mark, parameters = self.location.partition("?")
        return RunStore(f"{canary_folder(path.rstrip('/'), name)}{mark}{parameters}")

    def write_provenance(self, provenance: dict[str, Any]) -> None:
        """Writes ``provenance.json``."""
        self.write_json("provenance.json", provenance)

    def read_provenance(self) -> dict[str, Any]:
        """``provenance.json``."""
        return dict(self.read_json("provenance.json"))

    def relaunch_command(self) -> str:
        """The command that trains what is missing here: the last launch's, without ``--only``."""
        is_known = self.root.exists("provenance.json")
        words = list(self.read_provenance().get("command") or []) if is_known else []
        if not words or Path(words[0]).name != "launch.py":
            canary = self.read_canary()
            if canary is not None:
                return f"python launch.py --sweep {canary.sweep} --canary {canary.name}"
            return f"python launch.py --sweep {self.read_sweep().get('name')}"
        while "--only" in words:
            position = words.index("--only")
            del words[position : position + 2]
        return shlex.join(["python", *words])

    def read_fit(self, fit_id: str) -> FitRecord:
        """The record of one finished fit."""
        return self.fit(fit_id).read_record()

    def read_history(self, fit_id: str) -> list[EpochRecord]:
        """The epochs of one fit."""
        return self.fit(fit_id).read_history()

    def read_predictions(self, fit_id: str) -> pd.DataFrame:
        """The predictions of one finished fit."""
        return self.fit(fit_id).read_predictions()
