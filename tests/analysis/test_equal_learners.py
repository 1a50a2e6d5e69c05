"""What is said of many models, put to studies in which all are equally good."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from foldgrid.analysis.statistics.differences import SIGNIFICANCE, differences_to
from foldgrid.analysis.statistics.facts import AS_PROMISED, falsely_marked
from foldgrid.analysis.statistics.resampled import Resampled
from foldgrid.analysis.statistics.selection import correct_selections, losses
from tests.analysis.equal_learners import TARGETS, EqualLearners

METRICS = tuple(TARGETS)


@dataclass
class Found:
    """What was found in studies, a number a study.

    Attributes:
        marked: Whether some model was marked as worse than the best.
        optimism: The winner's value less that of a learner drawn beforehand.
        correction: The corrected value less the winner's.
        value: That of a learner drawn beforehand.
    """

    marked: list[bool] = field(default_factory=list)
    optimism: list[float] = field(default_factory=list)
    correction: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, part: Resampled, name: str) -> None:
        values_M = part.metric_values[name]
        losses_M = losses(part.metrics[name], values_M)
        if np.isnan(losses_M).all():
            return
        self.marked.append(any(is_marked(part, name, int(np.nanargmin(losses_M)))))
        chosen = correct_selections(part, range(len(part.models)), [name])[name]
        if chosen.corrected is not None and chosen.naive is not None:
            self.optimism.append(chosen.naive - float(values_M.mean()))
            self.correction.append(chosen.corrected - chosen.naive)
            self.value.append(float(values_M.mean()))

    @property
    def off_by(self) -> float:
        """How far the mean correction is from the mean optimism."""
        return abs(float(np.mean(self.optimism) + np.mean(self.correction)))


def is_marked(part: Resampled, name: str, best: int) -> list[bool]:
    """Of each model whether it is marked as worse than the best."""
    metric, num_subjects = part.metrics[name], part.sums.num_subjects
    losses_M = losses(metric, part.metric_values[name])
    losses_RM = losses(metric, part.values_RM[name])
    num_strata = part.draws(name).num_strata
    found = differences_to(best, losses_M, losses_RM, num_subjects, num_strata)
    return [
        each is not None and each.p_adjusted is not None and each.p_adjusted < SIGNIFICANCE
        for each in found
    ]


def looked_at(population: EqualLearners, names: tuple[str, ...], num: int) -> dict[str, Found]:
    found = {name: Found() for name in names}
    for seed in range(num):
        for name, part in population.study(seed, names).items():
            found[name].add(part, name)
    return found


def test_equal_models_are_seldom_marked_and_the_choice_is_corrected() -> None:
    found = looked_at(EqualLearners(20, 12, 0.7, num_resamples=300), ("mae", "ccc"), 60)
    for each in found.values():
        assert np.mean(each.marked) <= 0.1
    assert found["mae"].off_by < 0.02 * np.mean(found["mae"].value)
    assert found["ccc"].off_by < 0.015
    assert np.mean(found["mae"].optimism) < -0.2, "or there was nothing to correct"


def test_a_learner_that_is_clearly_worse_is_marked() -> None:
    population = EqualLearners(54, 12, 0.7, worse=1.5, num_resamples=300)
    marked = []
    for seed in range(10):
        part = population.study(seed, ["mae"])["mae"]
        marked.append(is_marked(part, "mae", int(np.argmin(part.metric_values["mae"])))[0])
    assert np.mean(marked) >= 0.9


@pytest.mark.exhaustive
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("correlation", [0.0, 0.7])
@pytest.mark.parametrize("num_subjects", [6, 20, 54])
def test_a_thousand_studies_of_29_equal_learners(num_subjects: int, correlation: float) -> None:
    """Decision 0011 has the table; simulation errs by 0.7 % of the studies."""
    names = ("mae", "rmse", "ccc", "auc", "kappa")
    found = looked_at(EqualLearners(num_subjects, 29, correlation), names, 1000)
    for name, each in found.items():
        said = max(AS_PROMISED, falsely_marked(name, num_subjects))
        assert np.mean(each.marked) <= said + 1e-9, name
    for name in ("mae", "rmse"):
        assert found[name].off_by < 0.01 * np.mean(found[name].value), name
    assert found["ccc"].off_by < 0.01
