"""A fit's id: the same for the same work, another for any change of what decides the outcome."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord, WeightsRecord, content_digest
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import LATER_KEYS, deciding_values
from foldgrid.tasks.pasi.spec import PasiSpec
from tests.outside.site.yogi import YOGI

CONFIG = FitConfig(
    backbone="resnet34",
    fold=0,
    task=PasiSpec(),
    data_fingerprint="0123456789abcdef",
    split_fingerprint="fedcba9876543210",
    weights="random",
    seed=0,
    budget="smoke",
    training=TrainingRecipe(),
)


@pytest.fixture(autouse=True)
def _another_optimizer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "yogi", YOGI)  # type: ignore[arg-type]


REPLACEMENTS: dict[str, Any] = {
    # What a changed value of each text field may be; numbers and booleans are changed by rule.
    "backbone": "resnet18",
    "task.name": None,  # another task has other words; see below
    "task.output": "composite",
    "data_fingerprint": "0",
    "split_fingerprint": "0",
    "weights": "ab12",
    "budget": "paper",
    "training.early_stopping.policy": "held_out_fold",
    "training.batch_norm_statistics": "recomputed",
    "training.optimizer": "yogi",
    "training.schedule": "steps",
    "training.phases": [{"name": "head", "epochs": None, "frozen": "backbone"}],
    "training.head": "ridge",
    "training.pooling": "mean",
    "training.pixels": "minus_one_to_one",
    "training.input_size": 128,
    "training.interpolation": "bicubic",
    "training.num_grades": 2,
    "training.augmentation.copies": 3,
    "training.features.dtype": "float16",
    "training.precision": "float32",
    "training.max_batches_per_epoch": 3,
    "training.clip_gradients": 1.0,
    "training.ema_decay": 0.99,
    "training.drop_path": 0.1,
    "training.loss": "huber",
    "training.class_weights": "balanced",
    "training.sampler": "balanced",
    "training.test_time_augmentation": "flips",
    "given": {"kind": "predictions", "model": "theirs", "sha256": "ab12"},
}


def leaves(value: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def changed(dotted: str) -> FitConfig:
    """``CONFIG`` with the one field ``dotted`` changed."""
    values = CONFIG.model_dump(mode="json")
    inner = values
    *parents, last = dotted.split(".")
    for part in parents:
        inner = inner[part]
    old = inner[last]
    if dotted in REPLACEMENTS:
        inner[last] = REPLACEMENTS[dotted]
    elif isinstance(old, bool):
        inner[last] = not old
    elif isinstance(old, int):
        inner[last] = old + 1
    else:
        inner[last] = old / 2 if old else 0.25
    assert inner[last] != old
    return FitConfig.model_validate_json(json.dumps(values))


FIELDS = [name for name in leaves(CONFIG.model_dump(mode="json")) if name != "task.name"]


def test_the_id_of_a_known_configuration_has_not_moved() -> None:
    # Where this fails by intent, every finished fit on every disk is trained again: raise
    # RESULT_FORMAT where results changed, and say so in the changelog.
    assert CONFIG.fit_id == "resnet34-fold0-4dfc0557ab"


def test_the_id_of_a_configuration_far_from_the_defaults_has_not_moved() -> None:
    # As it was before there were ``LATER_KEYS``.
    recipe = TrainingRecipe.model_validate_json(
        """{"max_epochs": 7, "plateau": {"factor": 0.5}, "augmentation": {"rotate_tiles": false},
        "early_stopping": {"policy": "held_out_fold"}, "start_from_mean": true}"""
    )
    config = CONFIG.model_copy(update={"training": recipe, "seed": 3})
    assert config.fit_id == "resnet34-fold0-b0fd2f8573"


@pytest.mark.parametrize("key", LATER_KEYS)
def test_a_later_key_counts_only_away_from_its_default(key: str) -> None:
    values = CONFIG.model_dump(mode="json")["training"]
    assert deciding_values(values) == deciding_values(without(values, key))
    other = next(name for name in FIELDS if f"{name}.".startswith(f"training.{key}."))
    kept = deciding_values(changed(other).model_dump(mode="json")["training"])
    assert kept != deciding_values(values)


def test_only_the_settings_of_its_own_optimizer_count() -> None:
    plain, halved = {"optimizer": "yogi"}, {"yogi": {"beta1": 0.45}}
    asked = [
        {},
        {"optimizer_settings": halved},
        plain,
        {**plain, "optimizer_settings": {"yogi": {"beta1": 0.9, "beta2": 0.99}}},
        {**plain, "optimizer_settings": halved},
    ]
    recipes = [TrainingRecipe.model_validate(each) for each in asked]
    ids = [CONFIG.model_copy(update={"training": recipe}).fit_id for recipe in recipes]
    assert (ids[0], ids[2]) == (ids[1], ids[3])
    assert len(set(ids)) == 3
    for recipe, fit_id in zip(recipes, ids, strict=True):
        config = CONFIG.model_copy(update={"training": recipe})
        assert FitConfig.model_validate_json(config.model_dump_json()).fit_id == fit_id


def test_a_later_default_of_an_optimizer_leaves_a_recorded_fit_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = TrainingRecipe(optimizer="yogi")
    config = CONFIG.model_copy(update={"training": recipe})
    text, fit_id = config.model_dump_json(), config.fit_id

    class Later(type(YOGI)):
        class settings(YOGI.settings):  # noqa: N801 - as the attribute is called
            beta1: float = 0.5

    monkeypatch.setitem(OPTIMIZERS, "yogi", Later())  # type: ignore[arg-type]
    assert FitConfig.model_validate_json(text).fit_id == fit_id
    now = CONFIG.model_copy(update={"training": TrainingRecipe(optimizer="yogi")})
    assert now.fit_id != fit_id


def test_what_is_hashed_is_a_copy() -> None:
    values = CONFIG.model_dump(mode="json")["training"]
    before = json.dumps(values)
    deciding_values(values)
    assert json.dumps(values) == before


def without(values: dict[str, Any], dotted: str) -> dict[str, Any]:
    """As a record of the first release has it."""
    first, _, rest = dotted.partition(".")
    if rest:
        return {**values, first: without(values[first], rest)}
    return {name: value for name, value in values.items() if name != first}


def test_an_id_names_backbone_and_fold_and_suits_a_path_and_wandb() -> None:
    assert re.fullmatch(r"resnet34-fold0-[0-9a-f]{10}", CONFIG.fit_id)
    longest = CONFIG.model_copy(update={"backbone": "regnet_x_1_6gf" * 2, "fold": 49})
    assert len(longest.fit_id) <= 64


@pytest.mark.parametrize("field", FIELDS)
def test_any_change_of_what_decides_is_another_fit(field: str) -> None:
    assert changed(field).digest != CONFIG.digest


def test_no_two_changes_are_the_same_fit() -> None:
    assert len({changed(field).digest for field in FIELDS}) == len(FIELDS)


@given(st.randoms(use_true_random=False))
def test_the_order_of_the_keys_does_not_matter(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        items = list(value.items())
        random.shuffle(items)
        return {key: shuffled(inner) for key, inner in items}

    text = json.dumps(shuffled(CONFIG.model_dump(mode="json")))
    assert FitConfig.model_validate_json(text).fit_id == CONFIG.fit_id


def test_a_default_said_aloud_is_the_same_fit() -> None:
    values = CONFIG.model_dump(mode="json")
    del values["training"]["max_batches_per_epoch"], values["training"]["plateau"]
    values["training"]["learning_rate"] = 0.010
    values["training"]["weight_decay"] = 0
    assert FitConfig.model_validate_json(json.dumps(values)).fit_id == CONFIG.fit_id


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        TrainingRecipe,
        max_epochs=st.integers(1, 10**9),
        max_batches_per_epoch=st.none() | st.integers(1, 10**6),
        learning_rate=st.floats(0, exclude_min=True, allow_infinity=False),
        weight_decay=st.floats(0, allow_infinity=False),
    )
)
def test_a_configuration_read_back_is_the_same_fit(training: TrainingRecipe) -> None:
    config = CONFIG.model_copy(update={"training": training})
    again = FitConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert again.fit_id == config.fit_id
    through_json = FitConfig.model_validate_json(json.dumps(config.model_dump(mode="json")))
    assert through_json.fit_id == config.fit_id


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, st.integers(1, 64))
def test_a_digest_is_hexadecimal_of_the_length_asked_for(value: Any, length: int) -> None:
    digest = content_digest(value, length)
    assert re.fullmatch(rf"[0-9a-f]{{{length}}}", digest)
    assert digest == content_digest(json.loads(json.dumps(value)), length)


@given(
    st.builds(
        EpochRecord,
        epoch=st.integers(1, 10**6),
        learning_rate=finite,
        train_loss=st.floats(),
        validation_loss=st.floats(),
        metrics=st.dictionaries(st.text(), st.floats(), max_size=3),
        is_best=st.booleans(),
        wall_seconds=finite,
    )
)
def test_an_epoch_written_is_the_epoch_read_also_where_it_diverged(record: EpochRecord) -> None:
    line = record.model_dump_json()
    assert "\n" not in line
    json.loads(line, parse_constant=refuse)
    again = EpochRecord.model_validate_json(line)
    assert repr(again) == repr(defined(record))
    assert again.model_dump_json() == line


def refuse(constant: str) -> None:
    raise AssertionError(f"JSON has no {constant}")


def defined(value: Any) -> Any:
    """``value`` with NaN wherever a float is not finite, as the records write it."""
    if isinstance(value, BaseModel):
        fields = {name: defined(getattr(value, name)) for name in type(value).model_fields}
        return type(value).model_construct(**fields)
    if isinstance(value, dict):
        return {key: defined(inner) for key, inner in value.items()}
    return math.nan if isinstance(value, float) and not math.isfinite(value) else value


def test_a_record_without_a_number_is_read_as_it_was_written() -> None:
    record = FitRecord(
        fit_id=CONFIG.fit_id,
        status="diverged",
        config=CONFIG,
        num_epochs=1,
        best_epoch=0,
        stopped_because="diverged",
        metrics={"oof/pasi_ccc": math.nan, "test/pasi_mae": 1.5},
        timings={},
        num_parameters=1,
        peak_memory_gib=0.5,
        weights=WeightsRecord(source="random"),
        weights_kept=False,
        environment={},
    )
    for text in (record.model_dump_json(), json.dumps(record.model_dump(mode="json"))):
        assert repr(FitRecord.model_validate_json(text)) == repr(record)
    before_it_was_counted = record.model_dump(mode="json")
    del before_it_was_counted["multiply_adds"]
    read = FitRecord.model_validate_json(json.dumps(before_it_was_counted))
    assert repr(read) == repr(record)
    assert read.multiply_adds is None
