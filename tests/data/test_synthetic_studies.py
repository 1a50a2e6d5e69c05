"""The simulated studies: read by the ordinary reader, the same bytes again, learnable, not easy."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict

from foldgrid.data.audit.contact_sheets import draw_labelled_sheet
from foldgrid.data.audit.exclusions import ExclusionRules
from foldgrid.data.audit.labelled import audit_labelled
from foldgrid.data.manifest.labelled import LabelledManifest, read_labelled_manifest
from foldgrid.data.manifest.measured import read_measured_manifest
from foldgrid.data.photographs import decode_fitted
from foldgrid.simulation.labelled import synthesize_study
from foldgrid.simulation.labelled.aidda import plan_aidda
from foldgrid.simulation.labelled.referable_dr import (
    NOT_REFERABLE,
    REFERABLE,
    majority_label,
    plan_referable_dr,
)
from foldgrid.simulation.labelled.skin_taxonomy import BRANCHES, all_diseases
from foldgrid.simulation.labelled.studies import STUDIES
from foldgrid.specs.errors import InputError
from foldgrid.specs.synthetic import MEASURED_STUDIES, StudyName, StudySettings

NUM_SUBJECTS: dict[StudyName, int] = {
    "ssc_skin": 24,
    "aidda": 45,
    "referable_dr": 60,
    "skin_taxonomy": 90,
    "skin_thickness": 36,
}
PIXELS: dict[StudyName, int] = {
    "ssc_skin": 80,
    # Blur is told from sharpness only where there is some detail.
    "aidda": 112,
    "referable_dr": 80,
    "skin_taxonomy": 80,
    "skin_thickness": 80,
}
Made = Callable[[StudyName], LabelledManifest]


def settings_of(study: StudyName, num_subjects: int | None = None, seed: int = 3) -> StudySettings:
    return StudySettings(
        study=study,
        seed=seed,
        num_subjects=num_subjects or NUM_SUBJECTS[study],
        photo_width=PIXELS[study],
        photo_height=PIXELS[study],
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    manifests: dict[StudyName, LabelledManifest] = {}

    def make(study: StudyName) -> LabelledManifest:
        if study not in manifests:
            folder = tmp_path_factory.mktemp(study) / "study"
            manifests[study] = read_labelled_manifest(synthesize_study(folder, settings_of(study)))
        return manifests[study]

    return make


def simple_features(path: str) -> NDArray[np.float64]:
    """Colours' quantiles, and how much there is at each scale, dark and bright apart."""
    pixels = decode_fitted(Path(path), 80).astype(np.float32)
    red, green, blue = np.moveaxis(pixels, -1, 0)
    planes = [green, red / (green + 1), blue / (green + 1)]
    found = [np.percentile(plane, (5, 25, 50, 75, 95)) for plane in planes]
    for plane in planes:
        smooth = [ndimage.gaussian_filter(plane, sigma) for sigma in (0.7, 1.5, 3.0, 6.0, 12.0)]
        for fine, coarse in pairwise(smooth):
            band = fine - coarse
            found.append(np.array([band.std(), *np.percentile(band, (0.5, 2, 98, 99.5))]))
    return np.concatenate([*found, blob_features(green)])


def blob_features(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """How strong the round spots are, dark and bright: curved in both directions, unlike lines."""
    found = []
    for sigma in (1.0, 1.6, 2.5):
        rows, cols, both = (
            ndimage.gaussian_filter(plane, sigma, order) for order in ((2, 0), (0, 2), (1, 1))
        )
        middle, apart = (rows + cols) / 2, np.hypot((rows - cols) / 2, both)
        inside = (slice(12, -12), slice(12, -12))
        for curved in (middle - apart, -middle - apart):
            found.append(np.percentile(curved[inside], (97, 99, 99.7, 99.95)))
    return np.concatenate(found)


def features_of(manifest: LabelledManifest) -> NDArray[np.float64]:
    return np.stack([simple_features(path) for path in manifest.photos["path"]])


def held_out_accuracy(
    manifest: LabelledManifest, features: NDArray[np.float64], classes: pd.Series
) -> tuple[float, float]:
    """Accuracy on subjects that were not learned from, and the commonest class's share."""
    model = ExtraTreesClassifier(60, min_samples_leaf=2, class_weight="balanced", random_state=0)
    groups = manifest.photos["subject"]
    guessed = cross_val_predict(model, features, classes, groups=groups, cv=GroupKFold(4))
    return float((guessed == classes).mean()), float(classes.value_counts(normalize=True).max())


@pytest.mark.parametrize(
    "study",
    [
        *(pytest.param(each, marks=pytest.mark.exhaustive) for each in ("ssc_skin", "aidda")),
        "referable_dr",
    ],
)
def test_simple_features_beat_the_majority_and_are_not_perfect(
    made: Made, study: StudyName
) -> None:
    manifest = made(study)
    accuracy, majority = held_out_accuracy(
        manifest, features_of(manifest), manifest.photos["label"]
    )
    assert majority + 0.12 < accuracy < 0.97, (accuracy, majority)


def test_the_hierarchy_is_learnable_at_its_forks(made: Made) -> None:
    manifest = made("skin_taxonomy")
    features = features_of(manifest)
    ways = manifest.photos["taxonomy"].str.split("/")
    accuracy, majority = held_out_accuracy(manifest, features, ways.str[0])
    assert majority + 0.1 < accuracy < 0.97, (accuracy, majority)
    accuracy, majority = held_out_accuracy(manifest, features, ways.str[:2].str.join("/"))
    assert majority + 0.12 < accuracy < 0.9, (accuracy, majority)


def test_a_number_is_learnable_and_not_read_off(tmp_path: Path) -> None:
    path = synthesize_study(tmp_path / "study", settings_of("skin_thickness"))
    photos = read_measured_manifest(path).photos
    features = np.stack([simple_features(path) for path in photos["path"]])
    model = ExtraTreesRegressor(150, min_samples_leaf=2, random_state=0)
    guessed = cross_val_predict(
        model, features, photos["value"], groups=photos["subject"], cv=GroupKFold(4)
    )
    agreement = np.corrcoef(guessed, photos["value"])[0, 1]
    assert 0.45 < agreement < 0.97, agreement
    # Most are in the lower half of 0 to 51, and some are not.
    assert 10 < photos["value"].median() < 26
    assert photos["value"].max() > 30


@pytest.mark.parametrize("study", [name for name in STUDIES if name not in MEASURED_STUDIES])
def test_a_study_reads_and_has_what_its_source_has(made: Made, study: StudyName) -> None:
    manifest = made(study)
    photos = manifest.photos
    assert manifest.num_subjects == NUM_SUBJECTS[study]
    assert len(photos) > 1.2 * manifest.num_subjects
    assert photos.groupby("subject").size().max() > 1
    if study == "ssc_skin":
        assert set(photos["taxonomy"]) == {"normal", "ssc/early", "ssc/late"}
    if study == "aidda":
        assert set(photos.loc[photos["label"] == "healthy", "case"]) == {""}
        assert photos[photos["case"] != ""].groupby("case").size().max() > 2
    if study == "referable_dr":
        assert manifest.labels == (NOT_REFERABLE, REFERABLE)
        assert len(manifest.raters) == 5
    if study == "skin_taxonomy":
        assert len(manifest.labels) >= 30
        counts = photos.drop_duplicates("case")["label"].value_counts()
        assert counts.max() >= 4 * counts.min()


def contents(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.mark.parametrize("study", list(STUDIES))
def test_equal_settings_give_equal_bytes_and_another_seed_others(
    tmp_path: Path, study: StudyName
) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        synthesize_study(tmp_path / name, settings_of(study, 6, seed))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "three")


def test_the_number_of_processes_changes_nothing(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    synthesize_study(tmp_path / "one", settings_of("aidda", 6), 1)
    synthesize_study(
        tmp_path / "two", settings_of("aidda", 6), 2, lambda *counts: done.append(counts)
    )
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert done[-1][0] == done[-1][1] == len(plan_aidda(settings_of("aidda", 6)))


def test_a_complete_study_is_left_and_another_is_not_written_over(tmp_path: Path) -> None:
    path = synthesize_study(tmp_path / "study", settings_of("ssc_skin", 6))
    before = path.stat().st_mtime_ns
    assert synthesize_study(tmp_path / "study", settings_of("ssc_skin", 6)) == path
    assert path.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="holds another trial"):
        synthesize_study(tmp_path / "study", settings_of("ssc_skin", 7))


def test_the_check_finds_what_was_spoilt_and_nothing_else(made: Made) -> None:
    manifest = made("aidda")
    audit = audit_labelled(manifest, ExclusionRules())
    flaws = {shot.path: shot.flaw for shot in plan_aidda(settings_of("aidda"))}
    reason_of = {
        "copy": "copy of another file",
        "near copy": "near copy of another picture",
        "blurred": "blurred",
        "far away": "far away",
        "": "",
    }
    wanted = [reason_of[flaws[photo]] for photo in manifest.photos["photo"]]
    assert Counter(wanted).keys() == set(reason_of.values())
    wrong = [pair for pair in zip(wanted, audit.reasons, strict=True) if pair[0] != pair[1]]
    assert len(wrong) <= 1, wrong
    assert all(wanted for wanted, _ in wrong), "a sound photograph would be left out"


def test_the_label_is_the_majority_of_annotations_that_differ(made: Made) -> None:
    photos = made("referable_dr").photos
    columns = list(made("referable_dr").raters)
    for grades, label in zip(photos[columns].values.tolist(), photos["label"], strict=True):
        assert majority_label([int(each) if each else None for each in grades]) == label
    spread = photos[columns].replace("", np.nan).astype(float)
    assert 0.2 < (spread.nunique(axis=1) > 1).mean() < 0.95
    assert (spread.isna().sum(axis=1) < len(columns)).all()
    assert majority_label([2, None, 0]) == REFERABLE
    assert majority_label([1, 1, 4]) == NOT_REFERABLE


def test_raters_see_the_severity_that_is_painted() -> None:
    shots = plan_referable_dr(settings_of("referable_dr", 200))
    severity = [shot.finding.severity for shot in shots]
    grades = pd.DataFrame([shot.cells[3:8] for shot in shots]).replace("", np.nan).astype(float)
    assert np.corrcoef(severity, grades.mean(axis=1))[0, 1] > 0.93
    assert all(0.8 < np.corrcoef(severity, grades[each].fillna(2))[0, 1] < 0.99 for each in grades)


def test_diseases_share_the_features_of_their_branch() -> None:
    diseases = all_diseases()
    assert len({disease.name for disease in diseases}) == len(diseases) >= 30
    assert {disease.path.rsplit("/", 1)[0] for disease in diseases} <= set(BRANCHES)
    pigment = {
        branch: np.mean([d.features.pigment for d in diseases if d.path.startswith(branch)])
        for branch in ("malignant/melanocytic", "malignant/epidermal")
    }
    assert pigment["malignant/melanocytic"] > 3 * pigment["malignant/epidermal"]


def test_a_sheet_has_a_row_a_class(made: Made) -> None:
    sheet = draw_labelled_sheet(made("ssc_skin").photos, most=4, photo_pixels=64)
    assert sheet.size == (170 + 4 * 70, 3 * 86 + 6)
    assert np.asarray(sheet)[10:60, 175:230].std() > 3
