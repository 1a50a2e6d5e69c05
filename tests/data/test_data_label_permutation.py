"""The canary's scores: a function of the person alone, and nothing that a picture could tell."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.data.dataset import load_mosaics
from foldgrid.data.fingerprint import photo_table
from foldgrid.data.label_permutation import permute_labels, shuffle_labels, shuffle_scores
from foldgrid.data.sample_table import SINGLE
from foldgrid.data.splits import make_split
from foldgrid.simulation.source import survey_data
from foldgrid.specs.sweep import REGIONS, DataSpec, SplitSpec
from foldgrid.specs.synthetic import TrialSettings
from foldgrid.tasks.pasi.arithmetic import SCORES
from tests.data.small_trials import Trial

TRIAL = TrialSettings(num_subjects=8, num_visits=40, photo_width=48, photo_height=32)


@st.composite
def trials(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    """Subjects with 1 to 4 visits of 1 to 4 regions each, on two sides; every score is unlike."""
    rows, sides = [], {}
    for subject in range(draw(st.integers(2, 7))):
        side = "test" if subject == 0 else draw(st.sampled_from(["train", "train", "test"]))
        for visit in range(draw(st.integers(1, 4))):
            for region in draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True)):
                name = f"s{subject}/v{visit}/{region}"
                sides[name] = side
                scores = {key: len(rows) * 10 + place for place, key in enumerate(SCORES)}
                rows.append(
                    {"sample": name, "subject": f"s{subject}", "visit": f"v{visit}"}
                    | {"day": 28.0 * visit, "region": region, **scores, "num_photos": 1}
                )
    return pd.DataFrame(rows), pd.Series(sides)


def origins(true: pd.DataFrame, shuffled: pd.DataFrame) -> pd.DataFrame:
    """For each row, the true row whose four scores it was given, whole."""
    by_scores = true.set_index(list(SCORES))
    keys = pd.MultiIndex.from_frame(shuffled[list(SCORES)])
    return by_scores.loc[keys].reset_index(drop=True)


@given(trials(), st.integers(0, 2**32))
def test_the_scores_are_a_function_of_the_subject(
    trial: tuple[pd.DataFrame, pd.Series], seed: int
) -> None:
    true, side = trial
    shuffled = shuffle_scores(true, side, seed)
    kept = [name for name in true if name not in SCORES]
    pd.testing.assert_frame_equal(shuffled[kept], true[kept])
    assert (shuffled.groupby(["subject", "region"])[list(SCORES)].nunique() == 1).all(axis=None)
    giver = origins(true, shuffled)
    # One visit of one subject gives all, each region its own where it was photographed.
    by_taker = giver.groupby(true["subject"])
    assert (by_taker[["subject", "visit"]].nunique() == 1).all(axis=None)
    photographed = set(zip(true["subject"], true["visit"], true["region"], strict=True))
    for row, origin in zip(true.itertuples(), giver.itertuples(), strict=True):
        if (origin.subject, origin.visit, row.region) in photographed:
            assert origin.region == row.region


@given(trials(), st.integers(0, 2**32))
def test_each_partition_is_shuffled_within_itself_and_every_subject_gives_once(
    trial: tuple[pd.DataFrame, pd.Series], seed: int
) -> None:
    true, side = trial
    giver = origins(true, shuffle_scores(true, side, seed))
    own_side = side.loc[true["sample"]].to_numpy()
    side_of = dict(zip(true["subject"], own_side, strict=True))
    for name in ("train", "test"):
        takers = true["subject"][own_side == name]
        gave = pd.Series(giver["subject"][own_side == name].to_numpy(), index=takers)
        gave = gave.groupby(level=0).first()
        if len(gave) > 1:
            assert sorted(gave) == sorted(gave.index)
            assert {side_of[each] for each in gave} == {name}


@given(trials(), st.integers(0, 2**32), st.randoms())
def test_equal_seeds_give_equal_scores_in_any_order_of_the_rows(
    trial: tuple[pd.DataFrame, pd.Series], seed: int, random: object
) -> None:
    true, side = trial
    order = np.random.default_rng(seed).permutation(len(true))
    straight = shuffle_scores(true, side, seed)
    mixed = shuffle_scores(true.iloc[order], side, seed)
    pd.testing.assert_frame_equal(straight.iloc[order], mixed)


def test_over_seeds_the_true_score_says_nothing_of_the_given_one() -> None:
    """Mean correlation of true and given severity over 60 shuffles: 0, give or take its error."""
    random = np.random.default_rng(0)
    rows = [
        {
            "sample": f"s{subject:02}/{visit}",
            "subject": f"s{subject:02}",
            "visit": str(visit),
            "region": "trunk",
            # Ill at first, better at last: the trend that a shuffle of whole courses would keep.
            **{name: 40 - 10 * visit + 3 * float(random.normal()) for name in SCORES},
        }
        for subject in range(12)
        for visit in range(4)
    ]
    true = pd.DataFrame(rows)
    side = pd.Series("train", index=true["sample"])
    severity, visit = true["erythema"], true["visit"].astype(float)
    by_severity, by_visit = [], []
    for seed in range(60):
        shuffled = shuffle_scores(true, side, seed)["erythema"]
        by_severity.append(severity.corr(shuffled))
        by_visit.append(visit.corr(shuffled))
    for found in (by_severity, by_visit):
        error = np.std(found) / np.sqrt(len(found))
        assert abs(np.mean(found)) <= max(4 * error, 1e-9)
    # Marginals: every given score is a true one, and on average as high.
    assert abs(shuffled.mean() - severity.mean()) < 10
    assert set(shuffled) <= set(severity)


@st.composite
def labelled_studies(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    """Subjects with 1 to 4 photos on two sides; no two photos have the same label."""
    rows, sides = [], {}
    for subject in range(draw(st.integers(2, 7))):
        side = "test" if subject == 0 else draw(st.sampled_from(["train", "train", "test"]))
        for number in range(draw(st.integers(1, 4))):
            name, label = f"s{subject}/{number}", f"l{len(rows)}"
            sides[name] = side
            targets = {"label": label, "taxonomy": f"tree/{label}", "grade_a": f"g{len(rows)}"}
            rows.append({"sample": name, "subject": f"s{subject}", "case": "", **targets})
    return pd.DataFrame(rows), pd.Series(sides)


@given(labelled_studies(), st.integers(0, 2**32), st.randoms())
def test_a_subject_gets_one_photographs_label_with_all_that_belongs_to_it(
    study: tuple[pd.DataFrame, pd.Series], seed: int, random: object
) -> None:
    true, side = study
    columns = ["label", "taxonomy", "grade_a"]
    shuffled = shuffle_labels(true, side, seed, columns)
    pd.testing.assert_frame_equal(shuffled[["sample", "case"]], true[["sample", "case"]])
    assert (shuffled.groupby("subject")[columns].nunique() == 1).all(axis=None)
    photo = true.set_index("label").loc[shuffled["label"]].reset_index()
    assert (photo[columns].to_numpy() == shuffled[columns].to_numpy()).all()
    own_side = side.loc[true["sample"]].to_numpy()
    for name in ("train", "test"):
        takers = true["subject"][own_side == name]
        gave = dict(zip(takers, photo["subject"][own_side == name], strict=True))
        if len(gave) > 1:
            assert sorted(gave.values()) == sorted(gave), "each gives once, to its own side"
    order = np.random.default_rng(seed).permutation(len(true))
    mixed = shuffle_labels(true.iloc[order], side, seed, columns)
    pd.testing.assert_frame_equal(shuffled.iloc[order], mixed)


def test_over_seeds_the_true_label_says_nothing_of_the_given_one() -> None:
    """Agreement of true and given labels over 120 shuffles: that of chance, give or take."""
    labels = ["a"] * 6 + ["b"] * 4 + ["c"] * 2
    rows = [
        {"sample": f"s{subject:02}/{photo}", "subject": f"s{subject:02}", "label": label}
        for subject, label in enumerate(labels)
        for photo in range(2)
    ]
    true = pd.DataFrame(rows)
    side = pd.Series("train", index=true["sample"])
    agreed = [
        (shuffle_labels(true, side, seed, ["label"])["label"] == true["label"]).mean()
        for seed in range(120)
    ]
    expected = sum((labels.count(each) / 12) ** 2 for each in "abc")
    assert abs(np.mean(agreed) - expected) < 4 * np.std(agreed) / np.sqrt(len(agreed))


def test_the_label_permutation_of_labels_keeps_pictures_and_changes_the_fingerprint(
    labelled: Trial, tmp_path: Path
) -> None:
    path, _ = labelled()
    data, cache = DataSpec(manifest=path, tile_pixels=16), tmp_path / "cache"
    survey = survey_data(data, cache, photographs="single")
    split = make_split(survey.samples, SplitSpec(num_folds=2, num_seeds=5), SINGLE)
    canary = permute_labels(survey, split, "shuffled_scores", 3)
    assert canary.fingerprint != survey.fingerprint
    assert canary.target_columns == survey.target_columns
    assert not canary.targets.equals(survey.targets)
    assert (canary.samples.dtypes == survey.samples.dtypes).all()
    true, given = load_mosaics(survey), load_mosaics(canary)
    assert (given.mosaics_NHWC == true.mosaics_NHWC).all()
    assert len(list((cache / "composites").glob("*.npy"))) == 1, "pictures are kept once"


def test_the_label_permutation_keeps_pictures_and_split_and_changes_the_fingerprint(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = tmp_path_factory.mktemp("cache")
    survey = survey_data(DataSpec(tile_pixels=16, synthetic=TRIAL), cache)
    spec = SplitSpec(num_folds=2, test_fraction=0.25, num_seeds=5)
    split = make_split(survey.samples, spec)
    canary = permute_labels(survey, split, "shuffled_scores", 0)
    assert canary.fingerprint != survey.fingerprint
    assert canary.fingerprint == permute_labels(survey, split, "shuffled_scores", 0).fingerprint
    assert canary.fingerprint != permute_labels(survey, split, "shuffled_scores", 1).fingerprint
    true, given = load_mosaics(survey), load_mosaics(canary)
    assert given.fingerprint == canary.fingerprint
    assert (given.mosaics_NHWC == true.mosaics_NHWC).all()
    assert given.samples["sample"].tolist() == true.samples["sample"].tolist()
    assert not given.samples[list(SCORES)].equals(true.samples[list(SCORES)])
    assert (given.samples.dtypes == true.samples.dtypes).all()
    assert len(list((cache / "composites").glob("*.npy"))) == 1, "pictures are kept once"


def test_equal_photographs_get_equal_numbers_and_no_whole_hash_is_kept(
    trial: Trial, tmp_path: Path
) -> None:
    path, rows = trial()
    photos = [path.parent / row["photo"] for row in rows]
    shutil.copy(photos[2], photos[8])
    survey = survey_data(DataSpec(manifest=path, tile_pixels=16), tmp_path / "cache")
    table = photo_table(survey.table, survey.photo_hashes)
    assert len(table) == len(rows)
    assert list(table) == ["sample", "position", "photo", "digits"]
    # Enough to see that a photograph was exchanged, not to recognise one (decision 0021).
    assert table["digits"].str.fullmatch(r"[0-9a-f]{4}").all()
    assert table["photo"].nunique() == len(rows) - 1
    assert table["photo"].dtype.kind == "i"
    [shared] = [part for _, part in table.groupby("photo") if len(part) > 1]
    owners = survey.samples.set_index("sample").loc[shared["sample"], "subject"]
    assert sorted(owners) == ["001", "002"]
