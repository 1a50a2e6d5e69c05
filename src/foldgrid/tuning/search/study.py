"""The memory and the judgement of a search: an Optuna study that survives its process.

Every suggestion is drawn by a sampler of its own, seeded by the sweep's seed and the number of
suggestions before it, so a search that was killed and started again goes on as if it had not been.
"""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from foldgrid.scoring import METRICS
from foldgrid.specs.fits import content_digest
from foldgrid.specs.recipe import Value
from foldgrid.specs.search_space import (
    ChoiceParameter,
    FloatParameter,
    Parameter,
    SearchSpace,
    grid_points,
)
from foldgrid.specs.sweep import Objective, SamplerName, SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialRecord

RETRY = "retry_of"
"""The attribute of a trial that repeats one whose launch ended without a word: which it repeats.

To Optuna it is another trial; to everybody else it is that one, taken up again under its number.
"""

COUNTED = (TrialState.COMPLETE, TrialState.PRUNED)
"""Trials that need not be tried again; to Optuna stopped and diverged ones are pruned."""


class SearchStudy:
    """Suggests configurations and learns from their scores.

    Args:
        storage: Optuna's storage.
        name: The study's name; one that is there already is gone on with.
        space: What may vary.
        settings: How it is searched.
        first: The values of trial 0: the sweep's own recipe.
        seed: The sweep's.
    """

    def __init__(
        self,
        storage: optuna.storages.BaseStorage,
        name: str,
        space: SearchSpace,
        settings: SearchSettings,
        first: Mapping[str, Value],
        seed: int,
    ) -> None:
        self.name, self.space, self.settings, self.seed = name, space, settings, seed
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        directions = [_direction(each) for each in settings.objectives]
        self._study = optuna.create_study(
            storage=storage, study_name=name, directions=directions, load_if_exists=True
        )
        self._open: dict[int, Trial] = {}
        if not self._study.get_trials(deepcopy=False):
            for point in self._opening(dict(first)):
                self._study.enqueue_trial(point)

    def _opening(self, first: dict[str, Value]) -> list[dict[str, Value]]:
        """What is tried before the sampler has a say: the sweep's own recipe; of a grid, all."""
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

    def close_stale(self) -> int:
        """Closes the trials of a launch that ended without a word, and lines them up again.

        Returns:
            How many there were.
        """
        stale = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        mine = {trial.number for trial in self._open.values()}
        stale = [trial for trial in stale if trial.number not in mine]
        for trial in stale:
            self._study.tell(trial.number, state=TrialState.FAIL)
            self._study.enqueue_trial(dict(trial.params), {RETRY: own_number(trial)})
        return len(stale)

    def ask(self) -> tuple[int, dict[str, Value]] | None:
        """The next trial's number and values; nothing where a grid has been tried through."""
        if self.settings.sampler == "GridSampler" and not self._waiting:
            return None
        with warnings.catch_warnings():
            # What Optuna warns of here (experimental samplers, fallbacks) was chosen knowingly.
            warnings.simplefilter("ignore")
            self._study.sampler = make_sampler(self.settings.sampler, self.seed, self._num_drawn)
            trial = self._study.ask()
            values: dict[str, Value] = {}
            for name, parameter in self.space.parameters.items():
                if self.space.is_active(name, values):
                    values[name] = _suggest(trial, name, parameter)
        self._open[own_number(trial)] = trial
        return own_number(trial), values

    @property
    def _num_drawn(self) -> int:
        """Configurations drawn so far; one that is tried again was drawn once."""
        trials = self._study.get_trials(deepcopy=False)
        return sum(
            trial.state != TrialState.WAITING and RETRY not in trial.user_attrs for trial in trials
        )

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
                    self._open[number].report(value, epoch.epoch)

    def tell(self, number: int, record: TrialRecord) -> None:
        """Closes a trial with its record."""
        trial = self._open.pop(number)
        trial.set_user_attr("backbone", record.backbone)
        trial.set_user_attr("num_epochs", record.num_epochs)
        trial.set_user_attr("oof", {k: v for k, v in record.oof.items() if math.isfinite(v)})
        values = [objective_value(each, record.oof) for each in self.settings.objectives]
        if record.status == "complete" and all(map(math.isfinite, values)):
            self._study.tell(trial, values)
        else:
            trial.set_user_attr(record.status, True)
            self._study.tell(trial, state=TrialState.PRUNED)

    def give_up(self, number: int, message: str) -> None:
        """Closes a trial that failed; another launch may draw it again."""
        trial = self._open.pop(number)
        trial.set_user_attr("failure", message)
        self._study.tell(trial, state=TrialState.FAIL)


def own_number(trial: Trial | FrozenTrial) -> int:
    """The number that a trial goes by: its own, or that of the one it repeats."""
    return int(trial.user_attrs.get(RETRY, trial.number))


def study_name(prefix: str, facts: Mapping[str, Any]) -> str:
    """A study's name: trials of another data set, split, recipe or space are not taken for its."""
    return f"{prefix}-{content_digest(dict(facts))}"


def objective_value(objective: Objective, figures: Mapping[str, float]) -> float:
    """The figure as it is optimised; NaN where it is undefined. Of the bias, its size."""
    value = figures.get(objective, math.nan)
    return abs(value) if METRICS[objective].direction == "zero" else value


def _direction(objective: Objective) -> StudyDirection:
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
