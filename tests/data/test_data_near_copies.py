"""Near copies: every way in which one picture gets into a study twice, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from foldgrid.cli.main import main
from foldgrid.data.copy_questions import copy_questions, describe_questions, picture_numbers
from foldgrid.data.cores import num_usable_cores
from foldgrid.data.fingerprint import hash_photos
from foldgrid.data.near_copies import (
    HASH_LENGTH,
    HASHED_CROPS,
    find_close,
    find_copies,
    hash_picture,
)
from foldgrid.data.overlays import fine_correlation, laid_forms, lay_over
from foldgrid.data.photographs import decode_fitted, inspect_photo
from foldgrid.data.picture_hashes import CopyGroup, copies_of_study, exam_pixels
from foldgrid.simulation.labelled import synthesize_study
from foldgrid.simulation.pasi import synthesize_trial
from foldgrid.specs.synthetic import StudyName, StudySettings, TrialSettings
from tests.data.skin_pictures import make_study, skin_picture


def cropped(picture: Image.Image, part: float = 0.08) -> Image.Image:
    width, height = picture.size
    ends = int(part * width), int(part * height), int((1 - part) * width), int((1 - part) * height)
    return picture.crop(ends)


WAYS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": lambda picture: picture,
    "smaller": lambda picture: picture.resize((picture.width * 3 // 4, picture.height * 3 // 4)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.25),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "mirrored": ImageOps.mirror,
    "upside down": ImageOps.flip,
    "turned": lambda picture: picture.rotate(90, expand=True),
    "turned back": lambda picture: picture.rotate(270, expand=True),
    "cropped": cropped,
    "turned and brighter": lambda picture: ImageEnhance.Brightness(
        picture.rotate(90, expand=True)
    ).enhance(1.25),
}


def groups_of(folder: Path, paths: Sequence[Path]) -> list[tuple[int, ...]]:
    pixels = exam_pixels([inspect_photo(path) for path in paths])
    digests = hash_photos(paths, folder / "cache")
    return [g.places for g in copies_of_study(paths, digests, pixels, folder / "cache")]


@pytest.fixture(scope="module")
def lesions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Photographs of 12 people with lesions, taken by a program's camera."""
    folder = tmp_path_factory.mktemp("lesions") / "study"
    synthesize_study(folder, StudySettings(study="skin_taxonomy", num_subjects=12))
    return sorted(folder.glob("photos/**/*.jpg"))


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_is_known_again(way: str, lesions: list[Path], tmp_path: Path) -> None:
    copies = []
    for number, path in enumerate(lesions[:6]):
        with Image.open(path) as picture:
            copies.append(tmp_path / f"{number}.jpg")
            WAYS[way](picture.convert("RGB")).save(copies[-1], quality=92)
    wanted = [(number, len(lesions) + number) for number in range(6)]
    assert groups_of(tmp_path, [*lesions, *copies]) == wanted


def test_200_likenesses_are_no_copies_and_one_picture_in_four_files_is(tmp_path: Path) -> None:
    paths = []
    for seed in range(200):
        paths.append(tmp_path / f"{seed}.png")
        skin_picture(seed, 64, 48).save(paths[-1])
    original = skin_picture(7, 64, 48)
    smaller = original.resize((48, 36), Image.Resampling.BICUBIC)
    for name, picture in (("a.jpg", original), ("b.webp", original), ("c.png", smaller)):
        picture.save(tmp_path / name)
        paths.append(tmp_path / name)
    assert groups_of(tmp_path, paths) == [(7, 200, 201, 202)]


@pytest.mark.parametrize("study", ["referable_dr", "ssc_skin"])
def test_nobody_in_a_simulated_study_is_taken_for_another(study: StudyName, tmp_path: Path) -> None:
    """Fundus photographs all have one frame; 12 bits in 16 leave 16 grey levels of contrast."""
    folder = tmp_path / "study"
    synthesize_study(folder, StudySettings(study=study, num_subjects=8))
    paths = sorted(folder.glob("photos/**/*.jpg"))
    assert groups_of(tmp_path, paths) == []
    dark = []
    for number, path in enumerate(paths):
        with Image.open(path) as picture:
            grey = np.asarray(picture.convert("L"), dtype=np.uint16)
        dark.append(tmp_path / f"{number}.png")
        Image.fromarray(grey << 4).save(dark[-1])
    assert groups_of(tmp_path, dark) == []


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "study", ["aidda", "referable_dr", "skin_taxonomy", "skin_thickness", "ssc_skin"]
)
def test_300_subjects_have_no_copies_but_those_planted(
    study: StudyName, seed: int, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    synthesize_study(folder, StudySettings(study=study, seed=seed, num_subjects=300))
    paths = sorted(folder.glob("photos/**/*.jpg"))
    stray = []
    for places in groups_of(tmp_path, paths):
        assert len({paths[place].parent for place in places}) == 1, "of two people"
        if len({paths[place].stem.removesuffix("_again") for place in places}) > 1:
            stray.append(places)
    # The next shot of an eye may lie where the first does, to a twentieth of a pixel.
    assert len(stray) <= len(paths) // 500, stray


def test_the_next_shot_of_one_thing_is_no_copy(lesions: list[Path], tmp_path: Path) -> None:
    """Moved by a hundredth of its width and turned by a degree, under other noise."""
    paths, random = [*lesions], np.random.default_rng(0)
    for number, path in enumerate(lesions[:6]):
        with Image.open(path) as picture:
            moved = picture.convert("RGB").rotate(1, Image.Resampling.BICUBIC, translate=(1, 1))
        noisy = np.asarray(cropped(moved, 0.03)) + random.normal(0, 2, (1, 1, 3))
        paths.append(tmp_path / f"{number}.jpg")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(paths[-1], quality=92)
    assert groups_of(tmp_path, paths) == []


def test_smooth_skin_of_two_people_is_not_one_picture(tmp_path: Path) -> None:
    """Legs fit legs: there is little detail, and how far one was moved is known badly."""
    folder = tmp_path / "trial"
    synthesize_trial(folder, TrialSettings(num_subjects=4, num_visits=22))
    assert groups_of(tmp_path, sorted(folder.glob("photos/**/*.jpg"))) == []


@pytest.mark.exhaustive
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_whole_trial_has_no_near_copies(seed: int, tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    synthesize_trial(folder, TrialSettings(seed=seed), num_usable_cores())
    assert groups_of(tmp_path, sorted(folder.glob("photos/**/*.jpg"))) == []


def test_the_finest_details_tell_a_copy_from_what_only_looks_alike(lesions: list[Path]) -> None:
    """The same picture under other grain is another one, though all else agrees."""
    with Image.open(lesions[0]) as opened:
        picture = opened.convert("RGB").resize((144, 144))
    random, grains = np.random.default_rng(1), []
    plain = np.asarray(picture.filter(ImageFilter.GaussianBlur(2)), np.float64)
    for _ in range(2):
        grain = random.normal(0, 6, (144, 144, 1))
        grains.append((plain + grain).clip(0, 255).astype(np.uint8))
    near = np.asarray(ImageEnhance.Brightness(Image.fromarray(grains[0])).enhance(1.1))
    found = []
    for other in (near, grains[1]):
        overlay = lay_over(laid_forms(grains[0]), laid_forms(other))
        found.append(fine_correlation(grains[0], other, overlay))
    assert found[0] > 0.9
    assert found[1] < 0.5


def test_blank_pictures_are_nobodys_copies(tmp_path: Path) -> None:
    paths = []
    for grey in (0, 1, 128, 254):
        paths.append(tmp_path / f"{grey}.png")
        Image.new("RGB", (64, 64), (grey,) * 3).save(paths[-1])
    assert groups_of(tmp_path, paths) == []


def test_mirroring_turning_and_brightness_leave_the_hash(lesions: list[Path]) -> None:
    picture = decode_fitted(lesions[0], 144)
    whole = hash_picture(picture).astype(int)
    for other in (picture[::-1], picture[:, ::-1], np.rot90(picture), picture // 2 + 60):
        assert np.abs(hash_picture(np.ascontiguousarray(other)) - whole).max() <= 12
    assert np.abs(hash_picture(decode_fitted(lesions[5], 144)) - whole).max() > 40


def test_what_is_kept_is_not_decoded_again(
    lesions: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = groups_of(tmp_path, lesions)
    monkeypatch.setattr("foldgrid.data.picture_hashes.decode_fitted", None)
    assert groups_of(tmp_path, lesions[::-1]) == first == []


def some_hashes(count: int, seed: int = 0) -> np.ndarray:
    """Hashes as unlike as those of photographs, with a close pair for every hundred."""
    random = np.random.default_rng(seed)
    usual = random.gamma(4.0, 10.0, HASH_LENGTH)
    shape = (count, len(HASHED_CROPS), HASH_LENGTH)
    hashes = usual * random.gamma(6.0, 1 / 6, shape)
    hashes *= 600 / np.linalg.norm(hashes, axis=2, keepdims=True)
    for place in range(0, count - 1, 100):
        view = random.integers(len(HASHED_CROPS))
        hashes[place + 1, view] = hashes[place, 0] * random.normal(1, 0.03, HASH_LENGTH)
    return hashes.clip(0, 255).astype(np.uint8)


def test_close_hashes_are_found_in_any_view_and_block() -> None:
    found = find_close(some_hashes(6000))
    assert sorted(map(tuple, found.tolist())) == [(p, p + 1) for p in range(0, 6000, 100)]


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_200_000_hashes_are_compared_in_under_five_minutes() -> None:
    hashes = some_hashes(200_000)
    started = time.monotonic()
    found = find_close(hashes)
    assert time.monotonic() - started < 300
    assert {(p, p + 1) for p in range(0, 200_000, 100)} <= set(map(tuple, found.tolist()))


def test_very_many_near_pairs_are_cut_to_the_closest() -> None:
    one = some_hashes(1)
    many = np.repeat(one, 1000, axis=0) + np.random.default_rng(0).integers(0, 2, (1000, 1, 1))
    assert len(find_close(many.astype(np.uint8))) <= 30 * 1000


def test_pictures_that_do_not_agree_are_no_group() -> None:
    """Close as their hashes are, the pixels decide."""
    pictures = [np.asarray(skin_picture(seed, 64, 64)) for seed in range(4)]
    hashes = np.stack([hash_picture(pictures[0])] * 4)
    assert find_copies(hashes, lambda place: pictures[place]) == []
    assert find_copies(hashes, lambda place: pictures[place % 2]) == [[0, 2], [1, 3]]


ROWS = pd.DataFrame(
    {
        "row": [2, 3, 4, 5],
        "photo": ["a", "b", "c", "d"],
        "subject": ["x", "y", "x", "x"],
        "label": ["p", "p", "p", "q"],
        "distinct_id": False,
    }
)


def test_copies_are_questions_where_they_are_apart() -> None:
    near, equal = CopyGroup((0, 1), (False, False)), CopyGroup((0, 1), (False, True))
    within, labels = CopyGroup((0, 2), (False, False)), CopyGroup((2, 3), (False, False))
    asked = list(copy_questions(ROWS, [near, within, labels], "label"))
    assert [(each.rows, each.column, each.values) for each in asked] == [
        ((2, 3), "subject", ("x", "y")),
        ((4, 5), "label", ("p", "q")),
    ]
    said = "\n".join(describe_questions(asked))
    assert 'rows 2, 3  "a" and "b" are near copies under the subjects x and y' in said
    assert describe_questions([]) == []
    # Answered for near copies; equal files are one picture, whatever anybody says.
    answered = ROWS.assign(distinct_id=[False, True, False, True])
    assert list(copy_questions(answered, [near, labels], "label")) == []
    assert [each.is_exact for each in copy_questions(answered, [equal])] == [True]
    assert picture_numbers(ROWS, [near, labels]) == [0, 0, 2, 2]
    assert picture_numbers(answered, [near, labels]) == [0, 1, 2, 3]
    assert picture_numbers(answered, [equal]) == [0, 0, 2, 3]


def write_study(folder: Path) -> tuple[Path, pd.DataFrame]:
    """24 sound photographs, and a brighter copy of one under another subject."""
    path, rows = make_study(folder)
    with Image.open(folder / "00.jpg") as picture:
        ImageEnhance.Brightness(picture).enhance(1.25).save(folder / "05.jpg", quality=92)
    return path, pd.DataFrame(rows)


def test_the_check_asks_of_a_near_copy_under_two_subjects_and_excludes_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, rows = write_study(tmp_path)
    assert main(["data", "check", str(path), "--folds", "3"]) == 1
    said = capsys.readouterr().out
    assert '1 question: is this one picture?\n  rows 2, 7  "00.jpg" and "05.jpg" are near' in said
    assert "excluded: same picture under two subjects         0" in said
    rows.assign(distinct_id=["yes" if n == 5 else "" for n in range(24)]).to_csv(path, index=False)
    assert main(["data", "check", str(path), "--folds", "3"]) == 0
    assert "question" not in capsys.readouterr().out


def test_the_check_asks_of_measured_and_scored_photographs_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, rows = write_study(tmp_path)
    measured = rows[["photo", "subject"]].assign(value=range(24))
    measured.to_csv(path, index=False)
    assert main(["data", "check", str(path), "--folds", "3"]) == 1
    assert "near copies under the subjects s0 and s1" in capsys.readouterr().out
    scores = dict.fromkeys(("erythema", "induration", "scaling", "involvement"), 1)
    scored = rows[["photo", "subject"]].assign(
        visit=[f"v{n}" for n in range(24)], region="trunk", **scores
    )
    scored.to_csv(path, index=False)
    assert main(["data", "check", str(path), "--folds", "3"]) == 1
    assert "near copies under the subjects s0 and s1" in capsys.readouterr().out
    with Image.open(tmp_path / "06.jpg") as picture:
        picture.filter(ImageFilter.GaussianBlur(9)).save(tmp_path / "05.jpg")
    assert main(["data", "check", str(path), "--folds", "3"]) == 0
