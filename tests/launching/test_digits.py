"""Real pictures, scikit-learn's digits, through check, launch, ranking, report and search.

The one launch of a grid here is of pictures that nobody drew for the tests.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from foldgrid.analysis.checks.catalogue import run_checks
from foldgrid.analysis.ranking.build import rank_sweep
from foldgrid.analysis.report.build import make_report
from foldgrid.cli.main import main
from foldgrid.simulation.digits import write_digits
from foldgrid.specs.errors import InputError
from tests.launching.tiny_sweep import Launcher

TINY = (
    "backbones=[plain_cnn]",
    "split.num_folds=2",
    "split.num_seeds=2",
    "training.max_epochs=6",
    "training.early_stopping.policy=none",
    "training.batch_size=16",
    "keep=none",
)
UNKNOWN = "Values are optimistic for a new writer."
SEARCH = """\
title: digits, searched
task: {name: classification}
data: {tile_pixels: 32, manifest: MANIFEST}
split: {num_folds: 2, num_seeds: 2}
backbones: [plain_cnn]
weights: none
search_space: lr_plateau
search: {num_trials: 2, sampler: RandomSampler, objectives: [auc], grace_epochs: 1}
training: {max_epochs: 2, max_batches_per_epoch: 5, start_from_mean: true}
"""


def overrides() -> list[str]:
    return [part for setting in TINY for part in ("--set", setting)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_digits(tmp_path_factory.mktemp("digits") / "study").parent


def test_the_pictures_are_the_scans(folder: Path) -> None:
    digits, table = load_digits(), pd.read_csv(folder / "manifest.csv", dtype=str)
    assert len(table) == table["subject"].nunique() == 1797
    assert table["label"].astype(int).tolist() == digits.target.tolist()
    for place in (0, 700, 1796):
        with Image.open(folder / table["photo"][place]) as picture:
            assert picture.size == (32, 32)
            levels = np.asarray(picture, dtype=float)[::4, ::4] * 16 / 255
        assert np.abs(levels - digits.images[place]).max() < 0.05


def test_a_folder_with_something_else_is_left(folder: Path, tmp_path: Path) -> None:
    assert write_digits(folder) == folder / "manifest.csv"
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        write_digits(tmp_path)


def test_the_check_says_that_the_writers_are_unknown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(folder / "manifest.csv")]) == 0
    said = capsys.readouterr().out
    assert "near copies are not looked for: 32 pixels are too few" in said
    assert "1,797 subjects, 0 cases, 1,797 photos" in said
    assert (
        f"the writer is unknown, so pictures of one writer may be in training and test. {UNKNOWN}"
        in said
    )


def some_scans(folder: Path, count: int = 240) -> Path:
    """A manifest of the first of them: a ranking of all 1,797 takes minutes."""
    lines = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    path = folder / "some.csv"
    path.write_text("".join(lines[: 1 + count]))
    return path


def test_digits_are_launched_ranked_checked_and_reported(launcher: Launcher, folder: Path) -> None:
    done = launcher("digits", "--data", str(some_scans(folder)), *overrides(), ranked=True)
    assert done.code == 0, done.out + done.err
    store = launcher.store("digits")
    ranking = rank_sweep(store)
    best = ranking.rows[0].value("oof", "auc")
    assert best is not None
    assert best > 0.6
    [note] = [note for note in ranking.notes if note.code == "FG619"]
    assert note.is_warning
    assert UNKNOWN in note.text
    assert "FG619" in done.out
    assert not [note for note in ranking.notes if note.topic == "synthetic data"]
    assert not [each for each in run_checks(store).results if each.status == "failed"]
    page = make_report(store)
    assert "optimistic for a new writer" in str(page)


@pytest.mark.exhaustive
def test_digits_are_searched(launcher: Launcher, folder: Path) -> None:
    text = SEARCH.replace("MANIFEST", str(some_scans(folder)))
    done = launcher(launcher.write(text, "digits_search"), ranked=True)
    assert done.code == 0, done.out + done.err
    report = make_report(launcher.store("digits_search"))
    assert "optimistic for a new writer" in str(report)
