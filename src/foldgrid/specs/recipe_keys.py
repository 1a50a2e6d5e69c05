"""The keys of a training recipe: which there are, what they hold, which of them decide an id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_origin

from pydantic import BaseModel, Discriminator, Tag

from foldgrid.specs.by_name import SettingsByName, settings_of
from foldgrid.specs.heads import HEADS
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.registry import Registry

Value = bool | int | float | str | None
"""What a key of the recipe may hold that can be searched: one number, word or truth value."""

RecipeValue = Annotated[
    Annotated[Value, Tag("value")] | Annotated[tuple[Phase, ...], Tag("phases")],
    Discriminator(lambda given: "phases" if isinstance(given, list | tuple) else "value"),
]
"""What a backbone may change of a key: a value, or the whole list of phases."""

SHARED_KEYS = ("early_stopping.policy", "early_stopping.inner_fraction")
"""What must be alike in all fits that are compared: which samples decide when a fit ends."""

LIST_KEYS = ("phases", "input_size")
"""What is no single value, or what a network is built for: a backbone may replace it as a whole, a
search cannot vary it."""

_SETTINGS_BY_NAME: dict[str, Registry[Any]] = {
    "optimizer_settings": OPTIMIZERS,
    "head_settings": HEADS,
}
"""Below these keys each thing's settings are keys of their own."""

_KEYS_WITH_SETTINGS = {"optimizer": "optimizer_settings", "head": "head_settings"}

LATER_KEYS = (
    "optimizer",
    "decay_norms_and_biases",
    "layer_decay",
    "schedule",
    "steps",
    "cosine",
    "warmup",
    "clip_gradients",
    "ema_decay",
    "drop_path",
    "loss",
    "focal_gamma",
    "label_smoothing",
    "mixup",
    "cutmix",
    "class_weights",
    "sampler",
    "test_time_augmentation",
    "phases",
    "head",
    "pooling",
    "pixels",
    "input_size",
    "interpolation",
    "training_share",
    "num_grades",
    "stage_heads",
    "augmentation.flip_horizontally",
    "augmentation.flip_vertically",
    "augmentation.smallest_crop",
    "augmentation.zoom",
    "augmentation.copies",
    "features",
)
"""Keys that came after the first release, as files have them. At its default such a key changes
nothing of what was trained before there was one, so it stays out of what a fit's id is made of:
finished fits stay finished. Whoever adds a key to the recipe adds it here; its default must be what
was done before.
"""


def deciding_values(training: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as a fit's id is made of it: without the ``LATER_KEYS`` that are at their default.

    Of ``optimizer_settings`` those of the recipe's own optimiser count, whatever their value, and
    of ``head_settings`` those of its head.

    Args:
        training: A recipe's ``model_dump(mode="json")``, of this version or an earlier one.
    """
    found = dict(training)
    defaults = TrainingRecipe().model_dump(mode="json")
    # What other optimisers or heads would have to set decides nothing.
    for key, settings in _KEYS_WITH_SETTINGS.items():
        own, chosen = found.pop(settings, {}), found.get(key, defaults[key])
        if own.get(chosen):
            found[settings] = {chosen: own[chosen]}
    if found.get("pixels") == "imagenet":
        # The default of before; planning gives it to networks of ImageNet's values.
        del found["pixels"]
    for key in LATER_KEYS:
        *parents, last = key.split(".")
        inner, default = found, defaults
        for part in parents:
            inner[part] = dict(inner.get(part, {}))
            inner, default = inner[part], default[part]
        if last in inner and inner[last] == default[last]:
            del inner[last]
    return found


def recipe_keys(model: type[BaseModel] = TrainingRecipe, prefix: str = "") -> Iterator[str]:
    """The keys that may differ from fit to fit, nested ones dotted: ``plateau.patience``.

    Those of a single value only; see ``LIST_KEYS``.
    """
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from recipe_keys(inner, f"{prefix}{name}.")
        elif prefix + name in _SETTINGS_BY_NAME:
            for called, thing in _SETTINGS_BY_NAME[name].items():
                yield from recipe_keys(thing.settings, f"{name}.{called}.")
        elif prefix + name not in (*SHARED_KEYS, *LIST_KEYS) and get_origin(inner) is not tuple:
            yield prefix + name


def current_key(name: str, model: type[BaseModel] = TrainingRecipe) -> str:
    """A dotted key by today's names; one that is not known stays as it is.

    Example:
        >>> current_key("early_stopping.inner_share")
        'early_stopping.inner_fraction'
    """
    parts: list[str] = []
    inner: type[BaseModel] | None = model
    for part in name.split("."):
        fields = inner.model_fields if inner is not None else {}
        found = next((own for own, field in fields.items() if field.alias == part), part)
        parts.append(found)
        annotation = fields[found].annotation if found in fields else None
        inner = None
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            inner = annotation
    return ".".join(parts)


def recipe_value(recipe: TrainingRecipe, name: str) -> Value:
    """What ``recipe`` says of the key ``name``, one of ``recipe_keys`` or its earlier name."""
    found: Any = recipe
    parts = current_key(name).split(".")
    if parts[0] in _SETTINGS_BY_NAME:
        own: SettingsByName = getattr(recipe, parts[0])
        found, parts = settings_of(_SETTINGS_BY_NAME[parts[0]], parts[1], own), parts[2:]
    for part in parts:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def with_values(
    recipe: TrainingRecipe, values: Mapping[str, Value | tuple[Phase, ...]]
) -> TrainingRecipe:
    """``recipe`` with some of its keys changed; a list of phases is replaced as a whole.

    Keys may go by their earlier names.

    Raises:
        ValidationError: A value that the recipe does not allow.
    """
    changed = recipe.model_dump(mode="json", by_alias=False)
    for name, value in values.items():
        *parents, last = current_key(name).split(".")
        inner = changed
        for part in parents:
            inner = inner.setdefault(part, {})
        inner[last] = (
            [phase.model_dump(mode="json") for phase in value]
            if isinstance(value, tuple)
            else value
        )
    # Through JSON, because strict models then take lists for tuples.
    return TrainingRecipe.model_validate_json(json.dumps(changed))
