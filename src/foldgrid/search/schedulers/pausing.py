"""Ray Tune's schedulers that pause trials: HyperBand, and population based training.

They live in Tune's loop, so they need Ray; here they are given what an epoch scored.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from foldgrid.search.schedulers.rules import NEVER_STOPPED, Retask, Searched, score_key
from foldgrid.specs.base import Spec
from foldgrid.specs.fits import content_digest
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.schedulers import KeyProblem, Scheduler, SharedSettings
from foldgrid.specs.search_space import BACKBONE, ChoiceParameter, Parameter, SearchSpace
from foldgrid.specs.trials import TrialEpoch

RESAMPLED = 0.25
"""How often a value is drawn anew instead of perturbed (Jaderberg et al. 2017)."""
PERTURBED_BY = (0.8, 1.2)
MIN_POPULATION = 4
"""The quarter of fewer trials is none."""
UNCHANGEABLE = (BACKBONE, "max_epochs", "optimizer")
"""What a network under way cannot change: an optimiser's state is of no use to another."""


class HyperBand(Scheduler):
    """HyperBand (Li and others 2018); see ``Scheduler``."""

    pauses = True

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return f"hyperband keeps one in {shared.reduction_factor:g}, in brackets"

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return "hyperband: kept one of so many, in brackets"

    def tune(self, searched: Searched, own: Spec) -> Any:
        """See ``Scheduler``."""
        return _hyperband(searched)


class PopulationBased(Scheduler):
    """Population based training (Jaderberg and others 2017); see ``Scheduler``.

    A population is drawn before it trains: its values change in training anyway.
    """

    pauses = True
    draws_ahead = True

    def plan(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        epochs = shared.perturbation_epochs
        return f"pbt has the worst go on from the best every {epochs} epochs"

    def report(self, shared: SharedSettings, own: Spec) -> str:
        """See ``Scheduler``."""
        return "pbt: had the worst go on from the best with other values"

    def problems(
        self, shared: SharedSettings, own: Spec, planned_epochs: int, varied: Collection[str]
    ) -> Iterator[KeyProblem]:
        """See ``Scheduler``."""
        yield from super().problems(shared, own, planned_epochs, varied)
        if shared.sampler not in ("RandomSampler", "GridSampler"):
            message = (
                f"found {shared.sampler}, which learns from scores, but pbt changes values in "
                "training: no score belongs to the values that were drawn. Take RandomSampler."
            )
            yield "sampler", message
        fixed = [name for name in UNCHANGEABLE if name in varied]
        if fixed:
            message = (
                f"pbt changes values in training, and {' and '.join(fixed)} cannot change then. "
                "Take them out of the search space, or take another scheduler."
            )
            yield "scheduler", message
        if shared.num_trials < MIN_POPULATION:
            message = (
                f"found {shared.num_trials}; pbt needs {MIN_POPULATION} trials, of which the worst "
                "go on from the best."
            )
            yield "num_trials", message
        if shared.perturbation_epochs >= planned_epochs:
            message = (
                f"found {shared.perturbation_epochs}, but trials train {planned_epochs} epochs: "
                "nothing would ever change. Take fewer."
            )
            yield "perturbation_epochs", message

    def tune(self, searched: Searched, own: Spec) -> Any:
        """See ``Scheduler``."""
        assert searched.space is not None
        assert searched.remake_job is not None
        return _population(searched, searched.space, searched.remake_job)


def _scored(objective: str, result: dict[str, Any]) -> dict[str, Any]:
    """Tune's result with what its scheduler looks at."""
    if "epoch" not in result:
        return result
    epoch = TrialEpoch.model_validate_json(result["epoch"])
    return {**result, "epochs": epoch.epoch, "score": score_key(objective, epoch)}


def _never_last(trial: Any, result: dict[str, Any]) -> dict[str, Any]:
    """The result, unbeatable where it is of the trial that may not be stopped."""
    is_kept = trial.config["job"].number == NEVER_STOPPED and "score" in result
    return {**result, "score": -math.inf} if is_kept else result


def _hyperband(searched: Searched) -> Any:
    from ray.tune.schedulers import HyperBandScheduler

    objective = searched.objective

    class ScoredHyperBand(HyperBandScheduler):  # type: ignore[misc]
        """HyperBand on epochs and the objective."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            reported = _never_last(trial, _scored(objective, result))
            return str(super().on_trial_result(controller, trial, reported))

    # Trials end by themselves at their last epoch; a bracket that did it would call it stopping.
    return ScoredHyperBand(
        time_attr="epochs",
        metric="score",
        mode="min",
        max_t=searched.max_epochs,
        reduction_factor=searched.settings.reduction_factor,
        stop_last_trials=False,
    )


def _population(searched: Searched, space: SearchSpace, remake_job: Retask) -> Any:
    from ray.tune.schedulers import PopulationBasedTraining

    objective = searched.objective

    class ScoredPopulation(PopulationBasedTraining):  # type: ignore[misc]
        """Population based training on epochs and the objective; explores the search space."""

        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            return str(super().on_trial_result(controller, trial, _scored(objective, result)))

        def _quantiles(self) -> tuple[list[Any], list[Any]]:
            lower, upper = super()._quantiles()
            # The sweep's default configuration goes on as it is: everything is compared with it.
            return [t for t in lower if t.config["job"].number != NEVER_STOPPED], upper

        def _get_new_config(self, trial: Any, donor: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            mine, better = trial.config["job"], donor.config["job"]
            epoch = self._trial_state[donor].last_train_time
            values = explored(space, better.values, _random(searched.seed, mine.number, epoch))
            job = replace(remake_job(mine.number, values), inherited_from=better.number)
            return {**trial.config, "job": job}, {}

    return ScoredPopulation(
        time_attr="epochs",
        metric="score",
        mode="min",
        perturbation_interval=searched.settings.perturbation_epochs,
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
