"""FG501, the label-permutation test: networks trained on shuffled scores may not foretell them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd

from foldgrid.analysis.checks.check import Check, Finding, breach, holds, not_applicable
from foldgrid.analysis.checks.evaluated import evaluated_fits
from foldgrid.analysis.checks.run_contents import RunContents, read_contents
from foldgrid.analysis.checks.shuffled_skill import Skill, assess_skill, smallest_p_value
from foldgrid.analysis.predictions.finished_fits import scoring_of
from foldgrid.analysis.predictions.predictions import given_references, values_by_learner
from foldgrid.analysis.predictions.validation import FoldPredictions, some
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import Problem
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.metric import TargetKind
from foldgrid.tasks.scale import Scale

LEVEL = 0.01
"""The check fails without a leak once in so many runs at most: 1 in 100."""

PARTITIONS = {"oof": "out of fold", "test": "test"}


def _label_permutation(contents: RunContents) -> Finding:
    if contents.permutation is not None:
        return assess_permutation(contents)
    beside = contents.store.permutation_store("shuffled_scores")
    command = f"{contents.store.relaunch_command()} --canary shuffled_scores"
    if not beside.root.exists("sweep.yaml"):
        return not_applicable(
            f"There is no label-permutation test beside this run. Train one: {command}"
        )
    test_run = read_contents(beside)
    why = _unlike(contents, test_run)
    if why:
        return not_applicable(f"{beside.location} {why}. Train one again: {command}")
    return assess_permutation(
        test_run, _covered(contents, test_run), len(contents.complete_learners)
    )


def assess_permutation(
    test_run: RunContents, names: list[str] | None = None, num_learners: int | None = None
) -> Finding:
    """Whether skill remains in the run of a label-permutation test.

    Args:
        test_run: The run of the test.
        names: The base learners to evaluate; null evaluates all that are complete.
        num_learners: Of how many base learners of the sweep itself they are.
    """
    complete = test_run.complete_learners
    chosen = {name: fits for name, fits in complete.items() if names is None or name in names}
    where = test_run.store.location
    if test_run.samples is None or not chosen:
        return not_applicable(f"{where} has no complete base learner yet.")
    fits = [fit for own in chosen.values() for fit in own]
    tasks = [fit.record.config.task for fit in fits]
    if any(task != tasks[0] for task in tasks):
        return not_applicable(f"The fits of {where} predict different things; see FG204 there.")
    if all(each.is_constant for each in evaluated_fits(fits) if each.partition == "oof"):
        return not_applicable(
            f"Every fit of {where} says the same of everybody: so little training can show no leak."
        )
    skills = {name: _skills(test_run.samples, chosen, name) for name in PARTITIONS}
    evaluated = {name: found for name, found in skills.items() if found}
    if "oof" not in evaluated:
        return not_applicable(
            f"{where} holds too few subjects to show skill at a level of {LEVEL}."
        )
    level = LEVEL / len(evaluated)
    leaks = [
        (partition, skill)
        for partition, found in evaluated.items()
        for skill in found
        if skill.p_value <= level
    ]
    total = counted(len(chosen), "base learner")
    if num_learners is not None and num_learners > len(chosen):
        total += f" of the sweep's {num_learners}"
    scale = scoring_of(fits[0]).scale
    if leaks:
        problems = [Problem(skill.model, "", _words(side, skill, scale)) for side, skill in leaks]
        models = some(dict.fromkeys(skill.model for _, skill in leaks), "base learner")
        return breach(f"Skill remains in {models}; {total} trained on shuffled scores.", problems)
    nearest = min(evaluated["oof"], key=lambda skill: skill.p_value)
    return holds(
        f"{total} trained on shuffled scores: no skill at a level of {LEVEL}. Nearest to it: "
        f"{nearest.model}, {_words('oof', nearest, scale)}"
    )


def _skills(
    samples: pd.DataFrame, learners: dict[str, list[FoldPredictions]], partition: str
) -> list[Skill]:
    """Every learner's skill over one partition; none where nothing could ever be shown."""
    fits = [fit for own in learners.values() for fit in own]
    given = given_references(fits)
    predicted = values_by_learner(learners, partition).dropna()
    table = samples.set_index("sample")
    rows = table.loc[predicted.index.intersection(table.index)].assign(reference=given)
    if rows.empty:
        return []
    rows, predicted = AS_SCORES[scoring_of(fits[0]).target_kind](rows, predicted)
    if smallest_p_value(rows) > LEVEL / len(PARTITIONS):
        return []
    return assess_skill(rows, predicted)


def class_by_class(
    samples: pd.DataFrame, predicted: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Classes as scores: each is a region with a score of 1 where it is the truth, 0 elsewhere.

    Args:
        samples: By sample: subject, fold and ``reference``, the index of the class.
        predicted: By the same samples, the models' probabilities of each class.

    Returns:
        Both by sample and class, as ``assess_skill`` takes them.
    """
    classes = list(dict.fromkeys(predicted.columns.get_level_values(1)))
    rows, said = [], []
    for place, name in enumerate(classes):
        index = [f"{sample} {name}" for sample in samples.index]
        is_it = (samples["reference"] == place).astype(float)
        rows.append(samples.assign(region=name, reference=is_it).set_axis(index, axis=0))
        of_class = predicted.xs(name, axis=1, level=1).loc[samples.index]
        said.append(of_class.set_axis(index, axis=0))
    return pd.concat(rows), pd.concat(said)


def as_they_are(
    samples: pd.DataFrame, predicted: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Numbers are scores; without regions all are of one."""
    return samples if "region" in samples else samples.assign(region=""), predicted


AS_SCORES: Mapping[
    TargetKind, Callable[[pd.DataFrame, pd.DataFrame], tuple[pd.DataFrame, pd.DataFrame]]
] = MappingProxyType({"numbers": as_they_are, "classes": class_by_class})
"""What makes scores of samples and predictions, by kind of truth."""


def _words(partition: str, skill: Skill, scale: Scale) -> str:
    of, digits = f" {scale.unit}" if scale.unit else "", scale.decimals
    mae, usual = f"{skill.mae:.{digits}f}{of}", f"{skill.baseline_mae:.{digits}f}"
    return (
        f"{PARTITIONS[partition]} MAE {mae} against {usual} of predict-the-mean, "
        f"PCC {skill.pcc:.2f}, p {_p(skill.p_value)}."
    )


def _p(value: float) -> str:
    return f"= {value:.2f}" if value >= 0.1 else f"= {value:.4f}"


def _unlike(run: RunContents, test_run: RunContents) -> str:
    """Why a label-permutation test says nothing of a run, or ""."""
    if test_run.permutation is None:
        return "is no label-permutation test (it has no canary.json)"
    if _splits(run) != _splits(test_run):
        return "was made from another split"
    if not _covered(run, test_run):
        return "was trained under other settings, or is not complete"
    return ""


def _splits(contents: RunContents) -> set[str]:
    return {record.config.split_fingerprint for record in contents.records.values()}


def _covered(run: RunContents, test_run: RunContents) -> list[str]:
    """The base learners of the test that were trained as the run's were, but for the scores."""

    def settings(fits: list[FoldPredictions]) -> list[FitConfig]:
        configs = [fit.record.config for fit in sorted(fits, key=lambda fit: fit.fold)]
        return [config.model_copy(update={"data_fingerprint": ""}) for config in configs]

    true = {name: settings(fits) for name, fits in run.complete_learners.items()}
    return [
        name
        for name, fits in test_run.complete_learners.items()
        if settings(fits) == true.get(name)
    ]


CHECKS = (Check("FG501", _label_permutation),)
