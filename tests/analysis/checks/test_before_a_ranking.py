"""What a ranking waits for: each fit read once, and no test of the meta-learners."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from foldgrid.analysis.checks.catalogue import CATALOGUE, check_and_save, stored_or_checked
from foldgrid.analysis.checks.report import load_current
from foldgrid.analysis.ranking.build import evaluate_and_rank, rank_sweep
from foldgrid.analysis.report.build import make_report
from foldgrid.analysis.stacking import nested
from foldgrid.records import RunStore

TRIED = {"FG402", "FG403"}
"""The checks that put the meta-learners to the test."""


def small(make_run: Any) -> Any:
    return make_run(backbones=("resnet18", "vgg11"), num_folds=2, num_subjects=6)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """How often each fit's record and predictions were parsed."""
    counted: Counter[tuple[str, str]] = Counter()
    for name in ("read_fit", "read_predictions"):
        plain = getattr(RunStore, name)

        def count(store: RunStore, fit_id: str, name: str = name, plain: Any = plain) -> Any:
            counted[name, fit_id] += 1
            return plain(store, fit_id)

        monkeypatch.setattr(RunStore, name, count)
    return counted


@pytest.mark.parametrize("use", [evaluate_and_rank, make_report])
def test_each_fit_is_read_once(make_run: Any, reads: Counter[tuple[str, str]], use: Any) -> None:
    use(small(make_run).write())
    assert len(reads) == 8
    assert set(reads.values()) == {1}


def test_a_ranking_tries_no_meta_learner_and_says_nothing_of_it(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = small(make_run).write()
    monkeypatch.setattr(nested, "stack", None)
    [note] = [each for each in rank_sweep(store).notes if each.topic == "checks"]
    assert note.text.startswith("22 checks: 18 passed, 4 not applicable.")
    stored = load_current(store)
    assert stored is not None
    assert {each.code for each in stored.results} == {each.code for each in CATALOGUE} - TRIED
    monkeypatch.undo()
    complete = stored_or_checked(store)
    assert {each.code for each in complete.results} == {each.code for each in CATALOGUE}


def test_what_was_checked_stays_known_after_a_ranking(make_run: Any) -> None:
    store = small(make_run).write()
    checked = check_and_save(store)
    rank_sweep(store)
    assert load_current(store) == checked


def test_a_report_tries_them_and_warns_first_where_one_looked(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = nested.stack

    def know_the_truth(table: Any, *_: Any) -> Any:
        oof, test = plain(table)
        return oof.assign(mean=table.train_samples["reference"]), test

    monkeypatch.setattr(nested, "stack", know_the_truth)
    page = make_report(small(make_run).write()).html
    warnings = page.partition("Read this first</h3>")[2].partition("</aside>")[0]
    assert "FG402" in warnings
    assert "24 checks: 1 failed" in page
