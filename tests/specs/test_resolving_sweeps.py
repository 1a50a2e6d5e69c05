"""From a file, a budget and the command line to one sweep; who wins, and who is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.specs.errors import InputError, SweepError
from foldgrid.specs.folders import find_sweep, yaml_files
from foldgrid.specs.resolving import resolve_sweep

MODERN = """\
title: modern
backbones: [convnext_tiny]
training:
  optimizer: adamw
  layer_decay: 0.75
  schedule: cosine
  warmup: {epochs: 5}
  clip_gradients: 1.0
  ema_decay: 0.99
  drop_path: 0.1
"""


def test_the_probe_budget_leaves_out_what_a_solved_head_would_not_notice(tmp_path: Path) -> None:
    path = tmp_path / "modern.yaml"
    path.write_text(MODERN)
    probe = resolve_sweep(path, "probe").sweep.training
    plain = resolve_sweep(_written(tmp_path, MODERN.split("training")[0]), "probe").sweep.training
    changed = {"optimizer", "optimizer_settings", "schedule"}
    assert probe.model_dump(exclude=changed) == plain.model_dump(exclude=changed)
    # Shorter than its warm-up, which then is all there is.
    assert resolve_sweep(path, "smoke").sweep.training.warmup.epochs == 5


def _written(folder: Path, text: str) -> Path:
    path = folder / "plain.yaml"
    path.write_text(text)
    return path


TEXT = """\
title: Two networks
backbones: [resnet18, alexnet]
data:
  tile_pixels: 64
  manifest: from_file.csv
training:
  max_epochs: 100
  learning_rate: 0.01
  plateau: {patience: 7}
budgets:
  paper: {}
  smoke:
    data:
      tile_pixels: 16
      manifest: from_budget.csv
    training:
      max_epochs: 2
      plateau:
        factor: 0.5
    backbones: [resnet18]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two_networks.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def edit(file: Path, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    file.write_text(TEXT.replace(old, new), encoding="utf-8")


def test_a_budget_changes_what_it_names_and_nothing_else(file: Path) -> None:
    paper, smoke = (resolve_sweep(file, budget).sweep for budget in ("paper", "smoke"))
    assert (paper.budget, smoke.budget) == ("paper", "smoke")
    assert (paper.training.max_epochs, smoke.training.max_epochs) == (100, 2)
    assert (paper.data.tile_pixels, smoke.data.tile_pixels) == (64, 16)
    assert smoke.backbones == ("resnet18",)
    assert (smoke.training.plateau.patience, smoke.training.plateau.factor) == (7, 0.5)
    assert paper.training.plateau.factor == 0.1
    assert smoke.training.learning_rate == 0.01
    assert paper.budgets == smoke.budgets == {}
    assert smoke.title == "Two networks"


def test_a_budget_that_the_file_does_not_name_changes_nothing(file: Path) -> None:
    edit(file, "  paper: {}\n", "")
    assert resolve_sweep(file, "paper").sweep.training.max_epochs == 100


def test_the_name_is_the_file_s_where_it_does_not_say(file: Path) -> None:
    assert resolve_sweep(file, "paper").sweep.name == "two_networks"
    edit(file, "title: Two networks", "title: Two networks\nname: other")
    assert resolve_sweep(file, "paper").sweep.name == "other"


@pytest.mark.parametrize("chosen", ["smoke", "paper"])
def test_a_mistake_in_any_budget_is_found_at_its_own_line(file: Path, chosen: str) -> None:
    edit(file, "      max_epochs: 2\n", "      max_epochs: none\n")
    with pytest.raises(InputError) as caught:
        resolve_sweep(file, chosen)  # type: ignore[arg-type]
    assert str(caught.value).splitlines()[1].split("   ")[:2] == [
        "  line 17",
        "training.max_epochs",
    ]


def test_a_mistake_at_the_top_is_blamed_on_the_top(file: Path) -> None:
    edit(file, "  max_epochs: 100\n", "  max_epochs: 0\n")
    with pytest.raises(InputError, match=r"line 7   training\.max_epochs   found 0\."):
        resolve_sweep(file, "smoke")


def test_an_override_beats_the_budget_and_data_beats_both(file: Path) -> None:
    overrides = ["training.max_epochs=9", "data.manifest=from_set.csv"]
    assert str(resolve_sweep(file, "paper").sweep.data.manifest) == "from_file.csv"
    assert str(resolve_sweep(file, "smoke").sweep.data.manifest) == "from_budget.csv"
    set_only = resolve_sweep(file, "smoke", overrides).sweep
    assert set_only.training.max_epochs == 9
    assert str(set_only.data.manifest) == "from_set.csv"
    data = resolve_sweep(file, "smoke", overrides, Path("from_data.csv")).sweep.data
    assert str(data.manifest) == "from_data.csv"
    assert data.tile_pixels == 16


def test_of_two_overrides_the_later_wins(file: Path) -> None:
    assert resolve_sweep(file, "paper", ["seed=1", "seed=2"]).sweep.seed == 2


@pytest.mark.parametrize("key", ["training.lr", "training.learning_rate"])
def test_the_learning_rate_has_a_short_name(file: Path, key: str) -> None:
    assert resolve_sweep(file, "paper", [f"{key}=3e-4"]).sweep.training.learning_rate == 3e-4


def test_an_override_s_value_is_yaml(file: Path) -> None:
    overrides = [
        "backbones=[vgg11, vgg13]",
        "training.start_from_mean=true",
        "training.max_batches_per_epoch=null",
        "split={num_folds: 3, seed: 4}",
        "title=one = two",
        "tracking.project=2024-01-01",
        "tracking.entity=a: b: c",
    ]
    sweep = resolve_sweep(file, "paper", overrides).sweep
    assert sweep.backbones == ("vgg11", "vgg13")
    assert sweep.training.start_from_mean is True
    assert sweep.training.max_batches_per_epoch is None
    assert (sweep.split.num_folds, sweep.split.seed) == (3, 4)
    assert sweep.title == "one = two"
    # Neither a date nor broken YAML is more than its text.
    assert (sweep.tracking.project, sweep.tracking.entity) == ("2024-01-01", "a: b: c")


@pytest.mark.parametrize(
    ("override", "columns"),
    [
        ("training.lrr=1", ["--set", "training.lrr", "unknown key."]),
        ("trainig.lr=1", ["--set", "trainig", 'unknown key. Did you mean "training"']),
        ("training.plato.factor=1", ["--set", "training.plato", 'Did you mean "plateau"']),
        ("training.lr=fast", ["--set", "training.learning_rate", 'found "fast".']),
        ("training.lr=", ["--set", "training.learning_rate", "found null."]),
        ("seed.deep=1", ["--set", "seed", "Input should be a valid integer."]),
        ("split.test_fraction=0.9", ["--set", "split.test_fraction", "found 0.9."]),
    ],
)
def test_a_wrong_override_is_blamed_on_the_command_line(
    file: Path, override: str, columns: list[str]
) -> None:
    with pytest.raises(InputError) as caught:
        resolve_sweep(file, "paper", [override])
    (problem,) = caught.value.problems
    assert [problem.where, problem.what] == columns[:2]
    assert columns[2] in problem.message


@pytest.mark.parametrize("text", ["training.lr", "=3", " =3", ""])
def test_an_override_without_a_key_or_a_value_is_refused(file: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"^--set: 1 problem\n.*found no key=value\."):
        resolve_sweep(file, "paper", [text])


@pytest.mark.parametrize("override", ["budget=paper", "budgets.smoke.seed=3"])
def test_the_budget_is_not_chosen_by_an_override(file: Path, override: str) -> None:
    # It would change the name under which a fit is filed, and nothing that the fit does.
    with pytest.raises(InputError, match="--budget"):
        resolve_sweep(file, "smoke", [override])


def test_a_sweep_is_found_by_its_name_or_its_path(file: Path, tmp_path: Path) -> None:
    (tmp_path / "another.yaml").write_text("title: A\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    assert list(yaml_files(tmp_path)) == ["another", "two_networks"]
    assert find_sweep("two_networks", (tmp_path,)) == file
    assert find_sweep(str(file), (tmp_path / "elsewhere",)) == file


@pytest.mark.parametrize("name", ["two_netwroks", "two_netwroks.yaml", "notes.txt"])
def test_an_unknown_sweep_is_refused_with_the_nearest_names(
    file: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(SweepError) as caught:
        find_sweep(name, (tmp_path,))
    message = str(caught.value)
    assert message.startswith(f'No sweep "{name}" in {tmp_path}/. ')
    assert "two_networks" in message
    assert "foldgrid list" in message


def test_a_file_that_cannot_be_named_after_is_reported_so(file: Path) -> None:
    renamed = file.rename(file.with_name("two networks.yaml"))
    with pytest.raises(InputError, match=r'name   found "two networks"\.'):
        resolve_sweep(renamed, "paper")


@pytest.mark.parametrize("name", [".", "..", "a/b", "../b"])
def test_a_name_that_would_leave_the_run_folder_is_refused(file: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"--set   name   found"):
        resolve_sweep(file, "paper", [f"name={name}"])


def test_a_recipe_of_its_own_is_checked_as_the_sweep_s(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: t\nbackbones: [resnet18, vgg16]\nper_backbone:\n"
        "  vgg15: {learning_rate: 0.1}\n"
        "  vgg16: {momentum: 1.5, learnig_rate: 0.1, early_stopping.policy: held_out_fold}\n"
    )
    with pytest.raises(InputError) as caught:
        resolve_sweep(path, "paper")
    message = str(caught.value)
    assert "4 problems" in message
    assert "line 4   per_backbone.vgg15" in message
    assert 'Did you mean "vgg16"' in message
    assert 'Did you mean "learning_rate"' in message
    assert "line 5   per_backbone.vgg16.momentum" in message
    assert "per_backbone.vgg16.early_stopping.policy" in message, "alike in all that is compared"
