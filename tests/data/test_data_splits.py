"""Nobody is on both sides, and both sides look alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.data.sample_table import SINGLE
from foldgrid.data.splits import Split, inner_split, make_split, visit_weights
from foldgrid.specs.errors import InputError
from foldgrid.specs.sweep import SplitSpec


def make_samples(num_subjects: int, seed: int, num_long: int | None = None) -> pd.DataFrame:
    """Subjects with 5 or 6 visits of 3 regions, whose scaling falls with time."""
    rng = np.random.default_rng(seed)
    num_long = num_subjects // 2 if num_long is None else num_long
    rows = []
    for subject in range(num_subjects):
        severity = rng.uniform(1, 4)
        for visit in range(6 if subject < num_long else 5):
            for region in ("upper_extremities", "trunk", "lower_extremities"):
                scaling = severity * (1 - visit / 6) + rng.normal(0, 0.5)
                rows.append(
                    {
                        "sample": f"{subject:03d}/v{visit}/{region}",
                        "subject": f"{subject:03d}",
                        "visit": f"v{visit}",
                        "day": 28.0 * visit,
                        "region": region,
                        "scaling": int(np.clip(round(scaling), 0, 4)),
                    }
                )
    return pd.DataFrame(rows)


@given(
    st.integers(6, 25),
    st.integers(0, 1000),
    st.sampled_from([0.05, 0.1, 0.3]),
    st.integers(2, 5),
)
def test_every_sample_is_in_one_partition_and_every_subject_too(
    num_subjects: int, seed: int, test_fraction: float, num_folds: int
) -> None:
    check_partitions(
        make_samples(num_subjects, seed),
        SplitSpec(test_fraction=test_fraction, num_folds=num_folds, num_seeds=5, seed=seed),
    )


@given(st.integers(9, 25), st.integers(0, 1000), st.sampled_from([0.1, 0.3, 0.8]))
def test_what_is_set_aside_for_searches_has_folds_of_its_own(
    num_subjects: int, seed: int, fraction: float
) -> None:
    samples = make_samples(num_subjects, seed)
    spec = SplitSpec(num_folds=3, num_seeds=5, seed=seed, search_fraction=fraction)
    split = make_split(samples, spec)
    table = split.table
    assert (table.groupby("subject")["partition"].nunique() == 1).all()
    assert (table.groupby("subject")["fold"].nunique() == 1).all()
    for part in ("train", "search"):
        assert set(table.loc[table["partition"] == part, "fold"]) == {0, 1, 2}
    assert (table["partition"].iloc[split.search_rows] == "search").all()
    # The same people are in the test set, whether or not somebody is set aside.
    plain = make_split(samples, SplitSpec(num_folds=3, num_seeds=5, seed=seed)).table
    assert (plain["partition"].iloc[split.search_rows] == "train").all() or num_subjects < 12
    assert split.fingerprint != make_split(samples, SplitSpec(num_folds=3)).fingerprint


def test_scikit_learns_folds_keep_subjects_whole_too() -> None:
    check_partitions(make_samples(30, 0), SplitSpec(fold_method="stratified_group_kfold"))


def check_partitions(samples: pd.DataFrame, spec: SplitSpec) -> None:
    split = make_split(samples, spec)
    assert split.table["sample"].tolist() == samples["sample"].tolist()
    assert (split.table.groupby("subject")["fold"].nunique() == 1).all()
    assert (split.table.groupby("subject")["partition"].nunique() == 1).all()
    is_test = split.table["partition"] == "test"
    assert (split.table.loc[is_test, "fold"] == -1).all()
    assert set(split.table.loc[~is_test, "fold"]) == set(range(spec.num_folds))
    assert is_test.any()
    pd.testing.assert_frame_equal(split.table, make_split(samples, spec).table)


def paper_split(**changes: object) -> tuple[pd.DataFrame, Split]:
    samples = make_samples(60, seed=1, num_long=38)
    return samples, make_split(samples, SplitSpec(**changes))  # type: ignore[arg-type]


def test_the_papers_test_set_is_34_visits_of_6_subjects() -> None:
    samples, split = paper_split()
    sizes = split.sizes
    test = sizes[sizes["partition"] == "test"].iloc[0]
    assert len(samples) == 338 * 3
    assert abs(test["num_visits"] - 34) <= 1
    assert test["num_subjects"] == 6
    assert test["num_samples"] == 3 * test["num_visits"]
    folds = sizes[sizes["partition"] == "train"]
    assert folds["fold"].tolist() == [0, 1, 2, 3, 4]
    assert folds["num_visits"].between(55, 67).all()
    assert sizes["num_visits"].sum() == 338


def test_the_partitions_look_alike() -> None:
    samples, split = paper_split()
    is_test = (split.table["partition"] == "test").to_numpy()
    test = samples["scaling"][is_test].value_counts(normalize=True)
    train = samples["scaling"][~is_test].value_counts(normalize=True)
    assert test.sub(train, fill_value=0).abs().mean() < 0.03
    assert split.imbalance < 0.03
    assert split.fold_imbalance < 0.03
    _, one_order = paper_split(num_seeds=1)
    assert split.imbalance <= one_order.imbalance


def test_greedy_folds_are_better_balanced_than_scikit_learns() -> None:
    _, greedy = paper_split()
    _, sklearns = paper_split(fold_method="stratified_group_kfold")
    assert greedy.fold_imbalance < sklearns.fold_imbalance
    assert greedy.fingerprint != sklearns.fingerprint
    is_test = greedy.table["partition"] == "test"
    assert (is_test == (sklearns.table["partition"] == "test")).all()


def test_the_fingerprint_is_of_the_partitions_alone() -> None:
    samples, split = paper_split()
    shuffled = samples.sample(frac=1, random_state=0)
    again = make_split(shuffled, SplitSpec())
    assert again.fingerprint == split.fingerprint
    _, other = paper_split(seed=1)
    assert other.fingerprint != split.fingerprint


def test_a_visit_weighs_the_same_however_many_regions_it_has() -> None:
    samples = make_samples(6, 0).drop(index=[0, 1, 3])
    weights = visit_weights(samples)
    by_visit = pd.Series(weights).groupby([samples["subject"].array, samples["visit"].array]).sum()
    assert np.allclose(by_visit, 1)
    assert weights[0] == 1
    assert weights[1] == 0.5


def labelled_samples(num_subjects: int, num_classes: int, seed: int) -> pd.DataFrame:
    """Subjects with one or two cases of 1 to 4 photos; the later a class, the rarer it is."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(num_subjects):
        for case in range(int(rng.integers(1, 3))):
            label = f"class {int(num_classes * rng.random() ** 2)}"
            for number in range(int(rng.integers(1, 5))):
                case_name = f"{subject:03d}-{case}"
                rows.append(
                    {"sample": f"{subject:03d}/{case_name}/{number + 1}"}
                    | {"subject": f"{subject:03d}", "visit": "", "day": np.nan}
                    | {"case": case_name, "label": label}
                )
    return pd.DataFrame(rows)


@given(
    st.integers(6, 40),
    st.integers(1, 60),
    st.integers(0, 1000),
    st.integers(2, 5),
)
def test_labelled_photographs_keep_subjects_and_cases_whole_with_any_number_of_classes(
    num_subjects: int, num_classes: int, seed: int, num_folds: int
) -> None:
    samples = labelled_samples(num_subjects, num_classes, seed)
    spec = SplitSpec(num_folds=num_folds, num_seeds=5)
    split = make_split(samples, spec, SINGLE)
    side_columns = ["partition", "fold"]
    columns = ["sample", "subject", "visit", "day", "case", "label", *side_columns]
    assert split.table.columns.tolist() == columns
    assert split.table["sample"].tolist() == samples["sample"].tolist()
    for whole in ("subject", "case"):
        assert (split.table.groupby(whole)[side_columns].nunique() == 1).all(axis=None)
    assert set(split.table["fold"]) == {-1, *range(num_folds)}
    sizes = split.sizes
    assert sizes["num_samples"].sum() == len(samples)
    assert sizes["num_subjects"].sum() == num_subjects


def test_labels_are_balanced_by_photographs() -> None:
    samples = labelled_samples(80, 3, 1)
    split = make_split(samples, SplitSpec(test_fraction=0.2), SINGLE)
    is_test = (split.table["partition"] == "test").to_numpy()
    assert abs(is_test.mean() - 0.2) < 0.03
    fractions = [
        samples["label"][side].value_counts(normalize=True) for side in (is_test, ~is_test)
    ]
    assert fractions[0].sub(fractions[1], fill_value=0).abs().max() < 0.05
    # A shuffle of the classes' names is another problem only by name.
    named = samples.assign(label=samples["label"].map(lambda name: f"z{name[::-1]}"))
    assert make_split(named, SplitSpec(test_fraction=0.2), SINGLE).imbalance < 0.03


def test_scikit_learns_folds_take_labels_too() -> None:
    samples = labelled_samples(40, 3, 0)
    split = make_split(samples, SplitSpec(fold_method="stratified_group_kfold"), SINGLE)
    assert set(split.table["fold"]) == {-1, 0, 1, 2, 3, 4}
    assert (split.table.groupby("subject")["fold"].nunique() == 1).all()


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(InputError, match=r"subjects   found 5\. 5 folds and a test set"):
        make_split(make_samples(5, 0), SplitSpec())
    with pytest.raises(InputError, match=r"need at least 3\. Add subjects\.$"):
        make_split(make_samples(2, 0), SplitSpec(num_folds=2))
    aside = SplitSpec(num_folds=3, search_fraction=0.3)
    with pytest.raises(InputError, match=r"need at least 7\. Add subjects, or lower .* to 2"):
        make_split(make_samples(6, 0), aside)


def test_folds_that_scikit_learn_leaves_empty_are_refused() -> None:
    samples = make_samples(7, 0)
    samples["scaling"] = [0] * (len(samples) - 1) + [1]
    samples = samples.groupby("subject").head(1)
    samples["scaling"] = [0, 1, 2, 3, 4, 0, 1]
    with pytest.raises(InputError, match='Use "greedy", which never does, or fewer folds'):
        make_split(samples, SplitSpec(fold_method="stratified_group_kfold"))


@given(st.integers(2, 30), st.sampled_from([0.1, 0.15, 0.3]), st.integers(0, 100))
def test_the_inner_split_takes_whole_subjects(
    num_subjects: int, fraction: float, seed: int
) -> None:
    samples = make_samples(num_subjects, 3)
    groups, labels = samples["subject"].to_numpy(), samples["scaling"].to_numpy()
    aside = inner_split(groups, labels, fraction, seed=seed, num_seeds=10)
    assert not set(groups[aside]) & set(groups[~aside])
    assert aside.any()
    assert not aside.all()
    assert abs(aside.mean() - fraction) <= 1 / num_subjects
    assert np.array_equal(aside, inner_split(groups, labels, fraction, seed=seed, num_seeds=10))


def test_the_inner_split_needs_two_subjects() -> None:
    with pytest.raises(InputError, match="policy   found one subject in the training folds"):
        inner_split(["a", "a"], [0, 1], 0.2, seed=0)
