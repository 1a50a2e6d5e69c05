"""What is installed: the wheel's files, and a sweep run from it where nothing else of ours is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest

from foldgrid.specs.resolving import resolve_sweep
from tests.launching.test_shipped_sweeps import SWEEPS, tiny_settings
from tests.made_once import MadeOnce

PROJECT = Path(__file__).resolve().parents[1]
FOLDERS = {
    "src/foldgrid": "foldgrid",
    "analysis": "foldgrid/analysis",
    "sweeps": "foldgrid/sweeps",
    "search_spaces": "foldgrid/search_spaces",
    "recipes": "foldgrid/recipes",
}
"""The folders of a clone, and where the wheel has them."""


def run(*command: str | Path, folder: Path, seconds: float = 120) -> str:
    """Runs a command that is content; returns what it said."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**environment, "FOLDGRID_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(folder: Path) -> None:
    """Builds the wheel in a copy of the sources: a build leaves files behind."""
    copy = folder / "clone"
    for name in ("src", "analysis", "sweeps", "search_spaces", "recipes"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(PROJECT / name, copy / name, symlinks=True, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy / name)
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(folder)!r})"
    run(sys.executable, "-c", code, folder=copy)
    shutil.rmtree(copy)


@pytest.fixture
def wheel(made_once: MadeOnce) -> Path:
    (file,) = made_once("wheel", build).glob("*.whl")
    return file


def test_it_holds_every_file_and_takes_no_name_but_ours(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
        (entries,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        commands = archive.read(entries).decode()
    expected = {
        f"{there}/{path.relative_to(PROJECT / here).as_posix()}"
        for here, there in FOLDERS.items()
        for path in (PROJECT / here).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == expected
    assert {"foldgrid/py.typed", "foldgrid/sweeps/quickstart.yaml"} < shipped
    assert "[console_scripts]\nfoldgrid = foldgrid.cli.main:main\n" in commands


def test_requirements_end_with_the_package_itself() -> None:
    requirements = (PROJECT / "requirements.txt").read_text(encoding="utf-8")
    assert requirements.endswith("\n-e .\n")
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"foldgrid": "foldgrid.cli.main:main"}


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
def test_quickstart_runs_from_an_installed_wheel(wheel: Path, tmp_path: Path) -> None:
    environment, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run(*install, "--no-deps", "--no-index", wheel, folder=tmp_path)
    # What foldgrid depends on, without a network: as this environment has it.
    (site,) = environment.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere.mkdir()
    foldgrid = environment / "bin" / "foldgrid"
    assert run(foldgrid, "--version", folder=elsewhere).startswith("foldgrid ")
    listed = run(foldgrid, "list", folder=elsewhere)
    assert "Sweeps that come with foldgrid\n" in listed
    assert "  quickstart " in listed
    settings = tiny_settings(resolve_sweep(SWEEPS / "quickstart.yaml", "smoke").sweep)
    # A worker takes seconds to start.
    settings += ("backbones=[shufflenet_v2_x0_5, squeezenet1_1]", "resources.max_concurrent=1")
    changes = [part for each in settings for part in ("--set", each)]
    launch = [foldgrid, "launch", "quickstart", "--budget", "smoke", "--wandb", "offline"]
    said = run(*launch, *changes, folder=elsewhere, seconds=400)
    assert "foldgrid report runs/quickstart" in said
    assert (elsewhere / "runs/quickstart/leaderboard.csv").is_file()
    assert "runs/quickstart/report.html" in run(
        foldgrid, "report", "runs/quickstart", folder=elsewhere
    )
    where = "import foldgrid, foldgrid.analysis.run as run; print(foldgrid.__file__, run.__file__)"
    for file in run(python, "-c", where, folder=elsewhere).split():
        assert Path(file).is_relative_to(site)
