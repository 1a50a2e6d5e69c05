"""The memory and the evaluation of a search: an Optuna study that survives its process.

Every suggestion is drawn by a sampler of its own, seeded by the sweep's seed and the number of
suggestions before it, so a search that was killed and started again goes on as if it had not been.
Several launches may search one study at a time: whoever asks keeps the others waiting, so no two
are given the same suggestion.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from foldgrid.metrics import METRICS
from foldgrid.search.retries import (
    FAILURE,
    LAUNCH,
    close_stale,
    num_drawn,
    num_lined_up,
    trial_number,
)
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.specs.fits import content_digest
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import (
    ChoiceParameter,
    FloatParameter,
    Parameter,
    SearchSpace,
    grid_points,
)
from foldgrid.specs.sweep import SamplerName, SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialRecord

RECORD = "record"
"""The attribute of a trial with its whole record: any launch can write the outcome of all."""

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""Trials that need not be tried again; to Optuna stopped and diverged ones are pruned."""


class SearchStudy:
    """Suggests configurations and learns from their scores.

    Args:
        storage: Where it remembers.
        name: The study's name; one that is there already is gone on with.
        space: What may vary.
        settings: How it is searched.
        first: The values of trial 0: the sweep's default configuration.
        seed: The sweep's.
    """

    def __init__(
        self,
        storage: SearchStorage,
        name: str,
        space: SearchSpace,
        settings: SearchSettings,
        first: Mapping[str, Value],
        seed: int,
    ) -> None:
        self.name, self.space, self.settings, self.seed = name, space, settings, seed
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        directions = [_direction(each) for each in settings.objectives]
        self._storage, kept = storage, storage.optuna
        self._open: dict[int, Trial] = {}
        with storage.exclusive():
            self._study = optuna.create_study(
                storage=kept, study_name=name, directions=directions, load_if_exists=True
            )
            if self._study.metric_names is None:
                with warnings.catch_warnings():
                    # Optuna calls names experimental; its dashboard shows them.
                    warnings.simplefilter("ignore")
                    self._study.set_metric_names(list(settings.objectives))
            trials = self._study.get_trials(deepcopy=False)
            # A launch may have died before it had lined all of them up.
            for point in self._opening(dict(first))[num_lined_up(trials) :]:
                self._study.enqueue_trial(point)

    def _opening(self, first: dict[str, Value]) -> list[dict[str, Value]]:
        """What is tried before the sampler suggests: the default configuration; of a grid, all."""
        if self.settings.sampler != "GridSampler":
            return [first]
        # Not Optuna's GridSampler: it ends a loop of Optuna's own, and knows no conditions.
        rest = [point for point in grid_points(self.space) if point != first]
        random.Random(self.seed).shuffle(rest)
        return [first, *rest]

    @property
    def num_counted(self) -> int:
        """Trials that are over and need not be tried again."""
        return len(self._study.get_trials(deepcopy=False, states=COUNTED))

    @property
    def num_running(self) -> int:
        """Trials that some launch is training, or was when it died."""
        return len(self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def has_room(self, num_trials: int | None) -> bool:
        """Whether ``ask`` would give a trial, unless another launch is quicker."""
        # In one look: between two, another launch's trial could end and be in neither.
        taken = self._study.get_trials(deepcopy=False, states=(*COUNTED, TrialState.RUNNING))
        if num_trials is not None and len(taken) >= num_trials:
            return False
        return self.settings.sampler != "GridSampler" or bool(self._waiting)

    def close_stale(self) -> int:
        """Closes the trials of launches that ended without a word, and lines them up again.

        Returns:
            How many were lined up.
        """
        with self._storage.exclusive():
            return self._close_stale()

    def _close_stale(self) -> int:
        mine = {trial.number for trial in self._open.values()}
        return close_stale(self._study, self._storage, mine)

    def ask(self, num_trials: int | None = None) -> tuple[int, dict[str, Value]] | None:
        """The next trial's number and values.

        Args:
            num_trials: How many there are to be in all, over all launches; null for no end.

        Returns:
            Nothing where there are enough, or where a grid has been tried through.
        """
        self._storage.mark.show()
        with self._storage.exclusive():
            self._close_stale()
            if not self.has_room(num_trials):
                return None
            trial, values = self._draw()
            self._storage.keep_alive(trial._trial_id)
            trial.set_user_attr(LAUNCH, self._storage.mark.name)
        self._open[trial_number(trial)] = trial
        return trial_number(trial), values

    def _draw(self) -> tuple[Trial, dict[str, Value]]:
        with warnings.catch_warnings():
            # What Optuna warns of here (experimental samplers, fallbacks) was chosen knowingly.
            warnings.simplefilter("ignore")
            self._study.sampler = make_sampler(self.settings.sampler, self.seed, self._num_drawn)
            trial = self._study.ask()
            values: dict[str, Value] = {}
            for name, parameter in self.space.parameters.items():
                if self.space.is_active(name, values):
                    values[name] = _suggest(trial, name, parameter)
        return trial, values

    @property
    def _num_drawn(self) -> int:
        """Configurations drawn so far; one that is tried again was drawn once."""
        return num_drawn(self._study.get_trials(deepcopy=False))

    @property
    def _waiting(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))

    def report(self, number: int, epoch: TrialEpoch) -> None:
        """Keeps the score of an epoch; a search for several objectives has no single one."""
        if len(self.settings.objectives) == 1 and epoch.oof:
            value = objective_value(self.settings.objectives[0], epoch.oof)
            if math.isfinite(value):
                with warnings.catch_warnings():
                    # After a lost worker an epoch comes again; Optuna keeps the first, the same.
                    warnings.simplefilter("ignore")
                    with suppress(UpdateFinishedTrialError):
                        self._open[number].report(value, epoch.epoch)

    def tell(self, number: int, record: TrialRecord) -> None:
        """Closes a trial with its record.

        A trial that others closed, because they took this launch for dead, stays closed: they
        try it again, to the same record.
        """
        with self._closing(number) as trial:
            self._tell(trial, record)

    @contextmanager
    def _closing(self, number: int) -> Iterator[Trial]:
        trial = self._open.pop(number)
        self._storage.let_go(trial._trial_id)
        with suppress(UpdateFinishedTrialError):
            yield trial

    def _tell(self, trial: Trial, record: TrialRecord) -> None:
        trial.set_user_attr("backbone", record.backbone)
        trial.set_user_attr("num_epochs", record.num_epochs)
        trial.set_user_attr("oof", {k: v for k, v in record.oof.items() if math.isfinite(v)})
        trial.set_user_attr(RECORD, record.model_dump_json())
        values = [objective_value(each, record.oof) for each in self.settings.objectives]
        if record.status == "complete" and all(map(math.isfinite, values)):
            self._study.tell(trial, values, skip_if_finished=True)
        else:
            trial.set_user_attr(record.status, True)
            self._study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)

    def mark_failed(self, number: int, message: str) -> None:
        """Closes a trial that failed; it is not tried again."""
        with self._closing(number) as trial:
            # A message may hold a path, and the storage may be another machine's.
            trial.set_user_attr(FAILURE, message.partition(":")[0])
            self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def hand_back(self) -> None:
        """Closes what is open, for this or another launch to try again."""
        for number in tuple(self._open):
            with self._closing(number) as trial:
                self._study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)

    def records(self) -> list[TrialRecord]:
        """The records of all finished trials, by number, whoever trained them."""
        trials = self._study.get_trials(deepcopy=False, states=COUNTED)
        return [
            TrialRecord.model_validate_json(trial.user_attrs[RECORD])
            for trial in sorted(trials, key=trial_number)
            if RECORD in trial.user_attrs
        ]


def count_done(storage: SearchStorage, name: str) -> int:
    """Finished trials of a study, which need not be there; makes nothing."""
    if not storage.exists() or name not in optuna.study.get_all_study_names(storage.optuna):
        return 0
    study = optuna.load_study(study_name=name, storage=storage.optuna)
    return len(study.get_trials(deepcopy=False, states=COUNTED))


def study_name(prefix: str, facts: Mapping[str, Any]) -> str:
    """A study's name: trials of another data set, split, recipe or space are not taken for its."""
    return f"{prefix}-{content_digest(dict(facts))}"


def objective_value(objective: str, metric_values: Mapping[str, float]) -> float:
    """The value as it is optimised; NaN where it is undefined. Of the bias, its size."""
    value = metric_values.get(objective, math.nan)
    return abs(value) if METRICS[objective].direction == "zero" else value


def _direction(objective: str) -> StudyDirection:
    is_higher_better = METRICS[objective].direction == "higher"
    return StudyDirection.MAXIMIZE if is_higher_better else StudyDirection.MINIMIZE


def make_sampler(name: SamplerName, seed: int, number: int) -> BaseSampler:
    """The sampler that draws trial ``number``; of a grid, what nothing waits for."""
    own = int(content_digest({"seed": seed, "trial": number}, length=8), 16)
    samplers = optuna.samplers
    makers: dict[SamplerName, Callable[[], BaseSampler]] = {
        "TPESampler": lambda: samplers.TPESampler(seed=own),
        "RandomSampler": lambda: samplers.RandomSampler(seed=own),
        "GridSampler": lambda: samplers.RandomSampler(seed=own),
        "GPSampler": lambda: samplers.GPSampler(seed=own, warn_independent_sampling=False),
        "CmaEsSampler": lambda: samplers.CmaEsSampler(seed=own, warn_independent_sampling=False),
        "NSGAIISampler": lambda: samplers.NSGAIISampler(seed=own),
    }
    return makers[name]()


def _suggest(trial: Trial, name: str, parameter: Parameter) -> Value:
    if isinstance(parameter, ChoiceParameter):
        return trial.suggest_categorical(name, parameter.choices)
    if isinstance(parameter, FloatParameter):
        return trial.suggest_float(
            name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
        )
    return trial.suggest_int(
        name, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )
