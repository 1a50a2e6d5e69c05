"""The methods in sentences, each made from what the run recorded; nothing is invented.

A statement is left out where its facts were not recorded. The same statements answer the items of
the reporting guidelines, so a methods text and a filled checklist cannot disagree.
"""

from __future__ import annotations

from typing import Any

from analysis.ranking.sureness import all_notes
from analysis.report.numbers import count, figure, interval, listed
from analysis.report.run_facts import RunFacts
from foldgrid.scoring import METRICS, REGION_WEIGHTS, max_pasi

PARAGRAPHS = {
    "Data": ("data", "participants", "photographs", "outcome", "missing"),
    "Partition": ("split", "balance", "folds", "disjoint"),
    "Models": ("backbones", "weights", "output"),
    "Training": ("loss", "optimiser", "stopping", "augmentation", "budget", "failures"),
    "Prediction": ("prediction", "stacking"),
    "Evaluation": ("metrics", "statistics", "selection", "floor"),
    "Software": ("software", "seeds", "availability"),
}
"""The statements of each paragraph."""

CITATIONS = {
    "pasi": "Xing et al. 2023, medRxiv 2023.03.23.23287628",
    "raters": "Fink et al. 2018",
}


def write_statements(run: RunFacts) -> dict[str, str]:
    """Every statement that the run's facts allow, by name.

    Args:
        run: The run folder's facts.
    """
    statements = {
        **_data(run),
        **_partition(run),
        **_models(run),
        **_training(run),
        **_prediction(run),
        **_evaluation(run),
        **_results(run),
        **_software(run),
    }
    return {name: text for name, text in statements.items() if text}


def _data(run: RunFacts) -> dict[str, str]:
    table, oof, test = run.judgement.table, run.judgement.oof, run.judgement.test
    samples = table.samples
    visits = len(samples[["subject", "visit"]].drop_duplicates())
    regions = [region for region in REGION_WEIGHTS if region in run.judgement.regions]
    data = run.sweep.get("data") or {}
    pixels = data.get("tile_pixels")
    dropped = oof.num_left_out + test.num_left_out
    return {
        "data": (
            "The data are the embedded synthetic trial: drawn photographs with drawn scores. No "
            "patient took part."
            if run.is_synthetic
            else f"The data are the photographs listed in {data['manifest']} with the "
            "physician's scores given there."
        ),
        "participants": (
            f"They cover {count(visits, 'visit')} of {count(samples['subject'].nunique(), 'subject')} "
            f"and {count(len(samples), 'region-wise composite')} "
            f"({listed([region.replace('_', ' ') for region in regions])})."
        ),
        "photographs": (
            f"The photographs of one region and visit were scaled to fit {pixels} x {pixels} pixels "
            "with their aspect ratio kept, padded with black and placed in a 2 x 2 grid; one such "
            "composite is one sample."
            if pixels
            else ""
        ),
        "outcome": (
            "The reference is the physician's score of each region: erythema, induration and "
            "scaling (0 to 4 each) and involvement (0 to 6). Their product score is C = (erythema "
            "+ induration + scaling) x involvement, and a visit's PASI is "
            + " + ".join(
                f"{REGION_WEIGHTS[region]:g} C({region.replace('_', ' ')})" for region in regions
            )
            + f", 0 to {max_pasi(regions):g}."
        ),
        "missing": (
            "Missing photographs are black tiles."
            + (
                f" {count(dropped, 'visit')} without all regions had no PASI and were left out of "
                "every visit-level figure."
                if dropped
                else " Every visit had all regions."
            )
        ),
    }


def _partition(run: RunFacts) -> dict[str, str]:
    split = run.sweep.get("split") or {}
    oof, test = run.judgement.oof, run.judgement.test
    num_folds = int(oof.visits["fold"].nunique())
    method = {
        "greedy": "placed one after another where the imbalance stayed smallest",
        "stratified_group_kfold": "placed by scikit-learn's StratifiedGroupKFold",
    }.get(split.get("fold_method", ""), "")
    imbalance = run.split_facts.get("imbalance")
    seeds = split.get("num_seeds")
    tested = (
        f"{count(test.num_visits, 'visit')} of {count(test.num_subjects, 'subject')} were set "
        f"aside as the test set, {count(oof.num_visits, 'visit')} of "
        f"{count(oof.num_subjects, 'subject')} were left for training."
        if run.has_test
        else f"There is no test set; {count(oof.num_visits, 'visit')} of "
        f"{count(oof.num_subjects, 'subject')} were used for training."
    )
    balance = (
        f"Of {seeds} random orders of the subjects the best balanced was kept; the mean absolute "
        f"difference in the shares of the scaling scores is {imbalance:.4f}."
        if seeds and isinstance(imbalance, int | float)
        else ""
    )
    return {
        "split": tested,
        "balance": balance,
        "folds": (
            f"The training part was divided into {count(num_folds, 'fold')}"
            + (f", whole subjects {method}." if method else " of whole subjects.")
        ),
        "disjoint": (
            "No subject is on two sides of any partition; the analysis refuses to rank where one is."
        ),
    }


def _models(run: RunFacts) -> dict[str, str]:
    learners = [learner for learner in run.judgement.table.learners if not learner.left_out]
    names = listed([learner.name for learner in learners])
    random = [learner.name for learner in learners if "random" in learner.weights.split(", ")]
    pretrained = sorted({learner.weights for learner in learners if learner.name not in random})
    if not random:
        start = f"All started from torchvision's pre-trained weights ({listed(pretrained)})."
    elif len(random) == len(learners):
        start = "All started from random weights; no pre-trained weights were used."
    else:
        start = (
            f"{listed(random)} started from random weights, the others from torchvision's "
            f"pre-trained ones ({listed(pretrained)})."
        )
    outputs = {
        "scores": "The classification layer was replaced by four outputs, one a score, "
        "brought onto their scales before C is formed.",
        "composite": "The classification layer was replaced by one output, the region's C.",
    }
    return {
        "backbones": f"{count(len(learners), 'torchvision network was', 'torchvision networks were')}"
        f" compared: {names}.",
        "weights": start,
        "output": outputs[run.config.task.output],
    }


def _training(run: RunFacts) -> dict[str, str]:
    recipe = run.config.training
    stopping, plateau, drawn = recipe.early_stopping, recipe.plateau, recipe.augmentation
    policies = {
        "inner_split": f"{100 * stopping.inner_share:g} % of the training samples, whole subjects "
        "of the training folds, never of the fold that the fit then predicts",
        "held_out_fold": "the very fold that the fit then predicts, which makes the out-of-fold "
        "figures optimistic",
    }
    changes = [
        f"rotation of each tile by up to {drawn.rotation_degrees:g} degrees"
        if drawn.rotate_tiles
        else "",
        "shuffling of the tiles' places" if drawn.shuffle_tiles else "",
        f"brightness by a factor within {1 - drawn.brightness:g} to {1 + drawn.brightness:g}"
        if drawn.brightness
        else "",
        f"contrast by a factor within {1 - drawn.contrast:g} to {1 + drawn.contrast:g}"
        if drawn.contrast
        else "",
    ]
    diverged = sum(record.status == "diverged" for record in run.records.values())
    cut = recipe.max_batches_per_epoch
    return {
        "loss": "The loss is the mean squared error of the targets, each divided by its maximum.",
        "optimiser": (
            f"Stochastic gradient descent with momentum {recipe.momentum:g}, weight decay "
            f"{recipe.weight_decay:g}, batches of {recipe.batch_size} and a learning rate of "
            f"{recipe.learning_rate:g}, multiplied by {plateau.factor:g} after {plateau.patience} "
            f"epochs without a relative improvement of {plateau.threshold:g}."
        ),
        "stopping": (
            f"A fit ended after {stopping.patience} epochs without a new lowest validation loss, at "
            f"the latest after {count(recipe.max_epochs, 'epoch')}"
            + (f" of {count(cut, 'batch', 'batches')}" if cut else "")
            + f"; the weights of its best epoch were kept. Watched were {policies[stopping.policy]}."
        ),
        "augmentation": (
            f"Training composites were augmented at random: {listed([c for c in changes if c])}."
            if any(changes)
            else "Training composites were not augmented."
        ),
        "budget": (
            "This is the smoke budget, a shortened recipe that shows that everything works; its "
            "figures are not results."
            if run.config.budget == "smoke"
            else ""
        ),
        "failures": (
            f"{count(diverged, 'fit')} diverged and left no predictions." if diverged else ""
        ),
    }


def _prediction(run: RunFacts) -> dict[str, str]:
    names = run.judgement.meta_learners
    return {
        "prediction": (
            "Each training visit was predicted by the fit that had held its subject out "
            "(out of fold, OOF)"
            + ("; each test visit by the mean of a base learner's fits." if run.has_test else ".")
        ),
        "stacking": (
            f"{count(len(names), 'meta-learner')} combined the base learners' composites: "
            f"{listed(list(names))}. Their out-of-fold predictions come from fits on the other "
            "folds of subjects, their test predictions from one fit on all out-of-fold predictions."
            if names
            else "No meta-learner was fitted: that takes two complete base learners and two folds."
        ),
    }


def _evaluation(run: RunFacts) -> dict[str, str]:
    ranking = run.ranking
    selection = ranking.selections.get(run.by)
    measures = [f"{metric.description} ({metric.title})" for metric in METRICS.values()]
    rivals = ranking.critical_difference
    return {
        "metrics": (
            f"The unit of every figure is the visit's PASI. Reported are {listed(measures)}."
        ),
        "statistics": (
            "Intervals are 95 % expanded percentile intervals of a bootstrap that draws whole "
            f"subjects, {ranking.num_resamples:,} times, all models on the same draws. Each model "
            "is compared with the best by the paired difference over subjects, with Holm's "
            "correction; models with a corrected p of 0.05 or more are called tied."
            + (
                f" Friedman's test and Nemenyi's critical difference rank the models within each of "
                f"{count(rivals.num_subjects, 'subject')}."
                if rivals and not rivals.reason
                else ""
            )
            if ranking.num_resamples
            else ""
        ),
        "selection": (
            f"Models are ordered by their out-of-fold {ranking.metric.title}; the test set "
            "orders nothing."
            + (
                f" The error of taking the best of {selection.num_learners} base learners was "
                "corrected by bootstrapping the choice over subjects (BBC-CV, Tsamardinos et al. "
                "2018)."
                if selection and selection.corrected is not None and selection.num_learners > 1
                else ""
            )
        ),
        "floor": (
            "For scale, trained physicians scoring the same photographs differ by 3.3 PASI points "
            f"between raters and by 2.2 within one ({CITATIONS['raters']}; other patients)."
        ),
    }


def _results(run: RunFacts) -> dict[str, str]:
    best, ranking = run.best, run.ranking
    shown = []
    for partition, name in (("oof", "out of fold"), ("test", "on the test set")):
        figures = []
        for metric in METRICS:
            value, ends = best.figure(partition, metric), best.interval(partition, metric)
            if value is not None:
                sure = interval(ends.low, ends.high)
                text = f"{METRICS[metric].title} {figure(value)}"
                figures.append(f"{text} ({sure})" if sure else text)
        if figures:
            shown.append(f"{name}: {', '.join(figures)}")
    severity = run.reading.oof.severity
    strata = [
        f"{row.title} MAE {figure(row.mae)}, bias {figure(row.bias)} ({count(row.num_visits, 'visit')})"
        for row in severity.itertuples()
        if row.num_visits and row.stratum != "all"
    ]
    warnings = [
        note.text
        for note in all_notes(ranking)
        if note.is_warning and note.topic not in {"checks", "data"}
    ]
    if run.is_synthetic:
        warnings.insert(0, "The photographs are drawn, not taken of patients.")
    return {
        "performance": f"{best.model}, with 95 % intervals over resampled subjects, "
        f"{'; '.join(shown)}."
        if shown
        else "",
        "severity": f"Out-of-fold error of {best.model} by severity: {'; '.join(strata)}."
        if strata
        else "",
        "limitations": " ".join(warnings),
    }


def _software(run: RunFacts) -> dict[str, str]:
    versions: dict[str, Any] = run.provenance.get("versions") or {}
    shown = [
        f"{title} {versions[name]}"
        for name, title in (
            ("foldgrid", "foldgrid"),
            ("python", "Python"),
            ("torch", "PyTorch"),
            ("torchvision", "torchvision"),
            ("numpy", "NumPy"),
            ("scikit-learn", "scikit-learn"),
        )
        if versions.get(name)
    ]
    commit = str((run.provenance.get("git") or {}).get("commit") or "")
    return {
        "software": f"Software: {listed(shown)}." if shown else "",
        "seeds": f"All random draws of training follow from the seed {run.config.seed}.",
        "availability": (
            f"The code is foldgrid at commit {commit[:12]}; the run folder holds the resolved "
            "sweep, the split, every fit's record and its predictions."
            if commit
            else "The run folder holds the resolved sweep, the split, every fit's record and its "
            "predictions."
        ),
    }
