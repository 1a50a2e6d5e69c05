"""Keys of a specification that name something of a registry, and the settings of what they name.

Two keys belong together, as ``schedule`` and ``steps`` do: ``optimizer: lion`` names the thing, and
``optimizer_settings: {lion: {beta: 0.9}}`` holds what it alone has to set, by its name, so that a
name can be exchanged (``--set``, ``ablation``) and the settings stay where they are. The registry
is asked when something is read, never when a module is imported.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Protocol, TypeAlias, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, create_model
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from foldgrid.specs.base import Spec
from foldgrid.specs.errors import SweepError, did_you_mean
from foldgrid.specs.registry import Registry

SettingsByName: TypeAlias = dict[str, dict[str, Any]]
"""By the name of a thing, its own settings as plain values."""

_UNKNOWN = "unknown_name"


class HasSettings(Protocol):
    """A thing of a registry that may have settings of its own."""

    @property
    def settings(self) -> type[Spec]:
        """The frozen, strict model that reads them; each has a default."""
        ...


ThingT = TypeVar("ThingT", bound=HasSettings)


class NameIn:
    """Among a text's annotations: it is a name in a registry.

    Args:
        registry: Whose names are allowed.
    """

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry

    def _checked(self, name: str) -> str:
        if name not in self._registry:
            facts = {"kind": self._registry.kind, "hint": did_you_mean(name, self._registry)}
            raise PydanticCustomError(_UNKNOWN, "There is no such {kind}. {hint}", facts)
        return name

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self._registry)}


class SettingsIn:
    """Among the annotations of ``SettingsByName``: whose they are.

    Args:
        registry: Whose things have settings.
    """

    def __init__(self, registry: Registry[Any]) -> None:
        self._registry = registry

    def model_of(self, _value: object) -> type[Spec]:
        """What reads the mapping; see ``specs.reading.ChoosesModel``."""
        return _settings_model(self._registry)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self.model_of(None).__pydantic_core_schema__)


def read_settings(
    registry: Registry[ThingT], given: object, chosen: str | None, plain: str
) -> object:
    """Settings as written, checked, those of the chosen thing complete.

    What decides a result is then written down, whatever a later version's defaults are.

    Args:
        registry: Whose settings.
        given: By name, some settings; anything else comes back for pydantic to refuse.
        chosen: The thing that is used; none where its name is refused anyway.
        plain: The default, which has none: nothing is looked up for it, not at import either.

    Raises:
        ValidationError: A thing without settings, or a setting that its model refuses.
    """
    is_plain = not given and chosen == plain
    if is_plain or not isinstance(given, Mapping):
        return given
    # Through JSON: strict mode then takes lists for tuples, as it does for the file around it.
    read = _settings_model(registry).model_validate_json(json.dumps(given)).model_dump(mode="json")
    return {name: own for name, own in read.items() if name in given or name == chosen}


def settings_of(registry: Registry[ThingT], name: str, given: SettingsByName) -> Spec:
    """The settings of one thing, defaults where ``given`` says nothing."""
    return registry[name].settings.model_validate_json(json.dumps(given.get(name, {})))


def check_known(error: ValueError, file: str) -> None:
    """Tells a record of something that is not installed here from one that is corrupt.

    Args:
        error: Why a record cannot be read.
        file: Which.

    Raises:
        SweepError: It names something that no registry has.
    """
    details = error.errors() if isinstance(error, ValidationError) else []
    for each in details:
        if each["type"] == _UNKNOWN:
            raise SweepError(
                f'{file}: found "{each["input"]}". {each["msg"]}\n'
                "Install the package that brings it, the same as when this was written."
            ) from error


def _settings_model(registry: Registry[Any]) -> type[Spec]:
    """A model with a key for each thing that has settings."""
    models = ((name, thing.settings) for name, thing in registry.items())
    return _model(tuple((name, model) for name, model in models if model.model_fields))


@lru_cache(maxsize=32)
def _model(models: tuple[tuple[str, type[Spec]], ...]) -> type[Spec]:
    fields: dict[str, Any] = {name: (model, model()) for name, model in models}
    return create_model("SettingsByName", __base__=Spec, **fields)
