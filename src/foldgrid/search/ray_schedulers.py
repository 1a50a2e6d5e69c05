"""Ray Tune's schedulers that pause trials: HyperBand, and population based training.

They live in Tune's loop, so they need Ray; here they are told what an epoch scored.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from foldgrid.search.stopping import NEVER_STOPPED, score_key
from foldgrid.search.trials import TrialTask
from foldgrid.specs.fits import content_digest
from foldgrid.specs.recipe import Value
from foldgrid.specs.search_space import ChoiceParameter, Parameter, SearchSpace
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch

PAUSING = ("hyperband", "pbt")
"""The schedulers that are made here."""
RESAMPLED = 0.25
"""How often a value is drawn anew instead of perturbed (Jaderberg et al. 2017)."""
PERTURBED_BY = (0.8, 1.2)

Retask = Callable[[int, dict[str, Value]], TrialTask]
"""A trial's number and its values to its task."""


def make_pausing_scheduler(
    settings: SearchSettings, space: SearchSpace, max_epochs: int, seed: int, retask: Retask
) -> Any | None:
    """The scheduler that ``settings.scheduler`` names, where it is one that pauses trials.

    Args:
        settings: How the search goes.
        space: What may vary.
        max_epochs: The most epochs that any trial is planned to train.
        seed: The sweep's.
        retask: Makes the task of a trial that goes on with other values.
    """
    if settings.scheduler == "hyperband":
        return _hyperband(settings, max_epochs)
    if settings.scheduler == "pbt":
        return _pbt(settings, space, seed, retask)
    return None


def _scored(objective: str, result: dict[str, Any]) -> dict[str, Any]:
    """Tune's result with what its scheduler looks at."""
    if "epoch" not in result:
        return result
    epoch = TrialEpoch.model_validate_json(result["epoch"])
    return {**result, "epochs": epoch.epoch, "score": score_key(objective, epoch)}


def _never_last(trial: Any, result: dict[str, Any]) -> dict[str, Any]:
    """The result, unbeatable where it is of the trial that may not be stopped."""
    is_kept = trial.config["task"].number == NEVER_STOPPED and "score" in result
    return {**result, "score": -math.inf} if is_kept else result


def _hyperband(settings: SearchSettings, max_epochs: int) -> Any:
    from ray.tune.schedulers import HyperBandScheduler

    objective = settings.objectives[0]

    class ScoredHyperBand(HyperBandScheduler):  # type: ignore[misc]
        """HyperBand on epochs and the objective."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            told = _never_last(trial, _scored(objective, result))
            return str(super().on_trial_result(controller, trial, told))

    # Trials end by themselves at their last epoch; a bracket that did it would call it stopping.
    return ScoredHyperBand(
        time_attr="epochs",
        metric="score",
        mode="min",
        max_t=max_epochs,
        reduction_factor=settings.reduction_factor,
        stop_last_trials=False,
    )


def _pbt(settings: SearchSettings, space: SearchSpace, seed: int, retask: Retask) -> Any:
    from ray.tune.schedulers import PopulationBasedTraining

    objective = settings.objectives[0]

    class ScoredPopulation(PopulationBasedTraining):  # type: ignore[misc]
        """Population based training on epochs and the objective; explores the search space."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            return str(super().on_trial_result(controller, trial, _scored(objective, result)))

        def _quantiles(self) -> tuple[list[Any], list[Any]]:
            lower, upper = super()._quantiles()
            # The sweep's own recipe goes on as it is: everything is compared with it.
            return [t for t in lower if t.config["task"].number != NEVER_STOPPED], upper

        def _get_new_config(self, trial: Any, donor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            mine, better = trial.config["task"], donor.config["task"]
            epoch = self._trial_state[donor].last_train_time
            values = explored(space, better.values, _random(seed, mine.number, epoch))
            task = replace(retask(mine.number, values), inherited_from=better.number)
            return {**trial.config, "task": task}, {}

    return ScoredPopulation(
        time_attr="epochs",
        metric="score",
        mode="min",
        perturbation_interval=settings.perturbation_epochs,
        custom_explore_fn=lambda config: config,
        log_config=False,
        synch=True,
        require_attrs=False,
    )


def _random(*facts: float) -> random.Random:
    return random.Random(content_digest({"facts": list(facts)}))


def explored(
    space: SearchSpace, values: dict[str, Value], generator: random.Random
) -> dict[str, Value]:
    """Values near ``values``: each perturbed, or now and then drawn anew.

    Args:
        space: What may vary; the result lies in it, its conditions included.
        values: Where to start.
        generator: Decides.
    """
    found: dict[str, Value] = {}
    for name, parameter in space.parameters.items():
        if space.is_active(name, found):
            is_new = name not in values or generator.random() < RESAMPLED
            found[name] = (
                _resample(parameter, generator)
                if is_new
                else _perturb(parameter, values[name], generator)
            )
    return found


def _resample(parameter: Parameter, generator: random.Random) -> Value:
    if isinstance(parameter, ChoiceParameter):
        return generator.choice(parameter.choices)
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        return _allowed(parameter, low * (high / low) ** generator.random())
    return _allowed(parameter, low + (high - low) * generator.random())


def _perturb(parameter: Parameter, value: Value, generator: random.Random) -> Value:
    if isinstance(parameter, ChoiceParameter):
        choices = parameter.choices
        index = choices.index(value) + generator.choice((-1, 1))
        return choices[min(max(index, 0), len(choices) - 1)]
    return _allowed(parameter, float(value or 0.0) * generator.choice(PERTURBED_BY))


def _allowed(parameter: Parameter, value: float) -> Value:
    """The nearest value that the parameter may have."""
    if isinstance(parameter, ChoiceParameter):
        raise TypeError("a choice has no nearest value")
    low, high, step = parameter.low, parameter.high, parameter.step
    if step is not None:
        steps = min(max(round((value - low) / step), 0), int((high - low) / step + 1e-9))
        value = low + steps * step
    value = min(max(value, low), high)
    return round(value) if parameter.type == "int" else float(value)
