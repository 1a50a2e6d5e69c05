"""The parts of the documentation that are made from the code, each time the site is built.

A page says ``<!-- made from the code: NAME -->`` where one goes; see `PARTS`. MkDocs calls
`on_page_markdown`.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from cyclopts.docs.markdown import generate_markdown_docs
from griffe import Docstring, DocstringSectionAttributes, Extension, Object
from pydantic import BaseModel
from pydantic.fields import FieldInfo

import foldgrid
from foldgrid.analysis.checks.catalogue import CATALOGUE
from foldgrid.analysis.checks.explanations import EXPLANATIONS
from foldgrid.cli.main import make_app
from foldgrid.specs.folders import recipe_folders, yaml_files
from foldgrid.specs.heads import HEADS
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.reading import read_document
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_cards import leaves
from foldgrid.specs.recipe_keys import recipe_value
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS, TaskSpec

DECISIONS = Path(__file__).parent / "decisions"
PLACE = re.compile(r"<!-- made from the code: (\w+) -->")


def on_page_markdown(markdown: str, **_: object) -> str:
    """A page with the parts that it asks for.

    Raises:
        KeyError: It asks for one that nobody makes.
    """
    return PLACE.sub(lambda place: PARTS[place[1]](), markdown)


class ExamplesOfDocstrings(Extension):
    """Has mkdocstrings read our heading ``Example:`` as the sessions of Python that stand below."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Griffe calls it for everything that it has read."""
        if obj.docstring:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")


def commands() -> str:
    """Every command with its options."""
    app = make_app()
    for name in app:
        _ = app[name].help  # loads it: its first line is then in the list of all
    return generate_markdown_docs(
        app, heading_level=2, max_heading_level=3, no_root_title=True, generate_toc=False
    )


def names() -> str:
    """Every public name of `foldgrid`, for mkdocstrings to describe."""
    text = ""
    for name in sorted(foldgrid.__all__, key=str.lower):
        thing = getattr(foldgrid, name)
        if callable(thing):
            # mkdocstrings finds no namespace below a package, which foldgrid.analysis is.
            module = thing.__module__.replace("foldgrid.analysis.", "analysis.")
            text += (
                f"::: {module}.{thing.__qualname__}\n    options:\n"
                f"      heading: foldgrid.{name}\n      heading_level: 2\n\n"
            )
    return text


def sweep_keys() -> str:
    """Every key of a sweep's file, then those of each task, of each optimiser and of each head."""
    text = "\n".join(_tables(Sweep))
    for name, kind in TASKS.items():
        text += f"\n## `task: {{name: {name}}}` {{ #task-{name} }}\n\n"
        text += f"{_opening(kind.words)}\n\n{_table(kind.words)}"
    optimizers = {name: each.settings for name, each in OPTIMIZERS.items()}
    heads = {name: each.settings for name, each in HEADS.items()}
    for key, of in (("optimizer_settings", optimizers), ("head_settings", heads)):
        for name, settings in of.items():
            if settings.model_fields:
                text += f"\n## `training.{key}.{name}`\n\n{_table(settings)}"
    return text


def search_space_keys() -> str:
    """Every key of a search space's file."""
    return "\n".join(_tables(SearchSpace))


def recipes() -> str:
    """A line for each recipe: its name, its title, and the keys that are not the default."""
    text = "| `recipe` | what it is | says beside the defaults |\n| --- | --- | --- |\n"
    for name, file in yaml_files(*recipe_folders()).items():
        values = read_document(file).values
        keys = dict(leaves(values["training"]))
        others = {
            ".".join(path): value
            for path, value in keys.items()
            if recipe_value(TrainingRecipe(), ".".join(path)) != value
        }
        said = ", ".join(f"`{key}: {json.dumps(value)}`" for key, value in others.items())
        text += f"| `{name}` | {values['title']} | {said or 'nothing'} |\n"
    return text


def codes() -> str:
    """Every code of a check or a note: what it looks at, what it means, what to do, its source."""
    before = {check.code for check in CATALOGUE if check.is_before_ranking}
    text = ""
    for each in EXPLANATIONS.values():
        kind = each.kind.capitalize() + (", before a ranking" if each.code in before else "")
        text += f"\n## {each.code} {each.title}\n\n*{kind}.*\n"
        questions = {
            "Looks at": each.looks_at,
            "Means": each.meaning,
            "What to do": each.advice,
            "Source": each.source,
        }
        for question, answer in questions.items():
            text += f"\n{question}\n:   {answer}\n" * bool(answer)
    return text


def decisions() -> str:
    """A line for each decision note: its heading."""
    headings = {
        path.name: path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for path in sorted(DECISIONS.glob("0*.md"))
    }
    return "".join(f"- [{heading}]({name})\n" for name, heading in headings.items())


PARTS: dict[str, Callable[[], str]] = {
    part.__name__: part
    for part in (commands, names, sweep_keys, search_space_keys, recipes, codes, decisions)
}


def _tables(model: type[BaseModel]) -> Iterator[str]:
    """A table for a model, then one for each model that is a part of it."""
    shown: set[type[BaseModel]] = set()

    def below(model: type[BaseModel], path: str, heading: str) -> Iterator[str]:
        shown.add(model)
        yield f"{heading}\n\n{_table(model)}"
        for name, field in model.model_fields.items():
            parts = [part for part in _models_in(field.annotation) if part not in shown]
            for part in parts:
                inner = f"{path}.{name}".strip(".")
                kind = re.sub("(?<=.)(?=[A-Z])", " ", part.__name__).lower()
                title = f"`{inner}`, {kind}" if parts[1:] else f"`{inner}`"
                yield from below(part, inner, f"\n## {title}\n\n{_opening(part)}")

    return below(model, "", "")


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation is not TaskSpec:  # each task has a section of its own
            yield annotation
    else:
        for argument in get_args(annotation):
            yield from _models_in(argument)


def _table(model: type[BaseModel]) -> str:
    """Key, what it may be, default, meaning."""
    properties = model.model_json_schema(by_alias=False)["properties"]
    words = _attributes(model)
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        meaning = words.get(name, "") + (f" Earlier: `{field.alias}`." if field.alias else "")
        cells = (f"`{name}`", _allowed(properties[name]), _default(field), meaning)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """The meaning of each key, from the docstrings of the model and of what it extends."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__):
        for section in Docstring(each.__doc__ or "").parse("google"):
            if isinstance(section, DocstringSectionAttributes):
                found |= {item.name: _linked(item.description) for item in section.value}
    return found


def _linked(text: str) -> str:
    """A description in one line; pages that it names are links."""
    return re.sub(r"docs/([\w/-]+\.md)", r"[\1](../\1)", " ".join(text.split()))


def _opening(model: type[BaseModel]) -> str:
    """What a model's docstring says before it lists the keys."""
    return inspect.cleandoc(model.__doc__ or "").split("\nAttributes:")[0].strip()


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if value in (None, "", (), {}):
        return "none"
    return f"`{json.dumps(value).strip(chr(34))}`"


def _allowed(schema: dict[str, Any]) -> str:
    """What a key may be, in words, from its JSON Schema."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "anyOf" in schema:
        several = dict.fromkeys(_allowed(each) for each in schema["anyOf"])
        several.pop("nothing", None)
        return " or ".join(several)
    kind = schema.get("type")
    if kind == "array":
        return f"list: {_allowed(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"names, each with {_allowed(schema['additionalProperties'])}"
    return NAMES.get(str(kind), "keys, see below") + "".join(
        f", {words} {schema[key]:g}" for key, words in BOUNDS.items() if key in schema
    )


NAMES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "`true`, `false`",
    "null": "nothing",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
