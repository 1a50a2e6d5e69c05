"""The networks, how they were trained and what they predict, in sentences."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count, listed
from foldgrid.analysis.exhibits.methods.recipe import (
    augmentation_sentence,
    head_words,
    optimizer_sentence,
    phases_sentence,
    stopping_sentence,
)
from foldgrid.analysis.exhibits.recipes import recipe_groups
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.predictions.predictions import BaseLearner
from foldgrid.analysis.run import Run
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import UNKNOWN_PROVENANCE, is_given
from foldgrid.specs.heads import ATTENTION
from foldgrid.specs.learners import backbone_of, is_ablation, label_of, read_ablation


def model_statements(run: Run) -> dict[str, str]:
    """Which networks, from which weights, with which outputs."""
    complete = [learner for learner in run.evaluation.table.learners if not learner.left_out]
    given = [each for each in complete if is_given(each.name)]
    trained = [each for each in complete if not is_given(each.name)]
    learners = [each for each in trained if not is_ablation(each.name)] or trained
    networks = list(dict.fromkeys(backbone_of(learner.name) for learner in learners))
    random = [learner.name for learner in learners if "random" in learner.weights.split(", ")]
    pretrained = sorted({learner.weights for learner in learners if learner.name not in random})
    if not learners:
        start = ""
    elif not random:
        start = f"All started from published pre-trained weights ({listed(pretrained)})."
    elif len(random) == len(learners):
        start = "All started from random weights; no pre-trained weights were used."
    else:
        start = (
            f"{listed(random)} started from random weights, the others from published "
            f"pre-trained ones ({listed(pretrained)})."
        )
    compared = f"{count(len(networks), 'network was', 'networks were')} compared"
    return {
        "backbones": (
            (f"{compared}: {listed(networks)}." if networks else "No network was trained here.")
            + _labelled([each.name for each in learners])
            + _ablations([each.name for each in complete])
            + _given(given)
        ),
        "weights": start,
        "output": task_report(run).model_statements(run)["output"],
    }


def _labelled(learners: list[str]) -> str:
    """The base learners that are no network's only one, a sentence after a space."""
    if not (labelled := [name for name in learners if label_of(name)]):
        return ""
    number = count(len(labelled), "base learner is", "base learners are")
    return f" {number} one of these networks trained by another recipe: {listed(labelled)}."


def _given(learners: list[BaseLearner]) -> str:
    """The base learners that were not trained here, a sentence after a space."""
    if not learners:
        return ""
    hashes = [
        f"{each.name} ({_of_table(each.fits[0].record.config)}, SHA-256 "
        f"{each.fits[0].record.weights.sha256})"
        for each in learners
    ]
    number = count(len(learners), "further base learner is", "further base learners are")
    return f" {number} from a table made elsewhere, {listed(hashes)}: {UNKNOWN_PROVENANCE}."


def _of_table(config: FitConfig) -> str:
    """What a table held, and what was made of it."""
    if config.given is None or config.given.kind == "predictions":
        return "predictions"
    own = config.training.head_of_table
    words = own.head.words(own.own)
    return f"features, and in each fold {words[:1].lower()}{words[1:]}"


def _ablations(learners: list[str]) -> str:
    """What was varied beside the networks, a sentence after a space; "" where nothing was."""
    values: dict[str, list[str]] = {}
    for name in learners:
        _, key, value = read_ablation(name)
        if key and value not in values.setdefault(key, []):
            values[key].append(value)
    if not values:
        return ""
    reported = [f"{key} {listed(each)}" for key, each in values.items()]
    return f" Each was also trained with one setting otherwise: {'; '.join(reported)}."


def training_statements(run: Run) -> dict[str, str]:
    """The recipe, as every fit had it."""
    recipe = run.config.training
    sample = task_report(run).sample
    # Attention takes a mosaic's photographs one by one.
    has_tiles = run.config.task.sample_kind == "mosaics" and recipe.pooling != ATTENTION
    diverged = sum(record.status == "diverged" for record in run.records.values())
    return {
        "head": _heads(run),
        "loss": task_report(run).model_statements(run)["loss"],
        "optimiser": (
            f"{optimizer_sentence(recipe)}." + phases_sentence(recipe) + _deviating_recipes(run)
        ),
        "search": _search(run),
        "stopping": stopping_sentence(recipe),
        "augmentation": augmentation_sentence(recipe, sample, has_tiles),
        "budget": (
            "This is the smoke budget, a shortened recipe that shows that everything works; its "
            "values are not results."
            if run.config.budget == "smoke"
            else ""
        ),
        "failures": (
            f"{count(diverged, 'fit')} diverged and left no predictions." if diverged else ""
        ),
    }


def _search(run: Run) -> str:
    """Which search found the recipe, and on whom; "" where none did."""
    chain = run.provenance.get("hyperparameters")
    if not isinstance(chain, dict) or not chain.get("trials"):
        return ""
    tried = max(int(trial["of_trials"]) for trial in chain["trials"])
    found = f"The recipe is the best of a search over {count(tried, 'configuration')}"
    if chain.get("num_searched") == 0:
        return f"{found} on subjects that no fit is evaluated on."
    return (
        f"{found} on the same subjects, so out-of-fold values are optimistic by an amount that is "
        "not corrected."
    )


def _heads(run: Run) -> str:
    """The heads that are not the networks' own last layers, each with what was chosen for it."""
    strengths: dict[str, list[float]] = {}
    for record in run.records.values():
        # What was fitted to a table is described with the table.
        if record.config.given is None and (words := head_words(record.config.training)):
            found = strengths.setdefault(words, [])
            found += [record.chosen["strength"]] if "strength" in record.chosen else []
    return " ".join(f"{words}{_span(found)}." for words, found in strengths.items())


def _span(strengths: list[float]) -> str:
    if len(strengths) < 2:
        return ""
    lowest, highest = f"{min(strengths):,.10g}", f"{max(strengths):,.10g}"
    span = lowest if lowest == highest else f"{lowest} to {highest}"
    return f" ({span} in the {count(len(strengths), 'fit')})"


def _deviating_recipes(run: Run) -> str:
    """What some base learners were trained by instead; "" where all had one recipe."""
    others = [group for group in recipe_groups(run) if group.changes]
    if not others:
        return ""
    first = next(each.name for each in run.evaluation.table.learners if not each.left_out)
    parts = [f"{listed(list(group.learners))} ({group.words})" for group in others]
    common = run.config.training
    in_full = [
        f" {listed(list(group.learners))}: {optimizer_sentence(group.recipe)}."
        for group in others
        if (group.recipe.optimizer, group.recipe.schedule) != (common.optimizer, common.schedule)
        or group.recipe.solved_head is not common.solved_head
    ]
    return f" Trained otherwise than {first}, whose recipe this is: {'; '.join(parts)}." + "".join(
        in_full
    )


def prediction_statements(run: Run) -> dict[str, str]:
    """Who predicted whom."""
    names, unit_name = run.evaluation.meta_learners, run.scoring.unit_name.one
    return {
        "prediction": (
            f"Each training {unit_name} was predicted by the fit that had held its subject out "
            "(out of fold, OOF)"
            + (
                f"; each test {unit_name} by the mean of a base learner's fits."
                if run.has_test
                else "."
            )
        ),
        "stacking": (
            f"{count(len(names), 'meta-learner')} combined what the base learners said: "
            f"{listed(list(names))}. Their out-of-fold predictions come from fits on the other "
            "folds of subjects, their test predictions from one fit on all out-of-fold predictions."
            if names
            else "No meta-learner was fitted: that takes two complete base learners and two folds."
        ),
    }
