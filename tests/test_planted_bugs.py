"""Bugs planted into a copy of the code, one at a time: tests of `make test` find each of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from mypy.find_sources import create_source_list
from mypy.options import Options

PROJECT = Path(__file__).resolve().parents[1]
FOUND, NOTHING_FOUND = 1, 0
"""pytest's exit codes."""


@dataclass(frozen=True)
class Bug:
    """A change that makes the code wrong, and who has to notice.

    Attributes:
        file: Where it is planted.
        code: What stands there once.
        wrong: What is planted in its place.
        tests: Files of tests that find it.
    """

    file: str
    code: str
    wrong: str
    tests: tuple[str, ...]


BUGS = {
    "split: visits are kept whole, and not subjects": Bug(
        "src/foldgrid/data/splits.py",
        'subjects = samples["subject"].to_numpy()[own_N]',
        'subjects = samples["visit"].to_numpy()[own_N]',
        ("tests/data/test_data_splits.py",),
    ),
    "stacking: a meta-learner is fitted on the fold that it is evaluated on": Bug(
        "analysis/stacking/nested_fits.py",
        "others = folds_N != fold",
        "others = folds_N >= -1",
        ("tests/analysis/test_stacking_leakage.py",),
    ),
    "checkpoint: the schedule begins anew": Bug(
        "src/foldgrid/training/checkpoint.py",
        '    fit.schedule.load_state_dict(state["schedule"])\n',
        "",
        ("tests/training/test_fit_reproducibility.py",),
    ),
    "trackers: epochs are sent in the order in which they come": Bug(
        "src/foldgrid/tracking/projection.py",
        "for step in sorted(self.points):",
        "for step in sorted(self.points, reverse=True):",
        ("tests/tracking/test_run_projector.py",),
    ),
    "checksums: what was changed is taken for what was written": Bug(
        "src/foldgrid/specs/checksums.py",
        "if digest != content_digest(content, DIGEST_LENGTH):",
        "if len(digest) != DIGEST_LENGTH:",
        ("tests/records/test_checksums.py",),
    ),
    "lock: whoever holds the run folder is dead": Bug(
        "src/foldgrid/records/run_lock.py",
        "return _is_running(self.pid) and _process_start(self.pid) == self.started",
        "return False",
        ("tests/records/test_run_lock.py",),
    ),
    "metric: CCC forgets that the means differ": Bug(
        "src/foldgrid/metrics/regression.py",
        " + (means[0, 0] - means[1, 0]) ** 2)",
        ")",
        ("tests/metrics/test_metrics_against_other_libraries.py",),
    ),
    "manifest: one region may have two scores": Bug(
        "src/foldgrid/data/manifest/scored.py",
        "        problems += find_contradictions(photos)\n",
        "",
        ("tests/data/test_data_manifest.py",),
    ),
    "racing: the better one is stopped": Bug(
        "src/foldgrid/search/schedulers/paired_race.py",
        "if keys[0] <= self._keys_of_rival(rival[then])[0]:",
        "if keys[0] >= self._keys_of_rival(rival[then])[0]:",
        ("tests/contracts/test_stopping_rules.py",),
    ),
    "ranking: the worst comes first": Bug(
        "analysis/ranking/ranking.py",
        "key(row.oof.get(metric)), row.kind, row.model",
        "-key(row.oof.get(metric)), row.kind, row.model",
        ("tests/analysis/test_ranking.py",),
    ),
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's code and tests, to be spoiled."""
    copy = tmp_path_factory.mktemp("planted") / "project"
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("src", "analysis", "tests", "benchmarks", "sweeps", "search_spaces", "recipes"):
        shutil.copytree(PROJECT / folder, copy / folder, symlinks=True, ignore=ignored)
    for file in ("launch.py", "pyproject.toml"):
        shutil.copy(PROJECT / file, copy / file)
    return copy


def run_tests(project: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(project / "src"), str(project)])
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("what", BUGS)
def test_each_bug_can_be_planted(what: str) -> None:
    """Where the code moves on, the bug moves along."""
    bug = BUGS[what]
    assert (PROJECT / bug.file).read_text(encoding="utf-8").count(bug.code) == 1


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("what", BUGS)
def test_each_is_found(copied: Path, what: str) -> None:
    bug = BUGS[what]
    sound = run_tests(copied, bug.tests)
    assert sound.returncode == NOTHING_FOUND, sound.stdout + sound.stderr
    file = copied / bug.file
    code = file.read_text(encoding="utf-8")
    file.write_text(code.replace(bug.code, bug.wrong), encoding="utf-8")
    try:
        spoiled = run_tests(copied, bug.tests)
    finally:
        file.write_text(code, encoding="utf-8")
    assert spoiled.returncode == FOUND, f"nobody noticed\n{spoiled.stdout}{spoiled.stderr}"


LINT_IMPORTS = (
    "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])"
)


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("tool", "line", "found"),
    [
        (
            ("-m", "mypy", "--cache-dir", "{cache}", "src"),
            "planted: int = ''",
            "analysis/ranking/ranking.py",
        ),
        (("-c", LINT_IMPORTS), "import foldgrid.training", "foldgrid.analysis.ranking.ranking ->"),
    ],
    ids=["type error", "forbidden import"],
)
def test_what_is_planted_into_the_analysis_is_found_by_the_checks(
    copied: Path, tmp_path: Path, tool: tuple[str, ...], line: str, found: str
) -> None:
    """The folder lies beside the package, which has it by a link (decision 0037)."""
    file = copied / "analysis/ranking/ranking.py"
    code = file.read_text(encoding="utf-8")
    file.write_text(f"{code}\n{line}\n", encoding="utf-8")
    try:
        done = subprocess.run(
            [sys.executable, *(word.format(cache=tmp_path / "cache") for word in tool)],
            cwd=copied,
            env={**os.environ, "PYTHONPATH": str(copied / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(code, encoding="utf-8")
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout


def test_the_types_of_the_analysis_are_looked_at() -> None:
    """As mypy finds its files."""
    options = Options()
    options.explicit_package_bases, options.namespace_packages = True, True
    options.mypy_path = [str(PROJECT / "src")]
    found = {each.module for each in create_source_list([str(PROJECT / "src")], options)}
    assert {"foldgrid.analysis.ranking.ranking", "foldgrid.cli.main"} < found
