"""A study that is searched without training: what tests of studies and storages share."""

from __future__ import annotations

from pathlib import Path

from optuna.storages import BaseStorage

from foldgrid.search.storage.files import JournalSearchStorage
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.search.study import SearchStudy
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from tests.search.small_search import OneLaunch, space_of, trial_job

SPACE = space_of(
    learning_rate={"type": "float", "low": 1e-4, "high": 0.1, "log": True},
    momentum={"type": "choice", "choices": (0.0, 0.9)},
    plateau__patience={"type": "int", "low": 2, "high": 20, "when": {"momentum": (0.9,)}},
)
COUNTABLE = space_of(
    batch_size={"type": "choice", "choices": (8, 16)},
    plateau__patience={"type": "int", "low": 2, "high": 6, "step": 2},
)
FIRST: dict[str, Value] = {"learning_rate": 0.01, "momentum": 0.9, "plateau.patience": 10}


def open_study(
    storage: BaseStorage | SearchStorage,
    space: SearchSpace = SPACE,
    first: dict[str, Value] = FIRST,
    **settings: object,
) -> SearchStudy:
    if isinstance(storage, BaseStorage):
        storage = OneLaunch(storage)
    return SearchStudy(
        storage, "study", space, SearchSettings.model_validate(settings), first, seed=7
    )


def scored(number: int, values: dict[str, Value], **oof: float) -> TrialRecord:
    job = trial_job(number)
    return TrialRecord(
        study="study",
        number=number,
        status="complete" if oof else "diverged",
        backbone="b",
        values=values,
        training=job.fits[0].config.training,
        num_epochs=2,
        num_planned_epochs=2,
        best_epochs=(1, 2),
        oof=oof,
        num_visits=3,
        fit_ids=("a", "b"),
        wall_seconds=1.0,
    )


def search(study: SearchStudy, num_trials: int) -> list[dict[str, Value]]:
    """Asks and tells; the score prefers a learning rate near 0.003."""
    drawn = []
    for _ in range(num_trials):
        asked = study.ask()
        assert asked is not None
        tell_score(study, *asked)
        drawn.append(asked[1])
    return drawn


def tell_score(study: SearchStudy, number: int, values: dict[str, Value]) -> None:
    """Tells the study of an epoch and of the trial's end."""
    rate = float(values.get("learning_rate") or 0.01)  # type: ignore[arg-type]
    error = abs(rate - 0.003)
    epoch = TrialEpoch(epoch=1, oof={"mae": error + 1}, num_running=2, wall_seconds=0.1)
    study.report(number, epoch)
    study.tell(number, scored(number, values, mae=error, ccc=-error))


def journal(path: Path) -> SearchStorage:
    return JournalSearchStorage(path)
