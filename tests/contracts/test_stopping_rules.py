"""The laws of `specs.schedulers`, kept by every scheduler's rule; then the race's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.search.schedulers.rules import Searched
from foldgrid.specs.schedulers import NO_SCHEDULER, SCHEDULERS
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch
from tests.outside.site.behind import BEHIND
from tests.search.made_up_trials import (
    GRACE,
    NUM_EPOCHS,
    evaluate,
    made_up_course,
    made_up_trial,
    made_up_units,
    rule_of,
)

ALL = (*SCHEDULERS, "behind")
PAUSING = tuple(name for name, each in SCHEDULERS.items() if each.pauses)
STOPPING = tuple(name for name in ALL if name not in (NO_SCHEDULER, *PAUSING))
UNITS = made_up_units()
# Best first: what follows is mostly worse, so every rule has something to give up.
TRIALS = [made_up_trial(UNITS, quality, seed) for seed, quality in enumerate([0.2, 0.4, 0.6, 0.9])]
TRIALS += [made_up_trial(UNITS, 1.0, seed) for seed in range(4, 10)]
MISSES = 0.5 * UNITS["reference"].to_numpy()
FLAT = made_up_course(UNITS, MISSES, [1.0] * NUM_EPOCHS)


@pytest.fixture(autouse=True)
def _one_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULERS, "behind", BEHIND)  # type: ignore[arg-type]


@pytest.fixture(params=STOPPING)
def scheduler(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("name", ALL)
def test_a_scheduler_goes_one_way_and_has_words_for_it(name: str) -> None:
    settings = SearchSettings(scheduler=name, num_trials=4)
    scheduler, own = settings.scheduling, settings.own
    if not scheduler.pauses:
        searched = Searched(settings, UNITS, NUM_EPOCHS)
        assert (searched.rule() is None) == (name == NO_SCHEDULER)
        assert searched.tune() is None
    planned, reported = scheduler.plan(settings, own), scheduler.report(settings, own)
    assert planned.startswith(name) or name == NO_SCHEDULER
    assert reported.startswith(name)
    assert not {planned[-1:], reported[-1]} & {".", " "}


@pytest.mark.parametrize("name", [name for name in ALL if name != NO_SCHEDULER])
def test_a_scheduler_says_which_searches_do_not_suit_it(name: str) -> None:
    two = SearchSettings(scheduler=name, num_trials=4, objectives=("mae", "bias"))
    keys = [key for key, _ in two.scheduling.problems(two, two.own, 100, ())]
    assert "scheduler" in keys
    assert set(keys) <= set(SearchSettings.model_fields)
    fit = SearchSettings(scheduler=name, num_trials=4, sampler="RandomSampler")
    assert not list(fit.scheduling.problems(fit, fit.own, 100, ("learning_rate",)))


def test_an_optimizer_cannot_be_changed_in_training() -> None:
    settings = SearchSettings(scheduler="pbt", num_trials=4, sampler="RandomSampler")
    ((key, message),) = settings.scheduling.problems(settings, settings.own, 100, ("optimizer",))
    assert (key, "optimizer cannot change" in message) == ("scheduler", True)


def evaluate_all(scheduler: str, trials: list[list[TrialEpoch]]) -> list[int | None]:
    rule = rule_of(scheduler, UNITS)
    return [evaluate(rule, number, trial) for number, trial in enumerate(trials)]


def test_something_is_stopped_and_nothing_before_its_grace(scheduler: str) -> None:
    ends = [end for end in evaluate_all(scheduler, TRIALS) if end is not None]
    assert len(ends) >= 3
    assert min(ends) >= GRACE


def test_the_same_reports_get_the_same_answers(scheduler: str) -> None:
    assert evaluate_all(scheduler, TRIALS) == evaluate_all(scheduler, TRIALS)


def test_a_lone_trial_is_never_given_up(scheduler: str) -> None:
    for trial in TRIALS:
        assert evaluate(rule_of(scheduler, UNITS), 0, trial) is None


def test_of_equal_trials_none_is_stopped(scheduler: str) -> None:
    assert evaluate_all(scheduler, [TRIALS[2]] * 6) == [None] * 6


def test_trials_side_by_side_are_evaluated_too(scheduler: str) -> None:
    rule = rule_of(scheduler, UNITS)
    assert evaluate(rule, 0, TRIALS[0]) is None
    received = [
        [rule.should_stop(number, trial[epoch]) for epoch in range(NUM_EPOCHS - 1)]
        for number, trial in enumerate(TRIALS[6:], start=1)
    ]
    assert all(not any(evaluated[: GRACE - 1]) for evaluated in received)
    assert any(any(evaluated) for evaluated in received)


def test_a_trial_that_goes_on_after_all_is_evaluated_again(scheduler: str) -> None:
    """As the sweep's default configuration does, which is never given up."""
    rule = rule_of(scheduler, UNITS)
    for number, trial in enumerate(TRIALS[:5], start=1):
        evaluate(rule, number, trial)
    evaluated = [rule.should_stop(0, epoch) for epoch in TRIALS[9][:-1]]
    rule.ended(0, TRIALS[9], "complete")
    assert any(evaluated)
    assert evaluate(rule, 6, TRIALS[0]) is None


def test_a_trial_without_a_score_does_no_harm(scheduler: str) -> None:
    rule = rule_of(scheduler, UNITS)
    assert evaluate(rule, 0, TRIALS[0]) is None
    lost = TrialEpoch(epoch=4, oof={}, num_running=0, wall_seconds=1.0)
    rule.should_stop(1, TRIALS[1][2])
    rule.ended(1, [*TRIALS[1][:3], lost], "diverged")
    assert evaluate(rule, 2, TRIALS[0]) is None


# What only the race promises.


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_a_race_goes_on_after_another_launch_as_if_it_were_the_same(order: tuple[int, ...]) -> None:
    first, later = rule_of("paired_race", UNITS), rule_of("paired_race", UNITS)
    ends = [evaluate(first, number, TRIALS[number]) for number in range(4)]
    for number in order:
        end = ends[number]
        kept = TRIALS[number] if end is None else TRIALS[number][:end]
        later.ended(number, kept, "complete" if end is None else "stopped")
    assert [evaluate(first, n, t) for n, t in enumerate(TRIALS[4:], start=4)] == [
        evaluate(later, n, t) for n, t in enumerate(TRIALS[4:], start=4)
    ]


def test_of_equal_finished_trials_the_first_is_raced_against_in_whatever_order() -> None:
    # The second was so bad for so long that whoever races against it goes on.
    slow = [*made_up_course(UNITS, MISSES, [9.0] * (NUM_EPOCHS - 1)), TRIALS[0][-1]]
    for reported in ((0, TRIALS[0]), (1, slow)), ((1, slow), (0, TRIALS[0])):
        rule = rule_of("paired_race", UNITS)
        for number, epochs in reported:
            rule.ended(number, epochs, "complete")
        assert evaluate(rule, 2, FLAT) == GRACE


def test_until_a_trial_is_complete_the_sweeps_default_configuration_is_raced_against() -> None:
    rule = rule_of("paired_race", UNITS)
    assert not any(rule.should_stop(0, epoch) for epoch in TRIALS[0][:6])
    assert [rule.should_stop(1, epoch) for epoch in TRIALS[9][:GRACE]] == [False, False, True]
    # It has not come so far yet.
    assert not any(rule.should_stop(2, epoch) for epoch in TRIALS[9][6:19])


def test_a_recipe_whose_loss_is_no_longer_finite_is_no_rival() -> None:
    rule = rule_of("paired_race", UNITS)
    lost = TrialEpoch(epoch=GRACE + 1, oof={}, num_running=0, wall_seconds=1.0)
    for epoch in TRIALS[0][:GRACE]:
        rule.should_stop(0, epoch)
    rule.ended(0, [*TRIALS[0][:GRACE], lost], "diverged")
    assert evaluate(rule, 1, TRIALS[9]) is None
    assert evaluate(rule, 2, TRIALS[0]) is None
    assert evaluate(rule, 3, TRIALS[9]) == GRACE


def test_a_race_never_stops_who_does_as_the_best_did() -> None:
    rule = rule_of("paired_race", UNITS, significance=0.99)
    assert evaluate(rule, 0, TRIALS[3]) is None
    assert evaluate(rule, 1, TRIALS[0]) is None
    assert evaluate(rule, 2, TRIALS[0]) is None


@pytest.mark.parametrize("objective", ["mae", "rmse", "ccc", "icc", "pcc"])
def test_whoever_is_visibly_worse_is_stopped_by_every_metric(objective: str) -> None:
    rule = rule_of("paired_race", UNITS, objectives=(objective,))
    assert evaluate(rule, 0, TRIALS[0]) is None
    assert evaluate(rule, 1, made_up_trial(UNITS, 1.2, 77)) is not None
    assert evaluate(rule, 2, made_up_trial(UNITS, 0.1, 78)) is None


def test_whoever_has_no_metric_is_stopped() -> None:
    rule = rule_of("paired_race", UNITS, objectives=("pcc",))
    assert evaluate(rule, 0, TRIALS[0]) is None
    constant = made_up_course(UNITS, 9.0 - UNITS["reference"].to_numpy(), [1.0] * NUM_EPOCHS)
    assert evaluate(rule, 1, constant) == GRACE


@pytest.mark.parametrize("shift", [-8.0, 8.0])
def test_bias_is_a_matter_of_size(shift: float) -> None:
    rule = rule_of("paired_race", UNITS, objectives=("bias",), significance=0.01)
    assert evaluate(rule, 0, made_up_trial(UNITS, 0.3, 0)) is None
    assert evaluate(rule, 1, made_up_trial(UNITS, 0.3, 1, shift=shift)) is not None
    assert evaluate(rule, 2, made_up_trial(UNITS, 0.3, 1)) is None


def false_stops(
    objective: str, significance: float, scales: Sequence[float], num_trials: int
) -> float:
    """How often the race gives up whom nothing sets apart from the best, judged at one epoch.

    Both err alike, and their errors shrink alike, by ``scales``; only who errs how much is drawn.
    """
    random = np.random.default_rng(3)
    stops = 0
    for number in range(num_trials):
        units = made_up_units(num_subjects=27, seed=number)
        reference = units["reference"].to_numpy()
        # A subject's visits err together, and the larger the score the more.
        subject = pd.factorize(units["subject"])[0]
        errors = random.normal(0, 0.3, (2, subject.max() + 1))[:, subject]
        errors = (errors + random.normal(0, 0.2, (2, len(subject)))) * np.sqrt(1 + reference)
        rule = rule_of(
            "paired_race",
            units,
            objectives=(objective,),
            significance=significance,
            grace_epochs=4,
            reduction_factor=100.0,
        )
        rule.ended(0, made_up_course(units, errors[0], scales), "complete")
        end = evaluate(rule, 1, made_up_course(units, errors[1], scales))
        stops += end is not None
    return stops / num_trials


@pytest.mark.parametrize("objective", ["mae", "ccc"])
@pytest.mark.parametrize("significance", [0.05, 0.2])
def test_equals_that_learn_no_more_are_stopped_as_often_as_the_significance_says(
    objective: str, significance: float
) -> None:
    fraction = false_stops(objective, significance, [1.0] * 5, num_trials=200)
    # Four standard errors of 200 coin throws.
    assert fraction == pytest.approx(significance, abs=4 * np.sqrt(significance / 200))


@pytest.mark.parametrize("significance", [0.05, 0.2])
def test_equals_that_learn_with_every_doubling_are_stopped_no_more_often(
    significance: float,
) -> None:
    scales = [1.5 - 0.25 * np.log2(epoch) for epoch in range(1, 17)]
    fraction = false_stops("mae", significance, scales, num_trials=100)
    assert fraction <= significance + 4 * np.sqrt(significance / 100)


def test_a_slow_starter_that_will_end_better_goes_on_and_a_fast_one_that_stays_does_not() -> None:
    errors = made_up_units(seed=1)["reference"].to_numpy() * 0.4
    best = made_up_course(UNITS, errors, [1.0] * 16)
    slow = made_up_course(UNITS, errors, [2.4 - 0.4 * np.log2(epoch) for epoch in range(1, 17)])
    stays = made_up_course(UNITS, errors, [1.05] * 16)
    rule = rule_of("paired_race", UNITS)
    rule.ended(0, best, "complete")
    assert evaluate(rule, 1, stays) == GRACE
    assert slow[GRACE - 1].oof["mae"] > stays[GRACE - 1].oof["mae"]
    assert evaluate(rule, 2, slow) is None


@given(
    better=st.floats(0.1, 0.5),
    worse=st.floats(0.1, 1.5),
    seed=st.integers(0, 2**16),
    levels=st.tuples(st.floats(0.01, 0.5), st.floats(0.01, 0.5)),
)
def test_a_stricter_race_stops_no_one_earlier(
    better: float, worse: float, seed: int, levels: tuple[float, float]
) -> None:
    ends = []
    for significance in sorted(levels):
        rule = rule_of("paired_race", UNITS, significance=significance)
        assert evaluate(rule, 0, made_up_trial(UNITS, better, seed)) is None
        ends.append(evaluate(rule, 1, made_up_trial(UNITS, worse, seed + 1)) or NUM_EPOCHS)
    assert ends[0] >= ends[1]
