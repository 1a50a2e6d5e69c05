"""Everything that is known of a sweep before it trains.

Nothing is decoded, and nothing written but the weight files that a launch fetches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from foldgrid.data.dataset import Survey
from foldgrid.data.label_permutation import permute_labels
from foldgrid.data.splits import TEST, TRAIN, Split, inner_split, make_split
from foldgrid.execution.resources import Node, Resources, memory_on_card, plan_resources
from foldgrid.launching.given.fits import GivenLearner, read_given
from foldgrid.launching.planning.found_recipe import FoundRecipe
from foldgrid.launching.planning.grid import Grid, SampleCounts, parse_selection, plan_grid
from foldgrid.launching.planning.networks import (
    check_licences,
    check_networks,
    check_weight_files,
    facts_kept_in,
    footprints,
    without_absent,
)
from foldgrid.launching.planning.pooled_photographs import check_pooled_photographs
from foldgrid.models import WeightFile, resolve_weights
from foldgrid.models.footprint import Footprint
from foldgrid.records import CorruptFit, RunStore, Verified, run_location, verify_fits
from foldgrid.records.verification import run_faults
from foldgrid.simulation.source import survey_data
from foldgrid.specs.errors import CorruptFileError, InputError, Problem, SweepError
from foldgrid.specs.label_permutation import LabelPermutation, PermutationName, permutation_folder
from foldgrid.specs.resolving import ResolvedSweep
from foldgrid.specs.search_space import SearchSpace
from foldgrid.specs.sweep import SearchSettings, Sweep
from foldgrid.specs.task import TaskSpec
from foldgrid.tasks.registry import make_scoring, resolve_task
from foldgrid.training.training_data import samples_with_partition

FEWEST_OUTPUTS = 2
"""With so many a network is tried before it is known how many classes there are."""


@dataclass(frozen=True)
class PreparedSweep:
    """A sweep ready to be shown or run.

    Attributes:
        sweep: As resolved.
        survey: The data set, not yet decoded; its targets shuffled in a label-permutation
            test.
        split: Who is held out.
        weights: By backbone, the pre-trained weights to start from.
        footprints: By base learner, the network's size.
        grid: The fits.
        resources: What they take.
        store: The run folder; may not exist yet.
        fetch_command: The command that fetches the sweep's pre-trained weights.
        space: What is searched instead of training the grid; nothing for a grid.
        found: Where the recipe was found, if a search did.
        permutation: What the scores or labels are where they are not the true ones.
        corrupt: Fits of the grid that are complete and not what was written: they are left.
        run_faults: What is wrong with the run folder's own files, which a launch writes again.
        absent: Backbones that the sweep leaves out because their weights are not here.
        given: By the sweep's name, the base learners that come as tables.
    """

    sweep: Sweep
    survey: Survey
    split: Split
    weights: dict[str, WeightFile | None]
    footprints: dict[str, Footprint]
    grid: Grid
    resources: Resources
    store: RunStore
    fetch_command: str
    space: SearchSpace | None = None
    found: FoundRecipe | None = None
    permutation: LabelPermutation | None = None
    corrupt: tuple[CorruptFit, ...] = ()
    run_faults: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    given: Mapping[str, GivenLearner] = field(default_factory=dict)

    @property
    def weights_to_train(self) -> tuple[WeightFile, ...]:
        """The pre-trained weights that what is left starts from."""
        cells = self.grid.left if self.space is None else self.grid.jobs
        backbones = dict.fromkeys(job.config.backbone for job in cells)
        files = (self.weights.get(name) for name in backbones)
        return tuple(file for file in files if file)

    @property
    def first_weights(self) -> dict[str, str]:
        """By backbone, the SHA-256 of its pre-trained weights; none for random ones."""
        return {name: file.sha256() for name, file in self.weights.items() if file}


def prepare_sweep(
    resolved: ResolvedSweep,
    *,
    storage: str,
    cache: Path,
    only: Sequence[str] = (),
    asked_for: str = "",
    canary: PermutationName | None = None,
    nodes: Sequence[Node] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    fetch: Callable[[Sequence[WeightFile]], None] | None = None,
) -> PreparedSweep:
    """Checks and plans a sweep.

    Args:
        resolved: What to run.
        storage: The folder or URI that holds run folders.
        cache: Where mosaics and simulated studies are kept.
        only: Parts of the grid, as the command line names them.
        asked_for: The sweep as the command line named it, for commands to type next.
        canary: Train on scores that the pictures cannot tell, in a run folder of their own; the
            split stays that of the true scores.
        nodes: The machines of a cluster that was there before; nothing for this machine.
        on_progress: Notified of photographs generated or read.
        fetch: Downloads weight files, once all else is in order; nothing where the sweep is shown
            and not trained.

    Raises:
        SweepError: Whatever is wrong with the sweep, the data, the split or the weights.
    """
    source = resolved.document.source
    fetch_command = f"foldgrid weights fetch --sweep {asked_for or resolved.sweep.name}"
    with facts_kept_in(cache):
        check_networks(resolved)
        resolved, absent = without_absent(resolved)
        resolved = _with_recorded_colour(resolved, storage)
        sweep = resolved.sweep
        selection = parse_selection(only, sweep)
        # Before any photograph is read: the number of classes does not decide what is too small.
        footprints(sweep, source, _num_outputs_so_far(sweep.task))
        weights = resolve_weights(sweep.backbones, sweep.weights, fetch_command, sweep.weight_files)
        check_licences(resolved, weights)
        check_weight_files(sweep, weights)
        sweep, survey, split, about_permutation = _prepare_data(
            resolved, cache, canary, on_progress
        )
        placed = samples_with_partition(survey.samples, split)
        given = read_given(sweep.given, placed, split, make_scoring(sweep.task))
        sizes = footprints(sweep, source, make_scoring(sweep.task).num_outputs)
        resources = _planned_resources(resolved, sweep, survey, sizes, nodes)
        store = RunStore(run_location(storage, sweep.name))
        _keep_apart(store, about_permutation)
        weights = _fetched_or_recorded(weights, store, fetch)
        grid = plan_grid(
            sweep,
            data_fingerprint=survey.fingerprint,
            split_fingerprint=split.fingerprint,
            weights=weights,
            footprints=sizes,
            counts=_counts(split, sweep, survey, is_search=resolved.space is not None),
            finished=set(),
            selection=selection,
            given={
                name: (each.identity, each.recipe(sweep.training)) for name, each in given.items()
            },
        )
    # A search trains no fits of the grid itself.
    verified, faults = _verified(store, grid if resolved.space is None else None)
    return PreparedSweep(
        sweep,
        survey,
        split,
        weights,
        sizes,
        replace(grid, finished=verified.finished).placed(resources),
        resources,
        store,
        fetch_command,
        space=resolved.space,
        permutation=about_permutation,
        corrupt=verified.corrupt,
        run_faults=faults,
        absent=absent,
        given=given,
    )


def _with_recorded_colour(resolved: ResolvedSweep, storage: str) -> ResolvedSweep:
    """A run folder from before colours were managed goes on as it began, unless the sweep says.

    Its fits that are done saw the numbers as they are stored.
    """
    data = resolved.sweep.data
    store = RunStore(run_location(storage, resolved.sweep.name))
    if "colour" in data.model_fields_set or not store.root.exists("sweep.yaml"):
        return resolved
    try:
        recorded = store.read_sweep()["data"]
    except (CorruptFileError, KeyError, TypeError):
        return resolved
    as_before = data.model_copy(update={"colour": recorded.get("colour", "as_stored")})
    return replace(resolved, sweep=resolved.sweep.model_copy(update={"data": as_before}))


def _planned_resources(
    resolved: ResolvedSweep,
    sweep: Sweep,
    survey: Survey,
    sizes: Mapping[str, Footprint],
    nodes: Sequence[Node] | None,
) -> Resources:
    # A trial of a search holds the networks of all its folds.
    num_fits = sweep.split.num_folds if resolved.space is not None else 1
    data_gib = survey.mosaics_bytes / 2**30
    recipes = sweep.recipes
    memory = {
        name: memory_on_card(size, recipes[name].batch_size, data_gib, num_fits)
        for name, size in sizes.items()
    }
    return plan_resources(sweep.resources, memory, nodes)


def _fetched_or_recorded(
    weights: dict[str, WeightFile | None],
    store: RunStore,
    fetch: Callable[[Sequence[WeightFile]], None] | None,
) -> dict[str, WeightFile | None]:
    missing = [file for file in weights.values() if file and not file.is_here]
    if not missing:
        return weights
    if fetch is None:
        return _as_recorded(weights, store)
    fetch(missing)
    return weights


def _num_outputs_so_far(task: TaskSpec) -> int:
    """The size of the last layer where it is known before the data are, else one that will do."""
    try:
        return max(make_scoring(task).num_outputs, 1)
    except Exception:
        # A task need not answer before it is resolved; what is wrong with it shows then.
        return FEWEST_OUTPUTS


def _as_recorded(
    weights: dict[str, WeightFile | None], store: RunStore
) -> dict[str, WeightFile | None]:
    """Files that are yet to be fetched, with the whole hash where the run folder knows it.

    Their names promise the start of it alone, and fits that are done are known by the whole.
    """
    try:
        recorded = store.read_first_weights() if store.root.exists("sweep.yaml") else {}
    except (FileNotFoundError, CorruptFileError):
        recorded = {}
    found = dict(weights)
    for name, file in weights.items():
        known = recorded.get(name, "")
        if file and not file.is_here and file.promised and known.startswith(file.promised):
            found[name] = replace(file, promise=known)
    return found


def _prepare_data(
    resolved: ResolvedSweep,
    cache: Path,
    canary: PermutationName | None,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[Sweep, Survey, Split, LabelPermutation | None]:
    """The sweep with its task, its photographs, who is held out, and a label permutation."""
    sweep = resolved.sweep
    survey = survey_data(sweep.data, cache, on_progress, photographs=sweep.task.sample_kind)
    split = make_split(survey.samples, sweep.split, survey.layout)
    # What `auto` found is what new photographs are read by, however bright these are.
    read = sweep.data.model_copy(update={"bits": survey.reading.bits})
    sweep = sweep.model_copy(update={"data": read})
    sweep = _with_task_resolved(sweep, survey, split)
    _check_annotations(sweep, survey, resolved.document.source)
    check_pooled_photographs(sweep, survey, resolved.document.source)
    about_permutation = None
    if canary is not None:
        resolved = replace(resolved, sweep=sweep)
        sweep, survey, about_permutation = _as_permutation(canary, resolved, survey, split)
    is_search = resolved.space is not None
    _check_inner_splits(split, survey, sweep, is_search=is_search)
    return sweep, survey, split, about_permutation


def _as_permutation(
    canary: PermutationName, resolved: ResolvedSweep, survey: Survey, split: Split
) -> tuple[Sweep, Survey, LabelPermutation]:
    """The sweep under a name that nobody takes for the true one's, on permuted targets."""
    sweep = resolved.sweep
    if resolved.space is not None:
        raise SweepError(
            f"--canary {canary}: {sweep.name} searches, and a search has no label-permutation "
            "test.\n"
            "Take a sweep without search_space: the same data and split, a grid of fits."
        )
    about = LabelPermutation(
        name=canary, sweep=sweep.name, seed=sweep.seed, data_fingerprint=survey.fingerprint
    )
    title = f"LABEL-PERMUTATION TEST ({canary}, no result): {sweep.title}"
    # Predictions were made of the true labels: they can tell nothing of the permuted ones.
    given = {name: each for name, each in sweep.given.items() if each.features is not None}
    renamed = {"name": permutation_folder(sweep.name, canary), "title": title, "given": given}
    return (
        sweep.model_copy(update=renamed),
        permute_labels(survey, split, canary, sweep.seed),
        about,
    )


def _keep_apart(store: RunStore, permutation: LabelPermutation | None) -> None:
    """Refuses to mix a sweep and a label-permutation test in one run folder, whatever their names.

    Raises:
        SweepError: The folder is the other kind's.
    """
    if not store.root.exists("sweep.yaml"):
        return
    # Whether it is whole or not: a label-permutation test's launch writes it again.
    holds_permutation = store.is_permutation()
    if holds_permutation == (permutation is not None):
        return
    kinds = ("a label-permutation test", "a sweep")
    kinds = kinds if holds_permutation else kinds[::-1]
    raise SweepError(
        f"{store.location}: holds {kinds[0]}; {kinds[1]} of that name may not join it.\n"
        "Give the sweep another name, or another --storage."
    )


def _verified(store: RunStore, grid: Grid | None) -> tuple[Verified, tuple[str, ...]]:
    """The fits of the grid that are complete, and what of the run folder is corrupt."""
    cells = grid.cells if grid is not None else []
    try:
        return verify_fits(store, [cell.fit_id for cell in cells]), run_faults(store)
    except OSError as error:
        raise SweepError(
            f"--storage: {store.location} cannot be read ({error}).\n"
            "Check the name, the permissions and, for object storage, the credentials."
        ) from error


def _with_task_resolved(sweep: Sweep, survey: Survey, split: Split) -> Sweep:
    """The sweep with what only the data can tell its task, such as the classes that there are.

    A search that does not say what for is for the task's first metric.

    Raises:
        InputError: The data do not have what the task asks for.
    """
    samples = samples_with_partition(survey.samples, split)
    task = resolve_task(sweep.task, samples)
    return sweep.model_copy(update={"task": task, "search": _search_for(sweep.search, task)})


def _check_annotations(sweep: Sweep, survey: Survey, source: str) -> None:
    """Refuses training labels by fewer raters where there are none, before any fit finds out.

    Raises:
        InputError: The task, or the manifest, has no grades; or grades that belong to no class.
    """
    recipes = sweep.recipes.values()
    asked = [recipe.num_raters for recipe in recipes if recipe.num_raters is not None]
    try:
        for num_raters in asked[:1]:
            make_scoring(sweep.task).rated_targets(survey.samples, num_raters)
    except ValueError as error:
        message = f"{error}. Leave it out, or give the manifest the columns and task.annotations."
        raise InputError(source, [Problem("training", "num_raters", message)]) from None


def _search_for(settings: SearchSettings, task: TaskSpec) -> SearchSettings:
    metrics = make_scoring(task).metrics
    if "objectives" not in settings.model_fields_set:
        return settings.model_copy(update={"objectives": (next(iter(metrics)),)})
    if unknown := [name for name in settings.objectives if name not in metrics]:
        message = f'found "{unknown[0]}". This task has {", ".join(metrics)}.'
        raise InputError("search", [Problem("objectives", "", message)])
    return settings


def _check_inner_splits(split: Split, survey: Survey, sweep: Sweep, *, is_search: bool) -> None:
    """Refuses folds whose training part cannot spare subjects, before any fit finds out.

    Raises:
        InputError: Too few subjects remain outside a fold for ``early_stopping: inner_split``.
    """
    stopping = sweep.training.early_stopping
    if stopping.policy != "inner_split":
        return
    table = split.table.loc[split.search_rows] if is_search else split.table
    strata = survey.samples.set_index("sample")[survey.stratum].loc[table["sample"]].to_numpy()
    for fold in range(sweep.split.num_folds):
        is_held_out = table["fold"] == fold
        if not is_search:
            is_held_out &= table["partition"] == TRAIN
        others = ((table["partition"] != TEST) & ~is_held_out).to_numpy()
        subjects = table["subject"].to_numpy()[others]
        inner_split(subjects, strata[others], fraction=stopping.inner_fraction, seed=0, num_seeds=1)


def _counts(split: Split, sweep: Sweep, survey: Survey, *, is_search: bool) -> SampleCounts:
    each = survey.num_photos / len(survey.samples)
    partition = split.table["partition"]
    num_test = int((partition == TEST).sum())
    num_predicted = len(split.search_rows) if is_search else int((partition == TRAIN).sum())
    num_train = num_predicted if is_search else int((partition != TEST).sum())
    held_out = num_predicted // sweep.split.num_folds
    others = num_train - held_out
    stopping = sweep.training.early_stopping
    if stopping.policy != "inner_split":
        return SampleCounts(others, held_out, held_out + num_test, each)
    inner = round(others * stopping.inner_fraction)
    return SampleCounts(others - inner, inner, held_out + num_test, each)
