"""The permutation test: exact where it can be counted out, honest by simulation, and it sees."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from foldgrid.analysis.checks.shuffled_skill import assess_skill, smallest_p_value


def trial(
    scores: np.ndarray,
    folds: int,
    visits: int = 2,
    regions: tuple[str, ...] = ("trunk", "upper_extremities"),
) -> pd.DataFrame:
    """Every subject has one score, less in the arms than on the trunk."""
    rows = [
        (
            f"s{subject:02}",
            visit,
            region,
            subject % folds,
            score * (1 if region == "trunk" else 0.6),
        )
        for subject, score in enumerate(scores)
        for visit in range(visits)
        for region in regions
    ]
    table = pd.DataFrame(rows, columns=["subject", "visit", "region", "fold", "reference"])
    return table.set_axis([f"{s}/{v}/{r}" for s, v, r, *_ in rows])


def said(table: pd.DataFrame, **models: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(models, index=table.index)


def test_in_one_fold_it_is_the_exact_test() -> None:
    random = np.random.default_rng(0)
    scores = np.array([3.0, 10.0, 18.0, 25.0, 40.0])
    table = trial(scores, folds=1)
    predicted = table["reference"].to_numpy() + random.normal(0, 12, len(table))
    [skill] = assess_skill(table, said(table, model=predicted), num_permutations=20_000)
    by_pair = table.assign(predicted=predicted).groupby(["subject", "region"]).first()
    own = {}
    for order in itertools.permutations(range(len(scores))):
        given = {f"s{subject:02}": scores[other] for subject, other in enumerate(order)}
        part = [1.0 if region == "trunk" else 0.6 for region in table["region"]]
        exchanged = table["subject"].map(given).to_numpy() * np.array(part)
        own[order] = sum(
            np.cov(predicted[rows], exchanged[rows])[0, 1]
            for rows in (
                (table["region"] == region).to_numpy() for region in table["region"].unique()
            )
        )
    assert len(by_pair) == 10
    identity = own[tuple(range(len(scores)))]
    exact = np.mean([value >= identity - 1e-9 for value in own.values()])
    assert skill.p_value == pytest.approx(exact, abs=0.01)
    assert skill.mae == pytest.approx(np.abs(predicted - table["reference"]).mean())


def test_who_knows_the_person_is_caught_and_who_does_not_is_not() -> None:
    random = np.random.default_rng(1)
    table = trial(random.gamma(1.0, 10, 24), folds=4)
    truth = table["reference"].to_numpy()
    persons = pd.Series(random.normal(0, 5, 24), index=sorted(table["subject"].unique()))
    skills = assess_skill(
        table,
        said(
            table,
            knows=truth + random.normal(0, 8, len(table)),
            other_person=table["subject"].map(persons).to_numpy() + 10,
            mean=np.full(len(table), truth.mean()),
            opposed=-truth,
        ),
    )
    p = {skill.model: skill.p_value for skill in skills}
    assert p["knows"] <= 0.005
    assert p["other_person"] > 0.05
    assert p["mean"] == 1.0
    assert p["opposed"] > 0.5
    assert skills[2].pcc != skills[2].pcc


def test_the_order_of_rows_and_the_other_models_names_decide_nothing() -> None:
    random = np.random.default_rng(2)
    table = trial(random.gamma(1.0, 10, 12), folds=3)
    predicted = said(table, a=random.normal(size=len(table)), b=random.normal(size=len(table)))
    shuffled = table.sample(frac=1, random_state=0)
    straight = [skill.p_value for skill in assess_skill(table, predicted)]
    assert straight == [skill.p_value for skill in assess_skill(shuffled, predicted)]


def test_more_models_never_make_a_smaller_p_value() -> None:
    random = np.random.default_rng(3)
    table = trial(random.gamma(1.0, 10, 15), folds=3)
    truth = table["reference"].to_numpy()
    models = {f"m{i}": truth * 0.2 + random.normal(0, 10, len(table)) for i in range(8)}
    alone = assess_skill(table, said(table, m0=models["m0"]))[0].p_value
    among = assess_skill(table, said(table, **models))[0].p_value
    assert among >= alone


def test_an_honest_reader_of_severity_is_not_accused_more_often_than_the_level_says() -> None:
    """Folds of regressions on the *true* severity, which the given scores have nothing to do with.

    At a level of 5 % more than 11 of 100 would come by chance once in 200 tries.
    """
    random = np.random.default_rng(4)
    accused = 0
    for _ in range(100):
        table = trial(random.permutation(random.gamma(1.0, 10, 20)), folds=5, visits=1)
        severity = pd.Series(random.gamma(1.0, 10, 20), index=sorted(table["subject"].unique()))
        seen = table["subject"].map(severity).to_numpy()
        predicted = np.zeros(len(table))
        for fold in range(5):
            others = (table["fold"] != fold).to_numpy()
            line = np.polyfit(seen[others], table["reference"][others], 1)
            predicted[~others] = np.polyval(line, seen[~others])
        [skill] = assess_skill(table, said(table, reader=predicted), num_permutations=99)
        accused += skill.p_value <= 0.05
    assert accused <= 11


def test_a_subject_that_lacks_a_region_is_no_stumbling_block() -> None:
    random = np.random.default_rng(5)
    table = trial(random.gamma(1.0, 10, 12), folds=3)
    lacking = (table["subject"] == "s04") & (table["region"] == "trunk")
    part = table[~lacking]
    predicted = said(table, knows=table["reference"].to_numpy()).loc[part.index]
    [skill] = assess_skill(part, predicted)
    assert skill.p_value <= 0.001
    assert math.isfinite(skill.baseline_mae)


def test_too_few_subjects_can_show_nothing() -> None:
    assert smallest_p_value(trial(np.arange(6.0), folds=3)) == 2 / 8
    assert smallest_p_value(trial(np.arange(3.0), folds=1)) == pytest.approx(1 / 6)
    assert smallest_p_value(trial(np.arange(60.0), folds=5)) == pytest.approx(2 / 5000)
