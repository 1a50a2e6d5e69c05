"""The synthetic trial: its counts and course, what its pictures show, and how it is written."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps
from pydantic import ValidationError
from scipy.stats import spearmanr

from foldgrid.simulation.pasi import fields, session, synthesize_trial
from foldgrid.simulation.pasi.course import PHOTOS_OF_REGION, SubjectCourse, simulate_course
from foldgrid.simulation.pasi.fields import smooth_texture
from foldgrid.simulation.pasi.photograph import Scene, Subject, View, draw_scene
from foldgrid.simulation.pasi.plan import plan_photographs
from foldgrid.simulation.pasi.plaques import Severity
from foldgrid.simulation.pasi.sheet import contact_sheet
from foldgrid.simulation.pasi.streams import Stream, stream
from foldgrid.simulation.pasi.traits import draw_studio, draw_traits
from foldgrid.specs.errors import InputError
from foldgrid.specs.synthetic import TrialSettings

SCORES = ["erythema", "induration", "scaling", "involvement"]
SMALL = TrialSettings(
    num_subjects=3, num_visits=16, photo_width=48, photo_height=32, missing_fraction=0.05
)
TINY = SMALL.model_copy(update={"num_subjects": 2, "num_visits": 10})
VIEWS = [
    View(1, region, position, index)
    for position, (region, num) in enumerate(PHOTOS_OF_REGION.items())
    for index in range(num)
]


@pytest.fixture(scope="module")
def courses() -> tuple[SubjectCourse, ...]:
    return simulate_course(TrialSettings())


@pytest.fixture(scope="module")
def small_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize_trial(tmp_path_factory.mktemp("small") / "trial", SMALL)


def scene_of(
    subject: int, view: View, severity: Severity, size: tuple[int, int] = (96, 64)
) -> Scene:
    """Draw one photograph of seed 0; `size` is its longer and its shorter side."""
    who = Subject(0, subject, draw_traits(0, subject, standard_studio=True))
    width, height = size if view.region == "upper_extremities" else size[::-1]
    return draw_scene(who, view, severity, draw_studio(0, subject, view.visit), width, height)


def mean_over_skin(scene: Scene, channel: int) -> float:
    """Mean log radiance of the bare skin in one colour."""
    skin = scene.skin > 0.9
    return float(np.log(scene.radiance[channel][skin] + 1e-3).mean())


# --- the course: scores, no pixels -----------------------------------------------------------


def test_the_default_trial_has_the_published_counts() -> None:
    plan = plan_photographs(TrialSettings())
    assert len({visit.subject for visit in plan}) == 60
    assert len(plan) == 338
    assert set(Counter(visit.subject for visit in plan).values()) == {5, 6}
    assert sum(len(visit.photos) for visit in plan) == 338 * 8 - round(0.015 * 338 * 8)


@given(fraction=st.floats(0, 0.5), seed=st.integers(0, 10**6))
def test_no_region_of_a_visit_misses_all_its_photographs(fraction: float, seed: int) -> None:
    settings = TrialSettings(num_subjects=4, num_visits=22, missing_fraction=fraction, seed=seed)
    plan = plan_photographs(settings)
    assert sum(len(visit.photos) for visit in plan) == 22 * 8 - round(fraction * 22 * 8)
    for visit in plan:
        assert {photo.view.region for photo in visit.photos} == set(PHOTOS_OF_REGION)


@pytest.mark.parametrize("seed", range(4))
def test_severity_spreads_and_three_quarters_reach_pasi90(seed: int) -> None:
    courses = simulate_course(TrialSettings(seed=seed))
    pasi = np.array([visit.pasi for course in courses for visit in course.visits])
    assert pasi.min() == 0.0
    assert 40 <= pasi.max() <= 48
    bands = np.histogram(pasi, bins=[0, 0.01, 5, 12, 20, 65])[0]
    assert (bands >= 30).all()
    reached = np.mean([course.visits[-1].pasi <= 0.1 * course.visits[0].pasi for course in courses])
    assert reached == pytest.approx(0.748, abs=0.04)


def test_every_scaling_label_occurs(courses: tuple[SubjectCourse, ...]) -> None:
    labels = Counter(
        state.scores[2] for c in courses for visit in c.visits for state in visit.regions.values()
    )
    assert set(labels) == {0, 1, 2, 3, 4}
    assert min(labels.values()) >= 30


def test_the_placebo_arm_hardly_improves(courses: tuple[SubjectCourse, ...]) -> None:
    left: dict[str, list[float]] = {"placebo": [], "treatment": []}
    for course in courses:
        left[course.arm].append(course.visits[-1].pasi / course.visits[0].pasi)
    assert len(left["placebo"]) == 6
    assert np.mean(left["placebo"]) > 0.7
    assert np.mean(left["treatment"]) < 0.2


def test_area_and_scores_are_zero_together_and_within_their_scales(
    courses: tuple[SubjectCourse, ...],
) -> None:
    for course in courses:
        assert course.visits[0].day == 0
        days = [visit.day for visit in course.visits]
        assert days == sorted(set(days))
        assert 105 <= days[-1] <= 119
        for visit in course.visits:
            for state in visit.regions.values():
                *grades, involvement = state.scores
                assert all(0 <= grade <= 4 for grade in grades)
                assert 0 <= involvement <= 6
                assert (involvement == 0) == (sum(grades) == 0) == (state.fraction == 0.0)


def test_scores_do_not_depend_on_the_size_of_the_pictures() -> None:
    large = TrialSettings(photo_width=4928, photo_height=3264, jpeg_quality=70)
    assert simulate_course(large) == simulate_course(TrialSettings())
    assert plan_photographs(large) == plan_photographs(TrialSettings())


def test_a_raters_noise_moves_scores_but_not_the_patients() -> None:
    exact = simulate_course(TrialSettings(rater_noise=0.0, rater_area_noise=0.0))
    noisy = simulate_course(TrialSettings())
    first = [
        (c.visits[0].regions["trunk"], d.visits[0].regions["trunk"])
        for c, d in zip(exact, noisy, strict=True)
    ]
    assert all(a.intensities == b.intensities for a, b in first)
    assert any(a.scores != b.scores for a, b in first)


# --- the settings ----------------------------------------------------------------------------


def test_visits_that_do_not_fit_the_subjects_are_explained() -> None:
    with pytest.raises(ValidationError) as problem:
        TrialSettings(num_subjects=10)
    message = str(problem.value)
    assert "found 338" in message
    assert "50 to 60" in message
    assert "Set num_visits to 60" in message


def test_placebo_and_responders_must_leave_room_for_each_other() -> None:
    with pytest.raises(ValidationError, match=r"Lower placebo_fraction to 0\.252"):
        TrialSettings(placebo_fraction=0.4)


@pytest.mark.parametrize(
    "wrong", [{"photo_width": 31}, {"num_subjects": 1}, {"seed": -1}, {"seed": 1.0}, {"colour": 3}]
)
def test_other_bad_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TrialSettings.model_validate(wrong)


# --- the pictures ----------------------------------------------------------------------------


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: f"{v.region}_{v.index + 1}")
def test_the_drawn_fraction_of_the_skin_is_the_wanted_one(view: View) -> None:
    for subject, fraction in ((1, 0.05), (2, 0.3), (3, 0.6), (4, 0.95)):
        scene = scene_of(subject, view, Severity(fraction, fraction, 2.0, 2.0, 2.0))
        assert 0.1 < scene.skin.mean() < 0.9
        assert scene.plaque_fraction == pytest.approx(fraction, abs=0.03)


def test_plaques_shrink_in_place() -> None:
    for view in (VIEWS[0], VIEWS[4], VIEWS[7]):
        large = scene_of(5, view, Severity(0.5, 0.5, 3.0, 2.0, 2.0)).plaque
        small = scene_of(5, view, Severity(0.1, 0.5, 1.0, 1.0, 0.0)).plaque
        assert small.sum() < 0.4 * large.sum()
        assert (large[small > 0.9] > 0.9).mean() > 0.99


def test_clear_skin_has_no_plaques_and_little_contrast() -> None:
    ill = scene_of(3, VIEWS[0], Severity(0.3, 0.3, 3.0, 3.0, 3.0))
    healed = scene_of(3, VIEWS[0], Severity(0.0, 0.3, 0.0, 0.0, 0.0))
    healthy = scene_of(3, VIEWS[0], Severity(0.0, 0.0, 0.0, 0.0, 0.0))
    assert healed.plaque_fraction == 0.0
    plaque = ill.plaque > 0.9
    stain = np.abs(healed.radiance[1] - healthy.radiance[1])[plaque].mean()
    disease = np.abs(ill.radiance[1] - healthy.radiance[1])[plaque].mean()
    assert stain < 0.35 * disease


def test_moles_stay_when_plaques_go() -> None:
    clear = scene_of(3, VIEWS[4], Severity(0.0, 0.0, 0.0, 0.0, 0.0))
    faint = scene_of(3, VIEWS[4], Severity(0.01, 0.0, 0.5, 0.5, 0.0))
    elsewhere = faint.plaque == 0.0
    # Only the outermost glow of a stain may differ away from the plaques.
    difference = np.abs(clear.radiance[1] - faint.radiance[1])[elsewhere]
    assert np.quantile(difference, 0.95) < 0.01


def test_streams_are_distinguished_by_trailing_zeros() -> None:
    drawn = [stream(0, Stream.SKIN_MAP, *([0] * n)).random() for n in range(6)]
    assert len(set(drawn)) == 6


def test_more_redness_more_area_more_scale_show() -> None:
    def redness(scene: Scene) -> float:
        return mean_over_skin(scene, 0) - mean_over_skin(scene, 1)

    for subject in range(1, 9):
        base = Severity(0.3, 0.3, 2.0, 2.0, 1.0)
        shown = redness(scene_of(subject, VIEWS[0], base))
        redder = redness(scene_of(subject, VIEWS[0], Severity(0.3, 0.3, 4.0, 2.0, 1.0)))
        wider = redness(scene_of(subject, VIEWS[0], Severity(0.6, 0.6, 2.0, 2.0, 1.0)))
        assert redder > shown
        assert wider > shown
        # Scale hides redness and lightens the blue that blood and melanin swallow.
        scaly = scene_of(subject, VIEWS[0], Severity(0.3, 0.3, 2.0, 2.0, 4.0))
        assert mean_over_skin(scaly, 2) > mean_over_skin(scene_of(subject, VIEWS[0], base), 2)


def test_thickness_shows_as_relief() -> None:
    def roughness(scene: Scene) -> float:
        skin = scene.skin > 0.9
        return float(np.hypot(*np.gradient(scene.radiance[0]))[skin].mean())

    for subject in range(1, 6):
        thin = Severity(0.4, 0.4, 2.0, 0.5, 0.5)
        thick = Severity(0.4, 0.4, 2.0, 4.0, 0.5)
        flat, raised = (
            roughness(scene_of(subject, VIEWS[4], severity, (192, 128)))
            for severity in (thin, thick)
        )
        assert raised > 1.1 * flat


def test_a_texture_is_the_same_at_every_resolution() -> None:
    def texture(size: int) -> np.ndarray:
        return smooth_texture(stream(0, Stream.SKIN_MAP, 1), size, ((6.0, 3.0, 1.0),))

    np.testing.assert_allclose(texture(512)[::2, ::2], texture(256), atol=1e-4)
    assert texture(256).std() == pytest.approx(1.0, abs=0.03)


def test_a_kept_texture_leaves_its_stream_where_drawing_it_does() -> None:
    def drawn(number: int) -> tuple[np.ndarray, float]:
        rng = stream(0, Stream.SKIN_MAP, number)
        return smooth_texture(rng, 256, ((6.0, 3.0, 1.0),)), rng.random()

    fields._drawn.cache_clear()
    first, other, again = drawn(1), drawn(2), drawn(1)
    fields._drawn.cache_clear()
    anew = drawn(1)
    assert again[0] is first[0]
    assert np.array_equal(anew[0], first[0])
    assert anew[1] == again[1] == first[1]
    assert not np.array_equal(other[0], first[0])


def test_scale_whitens_plaques_on_every_skin() -> None:
    rng = np.random.default_rng(0)
    whiteness, scaling = [], rng.uniform(0, 4, 60)
    for number, grade in enumerate(scaling):
        severity = Severity(0.35, 0.35, rng.uniform(1, 4), rng.uniform(1, 4), grade)
        scene = scene_of(1 + number % 15, VIEWS[number % 8], severity)
        blue = np.log(scene.radiance[2] + 1e-3)
        bare = scene.skin > 0.9
        plaque, clear = bare & (scene.plaque > 0.9), bare & (scene.plaque < 0.1)
        whiteness.append(np.quantile(blue[plaque], 0.9) - blue[clear].mean())
    assert spearmanr(whiteness, scaling).statistic > 0.6


def test_redness_survives_shrinking_to_32_pixels(tmp_path: Path) -> None:
    settings = TrialSettings(num_subjects=8, num_visits=40, photo_width=64, photo_height=48)
    table = pd.read_csv(synthesize_trial(tmp_path / "trial", settings))
    table["shown"] = [reddest(tmp_path / "trial" / photo) for photo in table.photo]
    table["burden"] = table.erythema * table.involvement
    # The same part of the same person from visit to visit: skin and backdrop stay what they are.
    part = [table.subject, table.photo.str.rsplit("/").str[-1]]
    change = table[["shown", "burden"]] - table.groupby(part)[["shown", "burden"]].transform("mean")
    assert spearmanr(change.shown, change.burden).statistic > 0.4


def reddest(path: Path) -> float:
    """How much redder the reddest pixels are than the middle one, at 32 pixels."""
    with Image.open(path) as stored:
        stored.thumbnail((32, 32))
        red, green, _ = np.log(np.moveaxis(np.float64(stored), 2, 0) + 8.0)
    return float(np.quantile(red - green, 0.97) - np.median(red - green))


# --- the files -------------------------------------------------------------------------------


def test_the_manifest_is_the_contracts(small_trial: Path) -> None:
    table = pd.read_csv(small_trial)
    assert list(table.columns) == ["photo", "subject", "visit", "day", "region", *SCORES]
    assert set(table.subject) == {"S001", "S002", "S003"}
    assert table.photo.is_unique
    written = {str(p.relative_to(small_trial.parent)) for p in small_trial.parent.rglob("*.jpg")}
    assert set(table.photo) == written
    assert all(p.startswith(f"photos/{s}/{v}/") for p, s, v in table.iloc[:, :3].to_numpy())
    grouped = table.groupby(["subject", "visit", "region"])[[*SCORES, "day"]]
    assert (grouped.nunique() == 1).all(axis=None)
    assert json.loads((small_trial.parent / "settings.json").read_text())["num_visits"] == 16


def test_photographs_carry_a_cameras_exif(small_trial: Path) -> None:
    table = pd.read_csv(small_trial)
    orientations = Counter[int]()
    taken: dict[str, set[tuple[int, datetime]]] = {}
    for row in table.itertuples():
        with Image.open(small_trial.parent / str(row.photo)) as image:
            assert image.size == (48, 32)
            exif = image.getexif()
            upright = ImageOps.exif_transpose(image)
        landscape = row.region == "upper_extremities"
        assert (upright.width > upright.height) == landscape
        orientations[exif[ExifTags.Base.Orientation]] += 1
        assert exif[ExifTags.Base.Make]
        assert exif[ExifTags.Base.Model]
        moment = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        date = datetime.strptime(moment, "%Y:%m:%d %H:%M:%S").replace(hour=0, minute=0, second=0)
        taken.setdefault(str(row.subject), set()).add((int(str(row.day)), date))
    assert set(orientations) == {1, 3, 6, 8}
    for moments in taken.values():
        assert len({date.toordinal() - day for day, date in moments}) == 1


def test_equal_settings_give_equal_bytes_whatever_the_processes(tmp_path: Path) -> None:
    once = synthesize_trial(tmp_path / "once", TINY)
    again = synthesize_trial(tmp_path / "again", TINY, num_processes=2)
    other = synthesize_trial(tmp_path / "other", TINY.model_copy(update={"seed": 1}))
    assert tree(again.parent) == tree(once.parent)
    photos = [name for name in tree(other.parent) if name in tree(again.parent) and "jpg" in name]
    assert photos
    assert all(tree(other.parent)[name] != tree(again.parent)[name] for name in photos)


def test_progress_counts_every_photograph(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    manifest = synthesize_trial(tmp_path / "t", TINY, on_progress=lambda *at: seen.append(at))
    total = len(pd.read_csv(manifest))
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_an_interrupted_trial_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize_trial(tmp_path / "deep" / "trial", TINY, on_progress=interrupt)
    assert list((tmp_path / "deep").iterdir()) == []


def test_a_complete_trial_is_not_made_again(
    small_trial: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "photograph_subject", lambda *_: pytest.fail("drawn again"))
    assert synthesize_trial(small_trial.parent, SMALL) == small_trial


def test_a_folder_of_something_else_is_left_alone(small_trial: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        synthesize_trial(tmp_path, SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(InputError, match="holds another trial"):
        synthesize_trial(small_trial.parent, SMALL.model_copy(update={"seed": 9}))


def test_a_single_huge_photograph_is_drawn_in_bounded_size() -> None:
    scene = scene_of(1, VIEWS[0], Severity(0.3, 0.3, 2.0, 2.0, 2.0), size=(4928, 3264))
    assert max(scene.skin.shape) == 1536
    assert scene.plaque_fraction == pytest.approx(0.3, abs=0.02)


def test_the_contact_sheet_shows_the_chosen_subjects(small_trial: Path, tmp_path: Path) -> None:
    sheet = contact_sheet(small_trial, tmp_path / "sheet.png", subjects=["S002"], tile_height=32)
    with Image.open(sheet) as image:
        assert image.height == 3 * (32 + 18 + 4) + 4
        assert image.width > 6 * 32
    with pytest.raises(InputError, match="S999"):
        contact_sheet(small_trial, tmp_path / "no.png", subjects=["S999"])


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder with its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
