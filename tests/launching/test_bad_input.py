"""Bad input: one clear message, exit code 2, nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from foldgrid.records import RunLock
from foldgrid.records.files import FileRoot
from tests.launching.own_photographs import write_study
from tests.launching.tiny_sweep import TINY, Launched, Launcher


def check_refused(done: Launched, launcher: Launcher, *words: str) -> None:
    """Checks the whole promise."""
    assert done.code == 2
    for word in words:
        assert word in done.err, done.err
    assert "Traceback" not in done.err
    assert not launcher.storage.exists(), "a refused launch must leave nothing"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("weights: none", "weights: nune"), ("line 9", "weights", 'Did you mean "none"?')),
        (("training:", "trainig:"), ("line 10", "trainig", "unknown key", '"training"')),
        (("num_folds: 2", "num_folds: 1"), ("line 5", "split.num_folds", "found 1")),
        (("  - squeezenet1_1", "  - squeeznet1_1"), ("line 8", '"squeezenet1_1"')),
        (("title: a tiny", "title: x\ntitle: a tiny"), ("line 2", "given twice")),
        (("batch_size: 8", "batch_size: eight"), ("line 13", "training.batch_size", '"eight"')),
    ],
)
def test_a_sweep_file_with_a_mistake(
    launcher: Launcher, change: tuple[str, str], words: tuple[str, ...]
) -> None:
    text = TINY.replace(*change)
    assert text != TINY
    check_refused(launcher(launcher.write(text)), launcher, "tiny.yaml", *words)


def test_mosaics_too_small_for_a_network(launcher: Launcher) -> None:
    path = launcher.write(TINY.replace("squeezenet1_1", "alexnet"))
    done = launcher(path, "--set", "data.tile_pixels=16")
    check_refused(
        done, launcher, "data.tile_pixels", "alexnet cannot take 32x32", "data.tile_pixels: 32 fits"
    )


def test_all_mistakes_of_a_file_come_in_one_message(launcher: Launcher) -> None:
    text = TINY.replace("weights: none", "weights: x").replace("batch_size: 8", "batch_size: 0")
    check_refused(launcher(launcher.write(text)), launcher, "2 problems", "weights", "batch_size")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--sweep", "all_bakbones"), ("all_bakbones", 'Did you mean "all_backbones"?')),
        (("--sweep", "no/such.yaml"), ("no/such.yaml", "foldgrid list")),
        ((), ("No sweep was named", "foldgrid list")),
        (("--sweep", "quickstart", "--set", "training.lrr=1"), ("--set", "training.lrr")),
        (("--sweep", "quickstart", "--set", "nonsense"), ("nonsense", "key=value")),
        (("--sweep", "quickstart", "--only", "fold=9"), ("fold=9", "Folds are 0 to 4")),
        (("--sweep", "quickstart", "--budget", "large"), ("large", "smoke", "paper")),
        (("--sweep", "quickstart", "--frobnicate"), ("--frobnicate",)),
        (("--sweep", "quickstart", "--data", "none.csv"), ("none.csv",)),
    ],
)
def test_a_wrong_command_line(
    launcher: Launcher, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    done = launcher.raw(*options, "--storage", str(launcher.storage))
    check_refused(done, launcher, *words)


def test_required_weights_that_are_missing_stop_plan_and_launch(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(launcher.folder / "torch"))
    path = launcher.write(TINY.replace("weights: none", "weights: required"))
    for option in (("--plan",), ()):
        done = launcher(path, *option)
        fetch = f"foldgrid weights fetch --sweep {path}"
        check_refused(done, launcher, "shufflenet_v2_x0_5", "squeezenet1_1", "missing", fetch)


def test_the_plan_names_the_fits_that_start_from_random_weights(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(launcher.folder / "torch"))
    path = launcher.write(TINY.replace("weights: none", "weights: auto"))
    planned = launcher(path, "--plan")
    assert planned.code == 0
    assert "all backbones start from random weights" in " ".join(planned.out.split())


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """Writes a manifest of small photographs, then applies one change to its lines or files."""

    def write(num_subjects: int = 6, edit: Callable[[list[str]], None] | None = None) -> Path:
        return write_study(tmp_path / "study", num_subjects, edit)

    return write


def replaced(position: int, old: str, new: str) -> Callable[[list[str]], None]:
    def edit(lines: list[str]) -> None:
        assert old in lines[position]
        lines[position] = lines[position].replace(old, new)

    return edit


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (replaced(0, ",1,1,1,1", ",9,1,1,1"), ("row 2", "erythema")),
        (replaced(1, "trunk,1", "torso,1"), ("row 3", "torso")),
        (replaced(2, "s0-lower", "../s0-lower"), ("row 4",)),
        (replaced(3, "s1-upper", "lost-upper"), ("row 5", "lost-upper")),
        (lambda lines: lines.append(lines[0]), ("rows 2, 20", "listed once")),
    ],
)
def test_a_manifest_with_a_mistake(
    launcher: Launcher,
    study: Callable[..., Path],
    edit: Callable[[list[str]], None],
    words: tuple[str, ...],
) -> None:
    done = launcher(launcher.write(), "--data", str(study(edit=edit)))
    check_refused(done, launcher, "manifest.csv", *words)


def test_too_few_subjects_for_the_folds(launcher: Launcher, study: Callable[..., Path]) -> None:
    done = launcher(launcher.write(), "--data", str(study(num_subjects=2)))
    check_refused(done, launcher, "subjects")


def test_too_few_subjects_for_early_stopping(
    launcher: Launcher, study: Callable[..., Path]
) -> None:
    done = launcher(launcher.write(), "--data", str(study(num_subjects=4)))
    check_refused(done, launcher, "early_stopping", "inner_split")


@pytest.mark.parametrize("size", [(1, 1), (20_000, 15_000)])
def test_a_photo_of_impossible_size(
    launcher: Launcher, study: Callable[..., Path], size: tuple[int, int]
) -> None:
    path = study()
    Image.new("L", size).save(path.parent / "s0-trunk.jpg")
    done = launcher(launcher.write(), "--data", str(path))
    check_refused(done, launcher, "s0-trunk.jpg", f"{size[0]}x{size[1]}")


def test_a_truncated_photo_is_found_before_any_training(
    launcher: Launcher, study: Callable[..., Path]
) -> None:
    path = study()
    photo = path.parent / "s1-trunk.jpg"
    Image.effect_noise((400, 300), 50).save(photo)
    photo.write_bytes(photo.read_bytes()[:3000])
    done = launcher(launcher.write(), "--data", str(path))
    check_refused(done, launcher, "s1-trunk.jpg")


def test_a_users_own_photographs_take_the_same_way(
    launcher: Launcher, study: Callable[..., Path]
) -> None:
    done = launcher(launcher.write(), "--data", str(study()))
    assert done.code == 0, done.err
    # Long paths are folded; without blanks the sentence is whole again.
    assert "manifest.csv:6subjects,6visits,18photographs" in "".join(done.out.split())


def test_a_second_launch_on_one_run_folder_says_who_holds_it(launcher: Launcher) -> None:
    sweep, root = launcher.write(), FileRoot(str(launcher.storage / "tiny"))
    with RunLock(root):
        done = launcher(sweep)
        assert done.code == 2
        assert f"another launch trains into this run folder: process {os.getpid()}" in done.err
        assert [path.name for path in (launcher.storage / "tiny").iterdir()] == ["launch.lock"]
        assert launcher(sweep, "--plan").code == 0, "a plan trains nothing"
    assert launcher(sweep, "--only", "fold=0").code == 0
    assert not (launcher.storage / "tiny" / "launch.lock").exists()
