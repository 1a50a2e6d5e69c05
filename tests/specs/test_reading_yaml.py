"""YAML in: every mistake found, with its line, its key and the nearest valid name."""

from __future__ import annotations

from pathlib import Path

import pytest

from foldgrid.specs.errors import InputError
from foldgrid.specs.reading import Document, read_document, validate
from foldgrid.specs.sweep import Sweep

GOOD = """\
title: A sweep
backbones:
  - resnet18
  - alexnet
training:
  learning_rate: 1e-5
  plateau:
    patience: 3
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path) -> str:
    """What is said about a file that cannot be a sweep."""
    with pytest.raises(InputError) as caught:
        validate(Sweep, read_document(path))
    return str(caught.value)


def refused(folder: Path, text: str) -> list[list[str]]:
    """The problems found in ``text``, each as its columns."""
    first, *others = refusal(write(folder, text)).splitlines()
    assert first.startswith(f"{folder / 'mine.yaml'}: ")
    # Columns are aligned with at least three spaces; where a column is padded, with more.
    return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in others]


def test_a_good_file_becomes_a_sweep(tmp_path: Path) -> None:
    sweep = validate(Sweep, read_document(write(tmp_path, GOOD)))
    assert sweep.backbones == ("resnet18", "alexnet")
    assert sweep.training.learning_rate == 1e-5
    assert sweep.training.plateau.patience == 3
    assert sweep.training.plateau.factor == 0.1


def test_a_number_without_a_point_or_with_an_exponent_is_a_number(tmp_path: Path) -> None:
    values = read_document(write(tmp_path, "a: 1e-5\nb: 1E5\nc: 3\nd: -.5\ne: '1e-5'\n")).values
    assert values == {"a": 1e-5, "b": 1e5, "c": 3, "d": -0.5, "e": "1e-5"}
    assert [type(value) for value in values.values()] == [float, float, int, float, str]


def test_yes_and_no_are_words(tmp_path: Path) -> None:
    values = read_document(write(tmp_path, "a: yes\nb: no\nc: true\nd: &anchor true\n")).values
    assert values == {"a": "yes", "b": "no", "c": True, "d": True}
    assert type(values["d"]) is bool


def test_every_key_and_item_knows_its_line(tmp_path: Path) -> None:
    text = "# a comment\n\n" + GOOD + "split: {num_folds: 3,\n  seed: 1}\n"
    document = read_document(write(tmp_path, text))
    assert document.lines == {
        ("title",): 3,
        ("backbones",): 4,
        ("backbones", 0): 5,
        ("backbones", 1): 6,
        ("training",): 7,
        ("training", "learning_rate"): 8,
        ("training", "plateau"): 9,
        ("training", "plateau", "patience"): 10,
        ("split",): 11,
        ("split", "num_folds"): 11,
        ("split", "seed"): 12,
    }


def test_a_place_that_was_not_written_is_its_nearest_parent_s() -> None:
    document = Document("mine.yaml", {}, {("training",): 7, ("seed",): "--set"})
    assert document.where(("training", "plateau", "patience")) == "line 7"
    assert document.where(("seed",)) == "--set"
    assert document.where(("title",)) == ""


def test_aliases_and_merged_mappings_are_resolved(tmp_path: Path) -> None:
    text = (
        "title: A sweep\nbackbones: [resnet18]\nbudgets:\n"
        "  smoke: &short\n    seed: 1\n    keep: none\n"
        "  paper:\n    <<: *short\n    seed: 2\n"
    )
    document = read_document(write(tmp_path, text))
    assert document.values["budgets"]["paper"] == {"seed": 2, "keep": "none"}
    assert document.lines["budgets", "paper", "seed"] == 9
    assert validate(Sweep, document).budgets["smoke"] == {"seed": 1, "keep": "none"}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert refusal(path) == f"{path}: 1 problem\n  file   not found."


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def test_bytes_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("title: Bäume\n".encode("latin-1"))
    message = refusal(path)
    assert message.startswith(f"{path}: 1 problem\n  file   cannot be read: ")
    assert "utf-8" in message


def test_a_key_given_twice_is_refused_with_its_second_line(tmp_path: Path) -> None:
    text = GOOD + "  learning_rate: 0.1\n"
    assert refused(tmp_path, text) == [
        ["line 9", "learning_rate", "given twice. Keep one of the two lines."]
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: [1, 2\nseed: 1\n", 2),
        ("title: a\n\tseed: 1\n", 2),
        ("title: a: b\n", 1),
        ("title: A\n---\ntitle: B\n", 2),
        ("title: *nobody\n", 1),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    ((where, message),) = refused(tmp_path, text)
    assert where == f"line {line}"
    assert message.startswith("not valid YAML: ")


def test_a_character_that_yaml_forbids_is_refused(tmp_path: Path) -> None:
    ((_, message),) = refused(tmp_path, "title: a\nseed: \x00\n")
    assert message.startswith("not valid YAML: ")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just words\n", "42\n"])
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == [
        ["line 1", "found no mapping. A file of `key: value` lines is needed."]
    ]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            "bacbones: [resnet18]",
            ["line 9", "bacbones", 'unknown key. Did you mean "backbones" or "per_backbone"?'],
        ),
        (
            "split:\n  folds: 3",
            ["line 10", "split.folds", 'unknown key. Did you mean "num_folds"?'],
        ),
        (
            "split:\n  xyzzy: 3",
            [
                "line 10",
                "split.xyzzy",
                "unknown key. Known: fold_method, num_folds, num_seeds, search_fraction, seed, ",
            ],
        ),
        (
            "weights: imagenet",
            [
                "line 9",
                "weights",
                "found \"imagenet\". Input should be 'required', 'fetch', 'present', 'auto' or "
                "'none'. Known: auto, fetch, none, present, required.",
            ],
        ),
        (
            "weights: requird",
            [
                "line 9",
                "weights",
                "found \"requird\". Input should be 'required', 'fetch', 'present', 'auto' or "
                "'none'. Did you mean \"required\"?",
            ],
        ),
        ("seed: -1", ["line 9", "seed", "found -1. Input should be greater than or equal to 0."]),
        ('seed: "1"', ["line 9", "seed", 'found "1". Input should be a valid integer.']),
        ("seed: 1.5", ["line 9", "seed", "found 1.5."]),
        ("seed:", ["line 9", "seed", "found null. Input should be a valid integer."]),
        ("seed: true", ["line 9", "seed", "found true. Input should be a valid integer."]),
        ("keep: 1", ["line 9", "keep", "found 1. Input should be 'best' or 'none'."]),
        ("task: pasi", ["line 9", "task", 'found "pasi".']),
        ("budgets:\n  tiny: {}", ["line 10", "budgets.tiny", 'found "tiny". Input should be']),
        (
            "resources:\n  gpus_per_fit: 1.5",
            [
                "line 10",
                "resources.gpus_per_fit",
                "found 1.5. a fraction between 0 and 1, or a whole number of GPUs.",
            ],
        ),
        ("resources:\n  gpus_per_fit: many", ["line 10", "resources.gpus_per_fit", 'found "many"']),
        ("split:\n  test_fraction: .nan", ["line 10", "split.test_fraction", "found NaN."]),
        ("data:\n  manifest: 3", ["line 10", "data.manifest", "found 3."]),
        (
            "data:\n  synthetic:\n    num_subjects: 10",
            ["line 10", "data.synthetic", "num_visits: found 338. 10 subjects with 5 or 6 visits"],
        ),
    ],
)
def test_a_wrong_key_or_value_is_refused(tmp_path: Path, lines: str, problem: list[str]) -> None:
    (found,) = refused(tmp_path, GOOD + lines + "\n")
    where, what, message = found
    assert [where, what] == problem[:2]
    assert problem[2] in message


def test_items_of_lists_are_refused_at_their_own_line(tmp_path: Path) -> None:
    ((where, what, message),) = refused(tmp_path, GOOD.replace("alexnet", "18"))
    assert (where, what) == ("line 4", "backbones.1")
    assert message == "found 18. Input should be a valid string."


def test_a_backbone_given_twice_is_refused(tmp_path: Path) -> None:
    ((where, what, message),) = refused(tmp_path, GOOD.replace("alexnet", "resnet18"))
    assert (where, what) == ("line 2", "backbones")
    assert message.endswith("resnet18 given twice; each backbone once.")


def test_what_has_no_default_is_asked_for(tmp_path: Path) -> None:
    assert refused(tmp_path, "seed: 3\n") == [
        ["file", "title", "missing. It has no default."],
        ["file", "backbones", "missing. It has no default."],
    ]


def test_all_mistakes_of_a_file_come_in_one_message(tmp_path: Path) -> None:
    text = GOOD.replace("patience: 3", "patince: 3") + "seed: x\nweights: atuo\nsplit:\n  seed: 0\n"
    places = {problem[1]: problem[0] for problem in refused(tmp_path, text)}
    assert places == {
        "training.plateau.patince": "line 8",
        "seed": "line 9",
        "weights": "line 10",
    }


def test_a_union_is_complained_about_once(tmp_path: Path) -> None:
    text = GOOD + "resources:\n  gpus_per_fit: []\n"
    assert len(refused(tmp_path, text)) == 1
