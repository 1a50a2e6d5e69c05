"""What mattered, on made-up trials whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.analysis.exhibits.search.importance import (
    FEWEST_TRIALS,
    Importances,
    parameter_importances,
)
from foldgrid.analysis.exhibits.search.landscape import LEAST_EXPLAINED, REACH, score_landscape
from foldgrid.analysis.search.numbers import positions, scales
from foldgrid.analysis.search.results import StudyResults, read_studies
from foldgrid.specs.recipe_keys import Value
from foldgrid.specs.search_space import SearchSpace
from tests.analysis.search.made_up_search import SPACE, MadeUpSearch

NOTHING = Importances((), 0, 0, reason="not asked")


def study_of(folder: Path, **settings: object) -> StudyResults:
    search = MadeUpSearch(folder / "made_up", num_epochs=2, **settings)  # type: ignore[arg-type]
    return read_studies(search.write())[0]


def steep(values: dict[str, Value]) -> float:
    """The learning rate decides, patience a little, the others nothing."""
    rate = math.log10(float(values["learning_rate"] or 0)) + 4
    return 3.0 + 3.0 * rate + 0.8 * math.log10(float(values["plateau.patience"] or 1))


def test_a_parameter_that_does_nothing_is_distinguished_from_one_that_does(tmp_path: Path) -> None:
    found = parameter_importances(study_of(tmp_path, num_trials=40, truth=steep), 10, 12)
    fractions = {each.name: each.shown for each in found.parameters}
    assert found.parameters[0].name == "learning_rate"
    assert fractions["learning_rate"].mean > 0.7
    assert sum(each.mean for each in fractions.values()) == pytest.approx(1.0)
    assert fractions["learning_rate"].mean > found.parameters[0].chance
    for each in found.parameters:
        assert 0 <= each.shown.low <= each.shown.mean <= each.shown.high <= 1
        if each.name in ("momentum", "weight_decay", "batch_size"):
            assert each.shown.mean < each.chance
            assert each.shown.mean < fractions["learning_rate"].low
    assert all(each.all_trials is None for each in found.parameters)


def test_where_nothing_matters_nothing_stands_out(tmp_path: Path) -> None:
    study = study_of(tmp_path, num_trials=24, truth=lambda _: 5.0, seed=3)
    found = parameter_importances(study, 4, 30)
    assert [each.name for each in found.parameters if each.shown.mean > each.chance] == []


def test_few_trials_make_wide_intervals(tmp_path: Path) -> None:
    widths = []
    for num_trials in (12, 60):
        study = study_of(tmp_path / str(num_trials), num_trials=num_trials, truth=steep)
        fraction = parameter_importances(study, 10, 1).parameters[0].shown
        widths.append(fraction.high - fraction.low)
    assert widths[0] > 2 * widths[1]


def test_below_ten_trials_it_says_so(tmp_path: Path) -> None:
    found = parameter_importances(study_of(tmp_path, num_trials=FEWEST_TRIALS - 1))
    assert found.parameters == ()
    assert "9 trials, of which 9 trained to the end, are too few" in found.reason


def test_what_the_scheduler_gave_up_is_looked_at_too(tmp_path: Path) -> None:
    """Every trial of a high learning rate is given up: among the rest it seems not to matter."""

    def cliff(values: dict[str, Value]) -> float:
        return 12.0 if float(values["learning_rate"] or 0) > 0.003 else 4.0

    whole = study_of(tmp_path / "whole", num_trials=40, truth=cliff)
    bad = frozenset(
        trial.number
        for trial in whole.trials
        if float(trial.values["learning_rate"] or 0) > 0.003 and trial.number
    )
    study = study_of(tmp_path / "raced", num_trials=40, truth=cliff, stopped=bad)
    found = {each.name: each for each in parameter_importances(study, 8, 1).parameters}
    rate = found["learning_rate"]
    assert rate.complete is not None
    assert rate.all_trials is not None
    assert rate.all_trials.mean > 0.6
    assert rate.complete.mean < rate.all_trials.mean - 0.2


def test_all_trials_stand_in_where_few_are_complete(tmp_path: Path) -> None:
    study = study_of(tmp_path, num_trials=14, truth=steep, diverged=frozenset(range(5, 14)))
    found = parameter_importances(study, 6, 1)
    assert (found.num_complete, found.num_trials) == (5, 14)
    assert all(each.complete is None and each.all_trials for each in found.parameters)


def test_values_outside_the_space_and_conditions_have_a_place(tmp_path: Path) -> None:
    space = SPACE.model_dump()
    space["parameters"]["plateau.factor"] = {
        "type": "float", "low": 0.2, "high": 0.9, "when": {"momentum": (0.9,)},
    }  # fmt: skip
    study = study_of(tmp_path, space=SearchSpace.model_validate(space), num_trials=6)
    axes = {axis.name: axis for axis in scales(study)}
    assert axes["plateau.factor"].low == 0.1, "the own recipe's factor lies below the space"
    decay = axes["weight_decay"]
    assert decay.fraction(0.0) == 0.0
    assert decay.has_zero
    assert 0 < decay.fraction(1e-6) < decay.fraction(1e-2) == 1.0
    places = positions(study, study.trials, tuple(axes.values()))
    assert np.isfinite(places).all()


def without(study: StudyResults, *names: str) -> StudyResults:
    """The study of a space without some parameters."""
    kept = {name: each for name, each in study.plan.space.parameters.items() if name not in names}
    space = study.plan.space.model_copy(update={"parameters": kept})
    return replace(study, plan=study.plan.model_copy(update={"space": space}))


def test_one_parameter_has_nothing_beside_it(tmp_path: Path) -> None:
    study = study_of(tmp_path, num_trials=12)
    alone = without(study, *list(SPACE.parameters)[1:])
    assert parameter_importances(alone).reason == "only one parameter was searched"
    assert "fewer than two" in score_landscape(alone, NOTHING).reason


def test_the_landscape_is_blank_where_there_are_no_trials(tmp_path: Path) -> None:
    study = study_of(tmp_path, num_trials=12, truth=steep, seed=5)
    found = score_landscape(study, NOTHING)
    assert found.across is not None
    assert found.up is not None
    assert (found.across.name, found.up.name) == ("learning_rate", "plateau.patience")
    line = np.linspace(0, 1, len(found.surface_GG))
    places = found.points[["x", "y"]].to_numpy()
    blank = 0
    for row, y in enumerate(line):
        for column, x in enumerate(line):
            nearest = np.hypot(places[:, 0] - x, places[:, 1] - y).min()
            assert np.isnan(found.surface_GG[row, column]) == (nearest > REACH)
            blank += nearest > REACH
    assert 0 < blank < found.surface_GG.size
    known = found.surface_GG[np.isfinite(found.surface_GG)]
    scores = found.points["score"]
    room = scores.max() - scores.min()
    assert scores.min() - room < known.min() < known.max() < scores.max() + room


def test_the_landscape_says_how_much_it_explains(tmp_path: Path) -> None:
    strong = study_of(tmp_path / "strong", num_trials=30, truth=steep)
    assert score_landscape(strong, NOTHING).explained > 0.9
    of_nothing = []
    for seed in range(3):
        folder = tmp_path / str(seed)
        study = study_of(folder, num_trials=30, truth=lambda _: 5.0, seed=seed)
        found = score_landscape(study, NOTHING)
        of_nothing.append(found.explained)
        assert (found.surface_GG.size == 0) == (found.explained < LEAST_EXPLAINED)
    assert np.mean(of_nothing) < 0.15


def test_elsewhere_the_two_that_matter_most_are_shown(tmp_path: Path) -> None:
    study = without(study_of(tmp_path, num_trials=20, truth=steep), "learning_rate")
    found = score_landscape(study, parameter_importances(study, 4, 1))
    assert found.across is not None
    assert found.up is not None
    assert {found.across.name, found.up.name} == {"plateau.patience", "weight_decay"}
    few = study_of(tmp_path / "few", num_trials=5)
    assert score_landscape(few, NOTHING).surface_GG.size == 0


@given(
    low=st.floats(1e-6, 1.0), factor=st.floats(1.1, 1e5), fraction=st.floats(0, 1)
)  # fmt: skip
def test_a_logarithmic_axis_has_its_ends_and_its_order(
    low: float, factor: float, fraction: float
) -> None:
    from foldgrid.analysis.search.numbers import Scale

    axis = Scale("learning_rate", True, low, low * factor)
    assert axis.fraction(low) == pytest.approx(0.0, abs=1e-9)
    assert axis.fraction(low * factor) == pytest.approx(1.0)
    assert axis.fraction(low * factor**fraction) == pytest.approx(fraction, abs=1e-6)
