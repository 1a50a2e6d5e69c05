"""A metric of another package, one file with an entry point; docs/how-to/metrics.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foldgrid.analysis.evaluation import evaluate
from foldgrid.cli.main import main as analyse
from foldgrid.metrics import METRICS
from foldgrid.records import SearchStore
from tests.launching.tiny_sweep import TINY, Launcher
from tests.outside.packages import installed, write_package

SOURCE = Path(__file__).parents[1] / "metrics/median_error.py"
MODULE = "median_error_of_others"
SEARCH = (
    TINY.replace("  - shufflenet_v2_x0_5\n", "")
    + "search_space: lr_plateau\n"
    + "search: {num_trials: 2, sampler: RandomSampler, objectives: [median_error]}\n"
)


@pytest.fixture
def run(launcher: Launcher) -> Path:
    """A run folder that was made without the package."""
    launcher.done_before()
    return launcher.storage / "tiny"


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """The package's only module, in a folder on the path."""
    site, code = tmp_path / "site", SOURCE.read_text(encoding="utf-8")
    entry = f"foldgrid.metrics: median_error = {MODULE}:MEDIAN_ERROR"
    module = write_package(site, "median-error", MODULE, code, entry)
    with installed(site):
        yield module


def ranked(launcher: Launcher, *options: str) -> dict[str, Any]:
    """What ``rank`` says of the run."""
    launcher.capture.readouterr()
    code = analyse(["rank", str(launcher.storage / "tiny"), "--format", "json", *options])
    said = launcher.capture.readouterr()
    assert code == 0, said.err
    return dict(json.loads(said.out))


def test_it_ranks_anew_and_where_a_ranking_is_stored(
    launcher: Launcher, run: Path, package: Path
) -> None:
    ranked(launcher)
    table = (run / "leaderboard.csv").read_text()
    assert "median_error" not in table
    # The stored ranking lacks it, so that one is computed that holds it.
    found = ranked(launcher, "--by", "median_error")
    assert found["by"] == "median_error"
    evaluated = evaluate(launcher.store())
    for row in found["rows"]:
        for part, units in (("oof", evaluated.oof), ("test", evaluated.test)):
            errors = np.abs(units.predicted_by(row["model"]) - units.reference)
            assert row[part]["median_error"] == np.median(errors)
            ends = row[f"{part}_intervals"]["median_error"]
            assert ends["reason"] or ends["low"] <= ends["high"]
    order = [row["oof"]["median_error"] for row in found["rows"]]
    assert order == sorted(order)
    assert any(row["standings"]["median_error"]["is_best"] for row in found["rows"])
    columns = pd.read_csv(run / "leaderboard.csv").columns
    assert {"oof_median_error", "test_median_error_high"} <= set(columns)
    for path in (run / "leaderboard.csv", run / "leaderboard.json"):
        path.unlink()
    assert ranked(launcher, "--by", "median_error") == found
    assert analyse(["rank", str(run), "--metric", "spearman", "--metric", "median_error"]) == 0
    header = launcher.capture.readouterr().out.split("baseline")[0]
    assert "MedAE" in header
    assert "Rho" in header
    assert "CCC" not in header
    assert analyse(["check", str(run)]) == 0
    assert analyse(["report", str(run), "--by", "median_error"]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "median absolute error (Median error)" in page
    assert "Ranking by out-of-fold Median error" in page
    assert launcher.raw("--status", str(run)).code == 0
    # Without the package, what it computed is left aside.
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(METRICS, "median_error")  # type: ignore[arg-type]
        launcher.capture.readouterr()
        assert ranked(launcher)["by"] == "mae"
        assert analyse(["rank", str(run), "--by", "median_error"]) == 2
    assert 'no metric "median_error"' in launcher.capture.readouterr().err


def test_a_search_has_it_as_its_objective(launcher: Launcher, package: Path) -> None:
    done = launcher(launcher.write(SEARCH), ranked=True)
    assert done.code == 0, done.out + done.err
    assert "out-of-fold Median error" in done.out
    run = launcher.storage / "tiny"
    store = SearchStore(str(run / "search"))
    (study,) = store.read_plan().studies
    for folder in store.trials(study.name):
        units = folder.read_units()
        errors = np.abs(units.predicted_by(units.models[0]) - units.reference)
        assert folder.read_record().oof["median_error"] == np.median(errors)
    assert pd.read_csv(run / "search/trials.csv")["oof_median_error"].notna().all()
    assert analyse(["report", str(run)]) == 0
    assert "Median error" in (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("import numpy as np", "import nunpy as np", "No module named 'nunpy'"),
        ("MEDIAN_ERROR = Metric(", "MEDIAN_ERROR = dict(", "which is no metric"),
        ('name="median_error"', 'name="median"', 'it calls itself "median"'),
        ("np.median(np.abs", "np.medina(np.abs", "has no attribute 'medina'"),
        ("float(np.median(np.abs(predicted_U - truth_U)))", "predicted_U", "of shape"),
    ],
)
def test_a_mistake_in_its_file_is_reported_with_its_name_and_file(
    launcher: Launcher, run: Path, package: Path, old: str, new: str, fault: str
) -> None:
    package.write_text(package.read_text().replace(old, new))
    launcher.capture.readouterr()
    assert analyse(["rank", str(run), "--by", "median_error"]) == 2
    said = launcher.capture.readouterr().err
    for words in (str(package), "median", fault):
        assert words in said
    assert "Traceback" not in said


def test_an_unknown_objective_is_reported_with_the_nearest(
    launcher: Launcher, package: Path
) -> None:
    said = launcher(launcher.write(SEARCH.replace("median_error", "median_eror")))
    assert said.code == 2
    assert 'There is no such metric. Did you mean "median_error"?' in said.err
    assert not launcher.storage.exists()
    foreign = launcher(launcher.write(SEARCH.replace("median_error", "auc")))
    assert foreign.code == 2
    assert 'found "auc"' in foreign.err
