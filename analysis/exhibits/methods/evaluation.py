"""Metrics, statistics, results and software, in sentences."""

from __future__ import annotations

from typing import Any

from foldgrid.analysis.drawing.numbers import count, format_number, interval, listed
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted


def evaluation_statements(run: Run) -> dict[str, str]:
    """What is measured, and how sure it is said to be."""
    ranking = run.ranking
    selection = ranking.selections.get(run.by)
    measures = [f"{metric.description} ({metric.title})" for metric in ranking.metrics.values()]
    rivals = ranking.critical_difference
    of_task = task_report(run).evaluation_statements(run)
    return {
        "metrics": (f"{of_task['unit']} Reported are {listed(measures)}."),
        "statistics": (
            "Intervals are 95 % expanded percentile intervals of a bootstrap that draws whole "
            f"subjects, {ranking.num_resamples:,} times, all models on the same draws. Each model "
            "is compared with the best by the paired difference over subjects, its t against the "
            "studentised range of as many models, for the best was picked from the same data; "
            "models with an adjusted p of 0.05 or more are called tied."
            + (
                " Friedman's test and Nemenyi's critical difference rank the models within each of "
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
                f" The error of taking the best of "
                f"{counted(selection.num_learners, 'base learner')} was "
                "corrected by bootstrapping the choice over subjects (BBC-CV, Tsamardinos et al. "
                "2018, with each learner's value over the left-out subjects brought to the size of "
                "all)."
                if selection and selection.corrected is not None and selection.num_learners > 1
                else ""
            )
        ),
        "floor": of_task.get("floor", ""),
    }


def result_statements(run: Run) -> dict[str, str]:
    """What the reporting guidelines ask of the results."""
    best, ranking = run.best, run.ranking
    shown = []
    for partition, name in (("oof", "out of fold"), ("test", "on the test set")):
        metric_values = []
        for metric in ranking.metrics:
            value, ends = best.value(partition, metric), best.interval(partition, metric)
            if value is not None:
                digits = run.scoring.decimals(metric)
                sure = interval(ends.low, ends.high, digits)
                text = f"{ranking.metrics[metric].title} {format_number(value, digits)}"
                metric_values.append(f"{text} ({sure})" if sure else text)
        if metric_values:
            shown.append(f"{name}: {', '.join(metric_values)}")
    said = {"checks", "data", "synthetic data"}
    warnings = [note.text for note in run.notes if note.is_warning and note.topic not in said]
    if run.is_synthetic:
        warnings.insert(0, "The photographs are drawn, not taken of patients.")
    return {
        "performance": f"{best.model}, with 95 % intervals over resampled subjects, "
        f"{'; '.join(shown)}."
        if shown
        else "",
        "severity": task_report(run).evaluation_statements(run).get("severity", ""),
        "limitations": " ".join(warnings),
    }


def software_statements(run: Run) -> dict[str, str]:
    """With what it was computed, and where that is kept."""
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
