"""From ``--sweep all_backbones --budget smoke --set training.lr=0.003`` to one resolved sweep."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.folders import find_named, yaml_files
from foldgrid.specs.given import read_given_specs
from foldgrid.specs.heads import ATTENTION, DEFAULT_HEAD, HEADS
from foldgrid.specs.learners import ablation_problems, learner_problems
from foldgrid.specs.reading import (
    Document,
    KeyPath,
    Renaming,
    document_of,
    merge,
    read_document,
    validate,
)
from foldgrid.specs.recipe_cards import RECIPE, Cards, is_of_learner, leaves, places
from foldgrid.specs.recipe_parts import OF_A_BACKBONE, OF_GRADIENTS, UNAUGMENTED
from foldgrid.specs.renamed import current_path, note_on, with_current_names
from foldgrid.specs.search_fit import sweep_problems
from foldgrid.specs.search_space import SearchSpace, space_problems
from foldgrid.specs.sweep import BudgetName, Sweep, per_backbone_problems
from foldgrid.specs.task import TASKS

_Key = tuple[str, ...]
Overlay = tuple[_Key, Any, str]
"""A key path, its value, and where that comes from, for messages."""

_SHORT_KEYS: dict[_Key, _Key] = {
    ("training", "lr"): ("training", "learning_rate"),
    ("weights", "policy"): ("weights",),
    ("weights", "licences"): ("licences",),
}


_SETTINGS_OF_SCHEDULES = ("plateau", "steps", "cosine")
"""Keys of the recipe that a schedule of the same name alone looks at."""


@dataclass(frozen=True)
class ResolvedSweep:
    """A sweep as it will run, and where its keys were written.

    Attributes:
        sweep: With the budget's changes and the command line's overrides, ``budgets`` emptied.
        document: For messages about it.
        space: What it searches; nothing for a grid.
        renamed: One line on the keys that are under their earlier names; "" where none is.
    """

    sweep: Sweep
    document: Document
    space: SearchSpace | None = None
    renamed: str = ""


def resolve_sweep(
    path: Path | Document,
    budget: BudgetName,
    overrides: Sequence[str] = (),
    manifest: Path | None = None,
    spaces: Sequence[Path] | None = None,
    found: Sequence[Overlay] = (),
) -> ResolvedSweep:
    """Reads a sweep file, applies a budget, then ``key=value`` overrides, and checks the whole.

    Args:
        path: The sweep's file, or what would stand in it.
        budget: Its budget; every budget in the file is checked, whichever is chosen.
        overrides: ``training.lr=0.003``; the value is read as YAML.
        manifest: The user's photographs instead of what the file says.
        spaces: The folders of search spaces; without, the sweep's own is not looked up.
        found: What a search found, over the file and under ``overrides``.

    Raises:
        InputError: All mistakes of the file, of the overrides, or of the search space.
    """
    written = _with_weights_apart(with_current_names(Sweep, document_of(path)))
    beside = Path()
    if isinstance(path, Path):
        written.values["name"] = written.values.get("name") or path.stem
        beside = path.parent
    cards = Cards(beside)
    by_hand, written = written, cards.applied(written)
    _refuse(written, _idle_schedules(by_hand, written))
    plain = validate(Sweep, written)
    for name in plain.budgets:
        _with_budget(written, name)
    document = _with_budget(written, budget)
    for key, value, origin in found:
        document = _overlay(document, current_path(key, document.values), value, origin)
    # A key that is written beside a recipe's name goes before the recipe.
    parsed = sorted(map(_parse_override, overrides), key=lambda each: each[0][-1] != RECIPE)
    for override in parsed:
        document = _override(document, *override, cards)
    if manifest is not None:
        document = _overlay(document, ("data", "manifest"), str(manifest), "--data")
    sweep = _with_weight_files(validate(Sweep, document), document, beside)
    _refuse(document, per_backbone_problems(sweep))
    recipes = {backbone: sweep.recipe_of(backbone) for backbone in sweep.backbones}
    _refuse(document, learner_problems(recipes, sweep.learners))
    _refuse(document, ablation_problems(recipes, sweep.ablation))
    given, problems = read_given_specs(sweep.given, beside)
    _refuse(document, problems)
    sweep = sweep.model_copy(update={"given": given})
    noted = [document, *cards.documents.values()]
    if spaces is None:
        return ResolvedSweep(sweep, document, renamed=note_on(noted))
    space, *documents = _space_of(sweep, document, spaces, beside)
    return ResolvedSweep(sweep, document, space, note_on([*noted, *documents]))


def _idle_schedules(by_hand: Document, written: Document) -> Iterator[tuple[_Key, str]]:
    """Settings of a schedule that are written beside the name of another, each with its key path.

    Args:
        by_hand: The sweep as it is written.
        written: With the keys of the recipes that it names.
    """
    if "budget" in by_hand.values:
        # A run folder's own sweep.yaml says every key.
        return
    whole = dict(places(written.values))
    for place, inner in places(by_hand.values):
        above: _Key = () if is_of_learner(place) else ("training",)
        own: Any = inner
        all_keys: Any = whole[place]
        for part in above:
            own, all_keys = own.get(part), all_keys.get(part)
        if not isinstance(own, dict) or not isinstance(all_keys, dict):
            continue
        schedule = all_keys.get("schedule")
        for key in own:
            name = str(key).partition(".")[0]
            if name in _SETTINGS_OF_SCHEDULES and schedule not in (name, None):
                yield (
                    (*map(str, place), *above, str(key)),
                    f"nothing would notice it beside schedule: {schedule}. Leave out {key}, or "
                    f"take schedule: {name}.",
                )


def _with_weights_apart(written: Document) -> Document:
    """``weights: {policy: …, licences: […]}`` as the two keys that it stands for.

    Raises:
        InputError: Another key below ``weights``.
    """
    values, lines = copy.deepcopy(written.values), dict(written.lines)
    given = values.get("budgets")
    budgets: dict[str, Any] = given if isinstance(given, dict) else {}
    for origin in ((), *(("budgets", name) for name in budgets)):
        inner = budgets[origin[1]] if origin else values
        below = inner.get("weights") if isinstance(inner, dict) else None
        if not isinstance(below, dict):
            continue
        if strange := [key for key in below if key not in ("policy", "licences")]:
            message = f"{did_you_mean(str(strange[0]), ('policy', 'licences'))}"
            where = written.where((*origin, "weights")) or "file"
            problem = Problem(where, f"weights.{strange[0]}", f"there is no such key. {message}")
            raise InputError(written.source, [problem])
        del inner["weights"]
        for key, known in (("policy", "weights"), ("licences", "licences")):
            if key in below:
                inner[known] = below[key]
                line = written.lines.get((*origin, "weights", key))
                if line is not None:
                    lines[(*origin, known)] = line
    return replace(written, values=values, lines=lines)


def _with_weight_files(sweep: Sweep, document: Document, folder: Path) -> Sweep:
    try:
        return sweep.with_weight_files(folder)
    except ValueError as error:
        _refuse(document, [(("backbones",), str(error))])
        raise


def read_space(path: Path) -> SearchSpace:
    """Reads a search space and checks it against the recipe's limits.

    Raises:
        InputError: All mistakes of the file.
    """
    return _read_space(path)[0]


def _read_space(path: Path) -> tuple[SearchSpace, Document]:
    document = with_current_names(SearchSpace, read_document(path))
    space = validate(SearchSpace, document)
    _refuse(document, space_problems(space))
    return space, document


def _space_of(
    sweep: Sweep, document: Document, folders: Sequence[Path], beside: Path
) -> tuple[SearchSpace, Document] | tuple[None]:
    """The space that a sweep names, and its file; a grid names none.

    Raises:
        InputError: There is no such space, it is wrong, or it does not suit the sweep.
    """

    def at(*key_path: str) -> str:
        return document.where(key_path) or "file"

    if sweep.search_space is None:
        # A run folder's own sweep.yaml says everything, a search's settings and that there is none.
        if "search" in document.values and "search_space" not in document.values:
            message = (
                "found settings of a search without a space. Name one with `search_space`: "
                f"{', '.join(yaml_files(*folders))}."
            )
            raise InputError(document.source, [Problem(at("search"), "search", message)])
        return (None,)
    try:
        named = find_named("space", sweep.search_space, folders, beside)
    except ValueError as error:
        raise InputError(
            document.source, [Problem(at("search_space"), "search_space", str(error))]
        ) from None
    for key in ("learners", "ablation", "given"):
        if getattr(sweep, key):
            message = f"found `{key}` beside a search. A search draws from its space; drop one."
            raise InputError(document.source, [Problem(at(key), key, message)])
    whole, file = _read_space(named)
    space = whole.for_task(sweep.task.name)
    if not space.parameters:
        message = f"no parameter of {whole.title!r} is for the task {sweep.task.name}."
        raise InputError(document.source, [Problem(at("search_space"), "search_space", message)])
    _refuse(document, sweep_problems(space, sweep))
    return space, file


def _refuse(document: Document, found: Iterable[tuple[tuple[str, ...], str]]) -> None:
    """Raises what was found wrong with keys of ``document``, if anything."""
    problems = [
        Problem(document.where(key_path) or "file", ".".join(key_path), message)
        for key_path, message in found
    ]
    if problems:
        raise InputError(document.source, problems)


def _with_budget(written: Document, budget: BudgetName) -> Document:
    values = copy.deepcopy(written.values)
    budgets = values.pop("budgets", None) or {}
    changes = budgets.get(budget) or {}
    if budget == "probe" and budget not in budgets:
        changes = _probe_of(validate(Sweep, written))
    lines = dict(written.lines)
    origin: KeyPath = ("budgets", budget)
    merge(values, changes)
    for path, line in written.lines.items():
        if path[:2] == origin and len(path) > 2:
            lines[path[2:]] = line
    values["budget"] = budget
    document = replace(written, values=values, lines=lines)
    validate(Sweep, document)
    return document


def _probe_of(sweep: Sweep) -> dict[str, Any]:
    """What the budget ``probe`` changes of a sweep that does not say it itself.

    Backbones are frozen. A grid's heads are solved; a search has a rate to search for, so its heads
    are trained, on pictures as they are, whose features are computed once. Attention over
    photographs is trained with its head, too.
    """
    recipe: dict[str, Any] = {
        "phases": [{"name": "head", "frozen": "backbone"}],
        "stage_heads": False,
        "augmentation": dict(UNAUGMENTED),
        **OF_A_BACKBONE,
    }
    if sweep.search_space is None and sweep.training.pooling != ATTENTION:
        kind = TASKS[sweep.task.name].scoring.output_kind
        solved = (name for name, head in HEADS.items() if head.is_solved)
        recipe["head"] = next((n for n in solved if kind in (HEADS[n].suits or ())), DEFAULT_HEAD)
        if recipe["head"] != DEFAULT_HEAD:
            # Nothing is trained by gradients.
            recipe |= {key: value for key, value in OF_GRADIENTS.items() if "." not in key}
            recipe["warmup"] = {"epochs": OF_GRADIENTS["warmup.epochs"]}
    return {"training": recipe, "per_backbone": {}, "ablation": {}, "learners": {}}


def _parse_override(text: str) -> tuple[_Key, Any, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        problem = Problem(f'"{text}"', "", "found no key=value. Example: training.lr=0.003.")
        raise InputError("--set", [problem])
    path = tuple(key.strip().split("."))
    if path[0] in ("budget", "budgets"):
        message = "the budget is not an override: choose it with --budget, or edit the file."
        raise InputError("--set", [Problem(f'"{text}"', "", message)])
    try:
        parsed = YAML(typ="safe", pure=True).load(value)
    except YAMLError:
        parsed = value
    return _SHORT_KEYS.get(path, path), parsed, "--set"


def _override(document: Document, path: _Key, value: Any, origin: str, cards: Cards) -> Document:
    """An override over the document; its key may go by an earlier name, or name a recipe."""
    if path[-1] == RECIPE:
        for part in reversed(path):
            value = {part: value}
        for key, inner in leaves(cards.applied(Document(origin, value, {path: origin})).values):
            document = _overlay(document, key, inner, origin)
        return document
    current = current_path(path, document.values)
    found = document.renamed
    if current != path:
        found = (*found, Renaming(origin, ".".join(path), ".".join(current)))
    return replace(_overlay(document, current, value, origin), renamed=found)


def _overlay(document: Document, path: _Key, value: Any, origin: str) -> Document:
    values = copy.deepcopy(document.values)
    inner, written = values, path
    for depth, part in enumerate(path[:-1], start=1):
        if not isinstance(inner.get(part), dict):
            inner[part] = {}
            # From here on nothing is left of what the file says.
            written = min(written, path[:depth], key=len)
        inner = inner[part]
    inner[path[-1]] = value
    lines = {
        known: line for known, line in document.lines.items() if known[: len(written)] != written
    }
    return replace(document, values=values, lines={**lines, written: origin, path: origin})
