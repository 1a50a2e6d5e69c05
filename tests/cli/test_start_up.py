"""What a command imports before it can answer: no torch and no Ray where nothing is trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from foldgrid.models import footprint, published, sources
from foldgrid.models.sources import torchvision_networks
from tests.launching.conftest import launcher, shared_cache
from tests.launching.tiny_sweep import Launcher

__all__ = ["launcher", "shared_cache"]

PROJECT = Path(__file__).parents[2]
HEAVY = {"torch", "torchvision", "timm", "ray", "optuna", "sklearn", "matplotlib"}


def imported_by(script: str, *arguments: str) -> tuple[str, set[str]]:
    """What a command of a process of its own prints, and all that it imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", str(PROJECT / script), *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}"},
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done.stdout, {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize(
    ("script", "arguments", "words"),
    [
        ("launch.py", ("--help",), "--sweep"),
        ("launch.py", ("--list",), "all_backbones"),
        ("src/foldgrid", ("list",), "all_backbones"),
        ("src/foldgrid", ("explain", "FG301"), "held-out sample"),
    ],
)
def test_nothing_heavy_is_imported_to_show_what_there_is(
    script: str, arguments: tuple[str, ...], words: str
) -> None:
    said, imported = imported_by(script, *arguments)
    assert words in said
    # Nor are a sweep's models built, whose fields ask every registry.
    heavy = HEAVY | {"numpy", "pandas", "scipy", "wandb", "foldgrid.specs.sweep"}
    assert imported & heavy == set()


def test_a_stored_ranking_is_read_without(launcher: Launcher) -> None:
    launcher.done_before(ranked=True)
    said, imported = imported_by("analysis", "rank", str(launcher.storage / "tiny"))
    assert "squeezenet1_1" in said
    assert imported & (HEAVY | {"wandb"}) == set()


def test_a_plan_says_the_same_without_once_its_networks_are_known(
    launcher: Launcher, shared_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = launcher.write()
    launcher(sweep, "--plan")
    own = launcher.folder / "cache"
    own.mkdir()
    for kept in shared_cache.iterdir():
        if kept.name != "networks":
            (own / kept.name).symlink_to(kept)
    monkeypatch.setenv("FOLDGRID_CACHE", str(own))
    # Nor does this process remember.
    for module in (footprint, published, sources, torchvision_networks):
        for known in vars(module).values():
            if callable(getattr(known, "cache_clear", None)):
                known.cache_clear()
    cold = launcher(sweep, "--plan").out
    where = (
        "--budget",
        "smoke",
        "--wandb",
        "disabled",
        "--storage",
        str(launcher.storage),
        "--executor",
        "inline",
    )
    warm, imported = imported_by("launch.py", "--sweep", str(sweep), "--plan", *where)
    assert without_room(warm) == without_room(cold)
    assert imported & (HEAVY | {"scipy", "wandb"}) == set()


def without_room(plan: str) -> str:
    """A plan but for what is free on the disk, which others use, too."""
    return re.sub(r"[\d.,]+ \w+ (are )?free", "", " ".join(plan.split()))
