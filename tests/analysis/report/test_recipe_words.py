"""A recipe in a methods section: what was done is said, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foldgrid.analysis.exhibits.methods.recipe import (
    augmentation_sentence,
    augmentations,
    head_words,
    optimizer_sentence,
    phases_sentence,
    rate_falls,
    stopping_sentence,
)
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_parts import Augmentation


def recipe(**keys: Any) -> TrainingRecipe:
    return TrainingRecipe.model_validate_json(json.dumps(keys))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {},
            "multiplied by 0.1 after 10 epochs without a relative improvement of 0.0001",
        ),
        ({"schedule": "steps", "steps": {"every_epochs": 5}}, "multiplied by 0.1 every 5 epochs"),
        ({"schedule": "constant"}, "the same in all epochs"),
        (
            {"schedule": "cosine", "warmup": {"epochs": 5}},
            "rising step by step from 0.01 of it over the first 5 epochs (Goyal and others 2017), "
            "then falling step by step along half a cosine to 0 of it at the last epoch planned "
            "(Loshchilov and Hutter 2017)",
        ),
        (
            {"schedule": "cosine", "warmup": {"epochs": 1}, "phases": [{"name": "all"}]},
            "rising step by step from 0.01 of it over the first epoch of each phase (Goyal and "
            "others 2017), then falling step by step along half a cosine to 0 of it at the end of "
            "each phase (Loshchilov and Hutter 2017)",
        ),
    ],
)
def test_how_the_rate_falls(keys: dict[str, Any], words: str) -> None:
    assert rate_falls(recipe(**keys)) == words


def test_losses_classes_mixing_and_views_are_said_with_their_source() -> None:
    keys: dict[str, Any] = {"loss": "focal", "label_smoothing": 0.1, "class_weights": "balanced"}
    said = optimizer_sentence(recipe(**keys, mixup=0.2, cutmix=1.0, test_time_augmentation="turns"))
    for words in (
        "Steps followed the focal loss with gamma 2 (Lin and others 2017)",
        "Each class weighed by the inverse of its number of training samples",
        "Labels were smoothed by 0.1",
        "in pairs by mixup with alpha 0.2 (Zhang and others 2018) or by cutmix with alpha 1",
        "Predictions are means over four turns by 90 degrees of each picture",
    ):
        assert words in said
    assert "loss" not in optimizer_sentence(recipe())


def test_what_a_recipe_for_transformers_adds_is_said_with_its_source() -> None:
    keys: dict[str, Any] = {"optimizer": "adamw", "weight_decay": 0.05, "learning_rate": 0.0005}
    keys |= {"decay_norms_and_biases": False, "layer_decay": 0.75, "clip_gradients": 1.0}
    said = optimizer_sentence(recipe(**keys, drop_path=0.1, ema_decay=0.99))
    assert said.startswith(
        "AdamW (Loshchilov and Hutter 2019) with betas of 0.9 and 0.999, epsilon 1e-08, weight "
        "decay 0.05 (not of norms, biases and embeddings), batches of 16 and a learning rate of "
        "0.0005, multiplied by 0.1 after"
    )
    for part in (
        "Each layer learned 0.75 times as fast as the one behind it (Bao and others 2022)",
        "The gradient's norm was clipped at 1",
        "the last with a chance of 0.1",
        "an exponential moving average of the weights, 0.99 of which stayed at each step",
    ):
        assert part in said
    assert not said.endswith(".")
    plain = optimizer_sentence(recipe())
    assert ". " not in plain


def test_phases_are_reported_where_there_are_some() -> None:
    assert phases_sentence(recipe()) == ""
    phases = [{"name": "head", "epochs": 2, "frozen": "backbone"}, {"name": "rest", "frozen": 3}]
    assert phases_sentence(recipe(phases=phases)) == (
        " Training had 2 phases: head (2 epochs, backbone frozen), then rest (first 3 layers "
        "frozen)."
    )


def test_when_a_fit_ended_and_who_decided() -> None:
    assert "15 % of the training samples" in stopping_sentence(recipe())
    monitored = stopping_sentence(recipe(early_stopping={"policy": "held_out_fold"}))
    assert "values optimistic" in monitored
    fixed = recipe(schedule="constant", early_stopping={"policy": "none"}, max_epochs=30)
    assert stopping_sentence(fixed) == (
        "Every fit trained 30 epochs; its last weights predicted, and nothing was chosen."
    )
    cut = recipe(max_epochs=1, max_batches_per_epoch=2)
    assert "at the latest after 1 epoch of 2 batches;" in stopping_sentence(cut)


def test_a_head_is_reported_with_what_it_sees_and_how_its_strength_was_chosen() -> None:
    assert head_words(recipe()) == ""
    assert optimizer_sentence(recipe()).startswith("Stochastic gradient descent with momentum")
    ridge = recipe(head="ridge", pooling="mean_max")
    assert head_words(ridge) == (
        "Ridge regression with an L2 penalty on standardised features, its strength chosen among "
        "12 from 1 to 1,000,000 by 4 inner folds of the training subjects, on the mean and the "
        "maximum over the last map, or over the patches' tokens, of a frozen network"
    )
    fixed = recipe(head="logistic", head_settings={"logistic": {"strength": 30.0}})
    assert head_words(fixed) == (
        "Logistic regression with an L2 penalty of 30 on standardised features, on the last hidden "
        "layer of a frozen network"
    )
    assert "Nothing was trained by gradients" in optimizer_sentence(ridge)
    assert "No epoch was chosen" in stopping_sentence(ridge)
    mlp = head_words(recipe(head="mlp", head_settings={"mlp": {"dropout": 0.5}}))
    assert mlp.startswith("A multilayer perceptron of 1 hidden layer of 256 units, dropout 0.5, on")
    assert mlp.endswith("of the network")


def test_only_what_varied_is_listed() -> None:
    assert [words.split()[0] for words in augmentations(Augmentation(), True)] == [
        "rotation",
        "shuffling",
        "brightness",
        "contrast",
    ]
    quiet = {"rotate_tiles": False, "shuffle_tiles": False, "brightness": 0.0, "contrast": 0.0}
    assert augmentations(Augmentation(**quiet), True) == []
    moved = Augmentation(
        **quiet, flip_horizontally=True, flip_vertically=True, smallest_crop=0.8, zoom=0.1
    )
    assert augmentations(moved, True) == [
        "horizontal and vertical flips",
        "crops down to 0.8 of the side",
        "zooms by a factor within 0.9 to 1.1",
    ]


def test_a_single_photograph_has_no_tiles() -> None:
    reported = augmentations(Augmentation(), False)
    assert reported[0] == "rotation by up to 180 degrees"
    assert not any("tile" in words for words in reported)


def test_copies_are_said_to_be_drawn_once() -> None:
    copied = recipe(augmentation={"copies": 8, "zoom": 0.2})
    said = augmentation_sentence(copied, "photograph", False)
    assert said.startswith("Of each training photograph 8 augmented copies were drawn once")
    assert "zooms by a factor within 0.8 to 1.2" in said
    assert "at random: rotation" in augmentation_sentence(recipe(), "photograph", False)
    still = recipe(augmentation={"rotate_tiles": False, "brightness": 0.0, "contrast": 0.0})
    for plain in (still, recipe(head="ridge")):
        said = augmentation_sentence(plain, "mosaic", False)
        assert said == "Training mosaics were not augmented."
