"""Trackers come by name: nothing but the two faces knows which there are."""

import re
from pathlib import Path

import pytest

import foldgrid
from foldgrid.specs.errors import SweepError
from foldgrid.tracking import TRACKERS

PRODUCT = Path(foldgrid.__file__).parent
PROJECT = PRODUCT.parents[1]
NAMED = re.compile(r"wandb|W&B|Weights & Biases|tensorboard", re.IGNORECASE)
AT_HOME = (
    "foldgrid/tracking/wandb/",
    "foldgrid/tracking/tensorboard.py",
    "foldgrid/cli/",
    "foldgrid/api.py",
)


def lines_that_name_a_tracker():
    for root in (PRODUCT, PROJECT / "analysis"):
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root.parent).as_posix()
            if path.suffix in {".py", ".yaml", ".html"} and not name.startswith(AT_HOME):
                text = path.read_text(encoding="utf-8")
                yield from ((name, line) for line in text.splitlines() if NAMED.search(line))


def test_nothing_but_its_own_room_and_the_faces_names_a_tracker():
    room = "foldgrid/tracking/__init__.py"
    found = set(lines_that_name_a_tracker())
    example = {line for name, line in found if name == "foldgrid/tracking/tracker.py"}
    assert {line.strip() for line in example} == {
        '>>> TRACKERS.named("tensorboard").title',
        "'TensorBoard'",
    }
    assert {(name, line) for name, line in found if name != "foldgrid/tracking/tracker.py"} == {
        (room, "from foldgrid.tracking import tensorboard as tensorboard"),
        (room, "from foldgrid.tracking import wandb as wandb"),
    }


def test_ours_are_these():
    assert list(TRACKERS)[:3] == ["none", "tensorboard", "wandb"]
    assert TRACKERS.group == "foldgrid.trackers"


def test_one_that_goes_one_way_refuses_another():
    with pytest.raises(SweepError, match="It goes one way only"):
        TRACKERS.named("tensorboard").asked("online")


def test_a_tracker_whose_library_is_missing_says_what_to_install(monkeypatch):
    from foldgrid.tracking import tensorboard

    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    with pytest.raises(SweepError, match="pip install tensorboardx"):
        TRACKERS.named("tensorboard").asked("")
