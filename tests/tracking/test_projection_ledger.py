"""Ids, the list of whole runs, and which folders may be removed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.tracking.runs import run_id_of
from foldgrid.tracking.wandb.ledger import ProjectionLedger


def test_an_ordinary_id_reads_as_it_is():
    assert run_id_of("all_backbones", "resnet34-fold0-0f1e2d3c4b") == (
        "all_backbones-resnet34-fold0-0f1e2d3c4b"
    )


@given(st.text(max_size=90), st.text(min_size=1, max_size=90))
def test_any_names_give_a_valid_id_and_always_the_same(sweep, name):
    run_id = run_id_of(sweep, name)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run_id)
    assert run_id == run_id_of(sweep, name)


@pytest.mark.parametrize(
    "one, other", [(("a.b", "x"), ("a-b", "x")), (("s" * 70, "x"), ("s" * 70, "y"))]
)
def test_names_that_must_be_changed_stay_apart(one, other):
    assert run_id_of(*one) != run_id_of(*other)


def test_the_list_outlives_the_process(tmp_path):
    ledger = ProjectionLedger(tmp_path)
    ledger.add("a", name="fit a", mode="offline", folder="offline-run-1")
    ledger.add("b", name="fit b", mode="online", folder="run-2")
    ledger.forget("b")
    again = ProjectionLedger(tmp_path)
    assert "a" in again
    assert "b" not in again
    assert [path.name for path in tmp_path.iterdir()] == ["projected.json"]


@pytest.mark.parametrize("content", ["", "[]", '{"format": 99, "runs": {"a": {}}}', "null"])
def test_a_list_that_cannot_be_read_is_an_empty_one(tmp_path, content):
    (tmp_path / "projected.json").write_text(content)
    assert "a" not in ProjectionLedger(tmp_path)


def test_a_summary_is_about_the_runs_that_were_complete_when_it_was_written(tmp_path):
    ledger = ProjectionLedger(tmp_path)
    ledger.add("a", name="a", mode="online", folder="")
    before = ledger.others("summary")
    ledger.add("summary", name="summary", mode="online", folder="", about=before)
    again = ProjectionLedger(tmp_path)
    assert again.is_about("summary", again.others("summary"))
    again.add("b", name="b", mode="offline", folder="f")
    assert not again.is_about("summary", again.others("summary"))
    assert [again.is_online(name) for name in ("a", "b", "c")] == [True, False, False]


def test_only_folders_of_the_id_are_removed(tmp_path):
    ours = [
        "offline-run-20260102_030405-mini-fit",
        "offline-run-20260102_030405-mini-fit-1",
        "run-20260102_030405-mini-fit",
    ]
    others = [
        "offline-run-20260102_030405-mini-fit2",
        "offline-run-20260102_030405-other-mini-fit",
        "offline-run-mini-fit",
        "latest-run",
    ]
    for name in [*ours, *others]:
        (tmp_path / name / "files").mkdir(parents=True)
    ProjectionLedger(tmp_path).discard_folders("mini-fit")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
