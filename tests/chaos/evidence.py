"""What a run folder holds, for comparing one that was shaken with one that was not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch

from foldgrid.records import RunStore, verify_fits
from foldgrid.records.verification import run_faults
from foldgrid.training.checkpoint import read_state
from tests.wandb_run_file import read_run_file

RANKING = (".checks.json.", ".leaderboard.")
CPU = torch.device("cpu")

Outcome = dict[str, dict[str, Any]]
"""By fit, everything that must not depend on what happened to it."""


def outcome(store: RunStore) -> Outcome:
    """Everything that each fit of the plan leaves and that must not depend on what happened."""
    return {planned.fit_id: _of_fit(store, planned.fit_id) for planned in store.read_plan()}


def _of_fit(store: RunStore, fit_id: str) -> dict[str, Any]:
    folder = store.fit(fit_id)
    record = folder.read_record().model_dump(mode="json")
    # What was measured on the way, not what came of it.
    del record["timings"], record["peak_memory_gib"], record["environment"]["host"]
    for phase in record["phases"]:
        del phase["seconds"]
    names = store.root.files(f"fits/{fit_id}")
    return {
        "record": record,
        "history": [each.model_dump(exclude={"wall_seconds"}) for each in folder.read_history()],
        "predictions": _sha256(store, f"fits/{fit_id}/predictions.parquet"),
        "weights": _sha256(store, f"fits/{fit_id}/best.safetensors"),
        "files": names,
    }


def _sha256(store: RunStore, name: str) -> str | None:
    return (
        hashlib.sha256(store.root.read_bytes(name)).hexdigest() if store.root.exists(name) else None
    )


def epochs_done(store: RunStore) -> dict[str, int]:
    """How many epochs each fit has on record, finished or not."""
    return {fit_id: len(store.read_history(fit_id)) for fit_id in store.root.folders("fits")}


def checkpoints(store: RunStore) -> dict[str, int]:
    """The epoch from which each fit would go on: all of them where it is complete."""
    return {fit_id: _goes_on_from(store, fit_id) for fit_id in store.root.folders("fits")}


def _goes_on_from(store: RunStore, fit_id: str) -> int:
    folder = store.fit(fit_id)
    if folder.is_finished():
        return folder.read_record().num_epochs
    data = folder.read_checkpoint()
    state = read_state(data, CPU) if data is not None else None
    return int(state["epoch"]) if state is not None else 0


def assert_nothing_is_torn(run: Path) -> None:
    """Every file under its own name is whole; only a history may end in half a line."""
    for path in (each for each in run.rglob("*") if each.is_file()):
        if path.name.startswith(".") or "wandb" in path.parts:
            continue
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        elif path.suffix == ".parquet":
            assert len(pd.read_parquet(path)) > 0
        elif path.suffix == ".safetensors":
            assert safetensors.torch.load(path.read_bytes())
        elif path.name == "last.pt":
            assert _goes_on_from(RunStore(str(run)), path.parent.name) > 0 or _is_over(path.parent)
    store = RunStore(str(run))
    assert verify_fits(store, store.root.folders("fits")).corrupt == ()
    assert run_faults(store) == ()
    for path in run.glob("fits/*/fit.json"):
        fit, record = path.parent, store.read_fit(path.parent.name)
        assert (fit / "predictions.parquet").exists()
        assert (fit / "best.safetensors").exists() == record.weights_kept
        assert len((fit / "history.jsonl").read_text().splitlines()) == record.num_epochs


def _is_over(fit: Path) -> bool:
    return (fit / "fit.json").exists()


def leftovers(run: Path) -> list[str]:
    """Files that should have gone: partial ones, checkpoints of complete fits, the lock.

    Partial files of the ranking, some kilobytes, stay: somebody else may be ranking just then.
    """
    return [
        str(path.relative_to(run))
        for path in run.rglob("*")
        if (path.name.endswith(".partial") and not path.name.startswith(RANKING))
        or path.name in ("last.pt", "launch.lock", "failure.txt")
    ]


def assert_wandb_has_each_epoch_once(run: Path, store: RunStore) -> int:
    """Offline runs hold each epoch of each fit once, in order, with its loss; returns how many."""
    files = [read_run_file(path) for path in sorted(run.glob("wandb/offline-run-*/*.wandb"))]
    fits = [each for each in files if each.job_type == "fold"]
    assert len({each.run_id for each in fits}) == len(fits), "a run has two folders"
    by_fit = {each.config["fit_id"]: each for each in fits}
    assert by_fit.keys() == store.finished_fits()
    for fit_id, facts in by_fit.items():
        reported = [(step, row["validation/loss"]) for step, row in facts.history]
        assert reported == [
            (each.epoch, each.validation_loss) for each in store.read_history(fit_id)
        ]
        assert facts.is_finished
        assert facts.exit_code == 0
    return sum(len(each.history) for each in fits)
