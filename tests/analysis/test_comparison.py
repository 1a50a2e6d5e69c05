"""Sweeps side by side: what is refused, what is compared, what is told."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foldgrid.analysis.comparison.build import compare_sweeps
from foldgrid.analysis.comparison.comparison import Comparison, Difference
from foldgrid.analysis.comparison.formats import TEXT_FORMATS, comparison_table
from foldgrid.analysis.evaluation import evaluate, unit_predictions
from foldgrid.cli.main import main
from foldgrid.metrics import METRICS
from foldgrid.records import RunStore
from foldgrid.specs.errors import SweepError
from foldgrid.specs.recipe_parts import EarlyStopping
from foldgrid.tasks.pasi.spec import PasiSpec

Maker = Callable[..., Any]


@pytest.fixture
def sweep(make_run: Any, tmp_path: Path) -> Maker:
    """Makes the run ``name`` of two small backbones; ``changed`` are keys of every fit's config."""

    def make(name: str, changed: dict[str, Any] | None = None, **settings: Any) -> Any:
        fake = make_run(**{"backbones": ("resnet18", "vgg11"), "num_folds": 2, **settings})
        fake.folder = tmp_path / name
        plain = fake.config
        fake.config = lambda *cell: plain(*cell).model_copy(update=changed or {})
        return fake

    return make


def recipe(fake: Any, **changes: Any) -> dict[str, Any]:
    return {"training": fake.config("resnet18", 0).training.model_copy(update=changes)}


def topics(comparison: Comparison) -> dict[str, str]:
    return {note.topic: note.text for note in comparison.notes}


def test_a_sweep_compared_with_itself_shows_no_difference(sweep: Maker) -> None:
    comparison = compare_sweeps([sweep("a").write(), sweep("b").write()])
    assert [row.model for row in comparison.rows] == ["resnet18", "vgg11"]
    for row in comparison.rows:
        assert row.oof[0] == row.oof[1]
        assert row.minus_reference == (None, Difference(value=0.0, low=0.0, high=0.0))
        assert comparison.reading(row.minus_reference[1], "B") == "identical"
    assert comparison.settings == ()
    assert "The same settings" in topics(comparison)["cause"]


def test_another_recipe_is_compared_and_named(sweep: Maker) -> None:
    changed = recipe(sweep("a"), learning_rate=0.002)
    stores = [sweep("a", noise=1.2).write(), sweep("b", changed, noise=0.2).write()]
    comparison = compare_sweeps(stores)
    assert [(each.key, each.values) for each in comparison.settings] == [
        ("training.learning_rate", ("0.01", "0.002"))
    ]
    assert "One setting differs, training.learning_rate" in topics(comparison)["cause"]
    for row in comparison.rows:
        difference = row.minus_reference[1]
        assert difference is not None
        assert difference.value is not None
        assert difference.value < 0
        assert comparison.reading(difference, "B") == "B better"
    by_ccc = compare_sweeps(stores, "ccc")
    difference = by_ccc.rows[0].minus_reference[1]
    assert difference is not None
    assert by_ccc.reading(difference, "B") == "B better"
    turned = compare_sweeps(stores[::-1])
    assert turned.reading(turned.rows[0].minus_reference[1] or Difference(), "B") == "A better"


def test_the_metrics_are_those_of_the_visits(sweep: Maker) -> None:
    stores = [sweep("a").write(), sweep("b", noise=0.9).write()]
    comparison = compare_sweeps(stores, "pcc")
    for row in comparison.rows:
        metric_values = []
        for place, store in enumerate(stores):
            visits = unit_predictions(evaluate(store), row.model).query("partition == 'oof'")
            pairs = visits["physician_pasi"], visits["predicted_pasi"]
            expected = {name: METRICS[name](*pairs) for name in ("mae", "mse", "pcc", "ccc")}
            assert row.oof[place] == pytest.approx(expected)
            metric_values.append(expected["pcc"])
        assert row.minus_reference[1] is not None
        assert row.minus_reference[1].value == pytest.approx(metric_values[1] - metric_values[0])
    best = comparison.runs[0].best
    assert best.oof["pcc"] is not None
    assert best.oof["pcc"] >= max((row.oof[0] or {})["pcc"] or -1 for row in comparison.rows)


def other_data(make: Maker) -> Any:
    return make("b", {"data_fingerprint": "5" * 10}, sweep={"data": {"tile_pixels": 64}})


def other_split(make: Maker) -> Any:
    return make("b", {"split_fingerprint": "91bc0755"}, sweep={"split": {"seed": 3}})


def other_task(make: Maker) -> Any:
    return make("b", {"task": PasiSpec(output="composite")}, output="composite")


def other_scores(make: Maker) -> Any:
    return make("b", seed=1)


def other_visits(make: Maker) -> Any:
    return make("b", {"split_fingerprint": make("a").split_fingerprint}, num_visits=2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_data, ["not trained on the same data", "data 555555", "data.tile_pixels: not set"]),
        (other_split, ["not held out on the same split", "split 91bc07", "split.seed"]),
        (other_task, ["do not predict the same thing", "output composite", "output scores"]),
        (other_scores, ["another truth although the fingerprints agree"]),
        (other_visits, ["other visits although the fingerprints agree", "20 visits"]),
    ],
)
def test_what_cannot_be_compared_is_refused(
    sweep: Maker, capsys: pytest.CaptureFixture[str], change: Callable[[Maker], Any], words: Any
) -> None:
    first, second = sweep("a"), change(sweep)
    first.write(), second.write()
    assert main(["compare", str(first.folder), str(second.folder)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"Cannot compare {second.folder} with {first.folder}: ")
    assert f"  {first.folder}   4 fits, 30 visits of 10 subjects" in output.err
    assert "rank each by itself: foldgrid rank" in output.err
    assert [word for word in words if word not in output.err] == [], output.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{a}"], "1 run folder given"),
        ([], "0 run folders given"),
        (["{a}", "{a}/nowhere"], "not a run folder"),
        (["{a}", "{a}", "--by", "mea"], '"mae"'),
        (["{a}", "{a}", "--format", "jsn"], 'Did you mean "json"?'),
    ],
)
def test_every_mistake_is_answered(
    sweep: Maker, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    fake = sweep("a")
    fake.write()
    assert main(["compare", *(each.format(a=fake.folder) for each in arguments)]) == 2
    output = capsys.readouterr()
    assert (output.out, words in output.err) == ("", True), output.err


def test_half_finished_sweeps_are_compared_where_both_are_complete(sweep: Maker) -> None:
    first = sweep("a", backbones=("resnet18", "vgg11", "alexnet"))
    second = sweep("b", backbones=("resnet18", "vgg11", "alexnet"))
    first.unfinished.add(("vgg11", 1))
    second.diverged.add(("alexnet", 0))
    comparison = compare_sweeps([first.write(), second.write()])
    assert [row.model for row in comparison.rows] == ["resnet18"]
    assert [(run.complete, run.planned) for run in comparison.runs] == [(2, 3), (2, 3)]
    reported = [note.text for note in comparison.notes if note.topic == "left out"]
    assert "A: 1 base learner (vgg11) not complete." in reported
    assert "B: 1 base learner (alexnet) not complete." in reported
    assert "A: 1 base learner (alexnet) without a counterpart." in reported


def test_sweeps_without_a_common_base_learner_still_show_the_best_of_each(sweep: Maker) -> None:
    stores = [
        sweep("a", backbones=("resnet18",)).write(),
        sweep("b", backbones=("vgg11",)).write(),
    ]
    comparison = compare_sweeps(stores)
    assert comparison.rows == ()
    assert [run.best.model for run in comparison.runs] == ["resnet18", "vgg11"]
    assert comparison.runs[1].minus_reference is not None
    assert any("No base learner is complete" in note.text for note in comparison.notes)


def test_nothing_complete_is_reported_with_the_command_that_trains(sweep: Maker) -> None:
    first, second = sweep("a"), sweep("b")
    second.unfinished |= set(second.predictions)
    with pytest.raises(SweepError, match=r"foldgrid launch b"):
        compare_sweeps([first.write(), second.write()])


def test_unlike_stopping_budget_and_weights_are_warned_of(sweep: Maker) -> None:
    changed = recipe(sweep("a"), max_epochs=9, early_stopping=EarlyStopping(policy="held_out_fold"))
    weights = {"resnet18": "random", "vgg11": "random"}
    second = sweep("b", changed, weights=weights)
    comparison = compare_sweeps([sweep("a").write(), second.write()])
    warned = {note.topic: note.text for note in comparison.notes if note.is_warning}
    assert list(warned) == ["stopping", "budget", "weights"]
    assert warned["stopping"].startswith("B stopped")
    assert "favours them" in warned["stopping"]
    assert "A paper, at most 500 epochs; B paper, at most 9 epochs" in warned["budget"]
    assert {each.key: each.values for each in comparison.settings} == {
        "training.max_epochs": ("500", "9"),
        "training.early_stopping.policy": ("inner_split", "held_out_fold"),
        "weights": ("IMAGENET1K_V1", "random"),
    }
    assert [note.is_warning for note in comparison.notes] == sorted(
        (note.is_warning for note in comparison.notes), reverse=True
    )


def test_only_another_seed_is_the_noise_of_training(sweep: Maker) -> None:
    comparison = compare_sweeps([sweep("a").write(), sweep("b", {"seed": 5}).write()])
    assert topics(comparison)["cause"].startswith("Only the seed differs")


def test_versions_that_differ_are_listed_but_no_cause(sweep: Maker) -> None:
    stores = [sweep("a").write(), sweep("b").write()]
    for store, torch in zip(stores, ("2.11.0", "2.15.0"), strict=True):
        store.write_provenance({"versions": {"torch": torch}, "git": {"commit": "c" * 40}})
    comparison = compare_sweeps(stores)
    assert [(each.key, each.values) for each in comparison.settings] == [
        ("versions.torch", ("2.11.0", "2.15.0"))
    ]
    assert "The same settings" in topics(comparison)["cause"]


@pytest.fixture
def three(sweep: Maker) -> list[RunStore]:
    return [
        sweep("a", backbones=("resnet18", "vgg11")).write(),
        sweep("b", noise=0.9).write(),
        sweep("c", backbones=("vgg11",), noise=0.1).write(),
    ]


def test_every_format_tells_the_same(
    three: list[RunStore], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    locations = [store.location for store in three]
    printed = {}
    for form in ("terminal", *TEXT_FORMATS):
        assert main(["compare", *locations, "--format", form]) == 0
        printed[form] = capsys.readouterr().out
    comparison = Comparison.model_validate_json(printed["json"])
    assert comparison == compare_sweeps(three)
    rows = list(csv.DictReader(io.StringIO(printed["csv"])))
    table = comparison_table(comparison)
    assert [(row["model"], row["second"]) for row in rows] == [
        ("resnet18", locations[1]), ("vgg11", locations[1]), ("vgg11", locations[2]),
    ]  # fmt: skip
    assert [float(row["difference"]) for row in rows] == [row["difference"] for row in table]
    for row in table:
        assert f"{row['difference']:+.2f}" in printed["terminal"]
        assert f"| {row['difference']:+.2f} |" in printed["md"]
    assert max(map(len, printed["terminal"].splitlines())) <= max(80, 40 + len(locations[0]))
    assert "Best of each: A " in printed["terminal"]
    assert "Best of each: A " in printed["md"]


def test_a_run_without_the_base_learner_has_an_empty_place(three: list[RunStore]) -> None:
    row = next(row for row in compare_sweeps(three).rows if row.model == "resnet18")
    assert (row.oof[2], row.minus_reference[2]) == (None, None)


def test_the_first_run_is_never_written_to(sweep: Maker) -> None:
    first, second = sweep("a"), sweep("b")
    first.write(), second.write()
    before = sorted(path for path in first.folder.rglob("*"))
    assert main(["compare", str(first.folder), str(second.folder)]) == 0
    assert sorted(path for path in first.folder.rglob("*")) == before


def test_a_tie_goes_to_the_base_learner(sweep: Maker) -> None:
    """The best single learner, chosen anew, is often the best learner itself."""
    fake = sweep("a")
    for fold in range(2):
        table = fake.predictions["resnet18", fold]
        for name in fake.targets:
            table[f"predicted_{name}"] = table[name].astype(np.float32)
    comparison = compare_sweeps([fake.write(), sweep("b").write()])
    assert comparison.runs[0].best.model == "resnet18"
    assert comparison.runs[0].best.oof["mae"] == pytest.approx(0, abs=1e-9)


@pytest.fixture
def learners(sweep: Maker) -> Any:
    """A run of two backbones, one with a learner by another recipe and an ablation."""
    names = ("resnet18", "resnet18+own", "resnet18@momentum=0.5", "vgg11")
    fake = sweep("a", backbones=names)
    plain = fake.config

    def config(backbone: str, fold: int) -> Any:
        changed = {"resnet18+own": {"learning_rate": 0.002, "layer_decay": 0.8}}
        recipe = plain(backbone, fold).training.model_copy(update=changed.get(backbone, {}))
        return plain(backbone, fold).model_copy(update={"training": recipe})

    fake.config = config
    return fake


def test_a_run_alone_is_compared_with_its_own_learners(learners: Any, sweep: Maker) -> None:
    store = learners.write()
    comparison = compare_sweeps([store])
    assert [run.learners for run in comparison.runs] == ["", "+own", "@momentum=0.5"]
    assert [(run.complete, run.planned) for run in comparison.runs] == [(2, 2), (1, 1), (1, 1)]
    [row] = comparison.rows
    assert row.model == "resnet18"
    values = dict(_values(store))
    assert [oof and oof["mae"] for oof in row.oof] == [
        values["resnet18"],
        values["resnet18+own"],
        values["resnet18@momentum=0.5"],
    ]
    own = row.minus_reference[1]
    assert own is not None
    assert own.value == pytest.approx(values["resnet18+own"] - values["resnet18"])
    assert own.low is not None
    assert [(each.key, each.values) for each in comparison.settings] == [
        ("training.learning_rate", ("0.01", "0.002", "0.01")),
        ("training.layer_decay", ("1", "0.8", "1")),
    ]
    assert "1 base learner (vgg11) without a counterpart" in topics(comparison)["left out"]
    for name, render in TEXT_FORMATS.items():
        text = render(comparison)
        assert f"{store.location} +own" in text or name == "json"
    assert Comparison.model_validate_json(TEXT_FORMATS["json"](comparison)) == comparison
    # As if the learner were a run of its own.
    apart = sweep("b", backbones=("resnet18",))
    apart.predictions = {
        ("resnet18", fold): learners.predictions["resnet18+own", fold] for fold in range(2)
    }
    [other] = compare_sweeps([store, apart.write()]).rows
    assert other.minus_reference[1] == own


def _values(store: RunStore) -> list[tuple[str, float]]:
    evaluation = evaluate(store)
    oof = evaluation.oof
    return [
        (name, METRICS["mae"](oof.reference, oof.predicted_by(name)))
        for name in evaluation.table.complete_learners
    ]


def test_a_setting_of_one_learner_of_two_is_named(sweep: Maker) -> None:
    first, second = sweep("a"), sweep("b")
    plain = second.config
    rates = {"resnet18": 0.01, "vgg11": 0.003}
    second.config = lambda backbone, fold: plain(backbone, fold).model_copy(
        update={
            "training": plain(backbone, fold).training.model_copy(
                update={"learning_rate": rates[backbone]}
            )
        }
    )
    comparison = compare_sweeps([first.write(), second.write()])
    assert [(each.key, each.values) for each in comparison.settings] == [
        ("training.learning_rate", ("0.01", "0.003, 0.01"))
    ]
