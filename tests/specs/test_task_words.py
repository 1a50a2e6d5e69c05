"""The words of a task: read by the task's name, each mistake with its line and its key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from foldgrid.specs.errors import InputError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.json_schema import schema_of
from foldgrid.specs.reading import read_document, validate
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS, AnyTask, TaskSpec
from foldgrid.tasks.classification.ordinal import OrdinalSpec
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.regression.spec import RegressionSpec

HEAD = "title: A sweep\nbackbones: [resnet18]\n"
ANY_TASK: TypeAdapter[TaskSpec] = TypeAdapter(AnyTask)
EXAMPLES: dict[str, TaskSpec] = {
    "pasi": PasiSpec(output="composite"),
    "classification": ClassificationSpec(classes={"normal": ("normal",), "SSc": ("early", "late")}),
    "binary": BinarySpec(positive=("referable",), sensitivity=0.9),
    "tree": HierarchySpec(
        levels={"two": 1}, hierarchy={"benign": ["naevus"], "malignant": ["nodular"]}
    ),
    "regression": RegressionSpec(unit="months", loss="mae"),
    "ordinal": OrdinalSpec(classes={"mild": ("1", "2"), "severe": ("3",)}),
}


def read(folder: Path, text: str) -> TaskSpec:
    path = folder / "mine.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return validate(Sweep, read_document(path)).task


def refusal(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(folder, text)
    return [" ".join(line.split()) for line in str(caught.value).splitlines()[1:]]


def test_a_sweep_without_a_word_of_it_predicts_pasi(tmp_path: Path) -> None:
    assert read(tmp_path, "") == read(tmp_path, "task: {}\n") == PasiSpec()
    assert read(tmp_path, "task: {output: composite}\n") == PasiSpec(output="composite")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("{name: classification}", ClassificationSpec()),
        (
            "{name: classification, classes: [b, a]}",
            ClassificationSpec(classes={"b": ("b",), "a": ("a",)}),
        ),
        (
            "{name: classification, classes: {normal: normal, SSc: [early, late]}}",
            ClassificationSpec(classes={"normal": ("normal",), "SSc": ("early", "late")}),
        ),
        (
            "{name: classification, classes: [0, 1]}",
            ClassificationSpec(classes={"0": ("0",), "1": ("1",)}),
        ),
        ("{name: binary, positive: [a]}", BinarySpec(positive=("a",))),
        (
            "{name: tree, levels: {two: 1, nine: 2}, ranking_level: nine}",
            HierarchySpec(levels={"two": 1, "nine": 2}, ranking_level="nine"),
        ),
    ],
)
def test_words_by_the_task_s_name(tmp_path: Path, text: str, spec: TaskSpec) -> None:
    found = read(tmp_path, f"task: {text}\n")
    assert type(found) is type(spec)
    assert found == spec
    assert list(getattr(found, "classes", ())) == list(getattr(spec, "classes", ()))


def test_the_first_level_is_evaluated_unless_another_is_named() -> None:
    assert HierarchySpec(levels={"two": 1, "nine": 2}).ranked_level == "two"
    assert HierarchySpec(levels={"two": 1, "nine": 2}, ranking_level="nine").ranked_level == "nine"


MISTAKES = {
    "name: clasification": [
        'line 4 task.name found "clasification". no task is called "clasification". '
        'Did you mean "classification"?'
    ],
    "name: 7": [
        'line 4 task.name found 7. no task is called "7". '
        "Known: binary, classification, ordinal, pasi, regression, tree."
    ],
    "name: [tree]": ['line 4 task.name found ["tree"]. no task is called "[\'tree\']".'],
    "output: composit": [
        "line 4 task.output found \"composit\". Input should be 'scores' or 'composite'."
    ],
    "name: classification\n  clases: [a, b]": [
        'line 5 task.clases unknown key. Did you mean "classes"?'
    ],
    "name: pasi\n  classes: [a, b]": ["line 5 task.classes unknown key. Known: name, output."],
    "name: classification\n  classes: [a]": [
        'line 5 task.classes found ["a"]. one class only; give two or more, or none to take all'
    ],
    "name: classification\n  classes: [a, b, a]": ["line 5 task.classes found", "a more than once"],
    "name: classification\n  classes:\n    a: [x, y]\n    b: [x]": [
        "line 5 task.classes found",
        "x in two classes; each label in one.",
    ],
    "name: classification\n  classes:\n    a: []\n    b: [x]": ["line 6 task.classes.a found []."],
    "name: classification\n  classes:\n    a: x\n    b: {c: d}": ["line 7 task.classes.b found"],
    "name: binary": ["line 3 task.positive missing. It has no default."],
    "name: binary\n  positive: []": ["line 5 task.positive found []."],
    "name: binary\n  positive: [a]\n  sensitivity: 1.5": [
        "line 6 task.sensitivity found 1.5. Input should be less than 1."
    ],
    "name: binary\n  positive: [a]\n  specificity: 0": [
        "line 6 task.specificity found 0. Input should be greater than 0."
    ],
    "name: regression\n  lowest: 5\n  highest: 5": ["line 3 task found", "The lowest is below"],
    "name: regression\n  loss: msle": ['line 5 task.loss found "msle".'],
    "name: regression\n  step: 0": ["line 5 task.step found 0."],
    "name: tree": ["line 3 task.levels missing. It has no default."],
    "name: tree\n  levels: {}": ["line 5 task.levels found {}."],
    "name: tree\n  levels:\n    two: 0": ["line 6 task.levels.two found 0."],
    "name: tree\n  ranking_level: tow\n  levels: {two: 1}": [
        'line 5 task.ranking_level found "tow". no such level. Did you mean "two"?'
    ],
    "name: tree\n  levels: {two: 1}\n  hierarchy: [a]": ['line 6 task.hierarchy found ["a"].'],
    "name: tree\n  levels: {two: 1}\n  max_images_per_class: 0\n  positive: 3": [
        "line 6 task.max_images_per_class found 0.",
        "line 7 task.positive found 3.",
    ],
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_reported_where_it_stands(tmp_path: Path, text: str) -> None:
    lines = refusal(tmp_path, f"task:\n  {text}\n")
    said = "\n".join(lines)
    assert [words for words in MISTAKES[text] if words not in said] == [], said
    assert len(lines) == len([words for words in MISTAKES[text] if words.startswith("line")]), said


@pytest.mark.parametrize("text", ["classification", "3", "[pasi]", "null"])
def test_words_are_keys_and_values(tmp_path: Path, text: str) -> None:
    (line,) = refusal(tmp_path, f"task: {text}\n")
    assert line.startswith("line 3 task found ")
    assert line.endswith("Input should be an object.")


def test_mistakes_of_a_task_stand_among_the_sweep_s_others(tmp_path: Path) -> None:
    lines = refusal(tmp_path, "task: {name: binary}\ntraining: {max_epochs: 0}\nseeds: 3\n")
    assert [line.split()[2] for line in lines] == ["task.positive", "training.max_epochs", "seeds"]


def test_every_task_is_known_by_its_own_name() -> None:
    assert set(EXAMPLES) == set(TASKS)
    for name, spec in EXAMPLES.items():
        assert get_args(type(spec).model_fields["name"].annotation) == (name,)
        assert type(spec) is TASKS[name].words


@pytest.mark.parametrize("name", EXAMPLES)
def test_words_come_back_from_wherever_they_were_written(name: str) -> None:
    spec = EXAMPLES[name]
    config = config_of(spec)
    again = FitConfig.model_validate_json(config.model_dump_json())
    assert type(again.task) is type(spec)
    assert again == config
    assert again.digest == config.digest
    assert ANY_TASK.validate_python(spec.model_dump(mode="json")) == spec
    assert ANY_TASK.validate_python(spec) is spec


def config_of(task: TaskSpec) -> FitConfig:
    return FitConfig(
        backbone="resnet34",
        fold=0,
        task=task,
        data_fingerprint="0123456789abcdef",
        split_fingerprint="fedcba9876543210",
        weights="random",
        seed=0,
        budget="smoke",
        training=TrainingRecipe(),
    )


def test_what_is_predicted_decides_which_fit_it_is() -> None:
    specs: list[TaskSpec] = [
        *EXAMPLES.values(),
        PasiSpec(),
        ClassificationSpec(classes={"SSc": ("early", "late"), "normal": ("normal",)}),
        BinarySpec(positive=("referable",)),
        HierarchySpec(levels={"two": 2}),
    ]
    digests = [config_of(spec).digest for spec in specs]
    # Among them: the same classes in another order, and so other outputs of the network.
    assert len(set(digests)) == len(digests)


def test_the_digests_of_pasi_have_not_moved() -> None:
    ids = [config_of(spec).fit_id for spec in (PasiSpec(), EXAMPLES["pasi"])]
    assert ids == ["resnet34-fold0-4dfc0557ab", "resnet34-fold0-70fa493184"]


def test_an_editor_knows_the_words_of_every_task() -> None:
    schema: dict[str, Any] = json.loads(schema_of("sweep"))
    reported = {each["title"]: each for each in schema["properties"]["task"]["anyOf"]}
    assert list(reported) == [type(spec).__name__ for spec in EXAMPLES.values()]
    for spec in EXAMPLES.values():
        definition = reported[type(spec).__name__]
        assert set(definition["properties"]) == set(type(spec).model_fields)
        assert definition["additionalProperties"] is False
    classes = reported["ClassificationSpec"]["properties"]["classes"]
    assert [way["type"] for way in classes["anyOf"]] == ["array", "object"], "both ways are allowed"
