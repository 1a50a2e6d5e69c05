"""The data and who was held out, in sentences."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.run import Run


def data_statements(run: Run) -> dict[str, str]:
    """Where the data come from, who is in them, what was evaluated."""
    data = run.sweep.get("data") or {}
    manifest, example = data.get("manifest"), data.get("example")
    source = f"listed in {manifest}" if manifest else f"of the example study {example}"
    where = (
        "The data are embedded synthetic photographs: drawn, with a drawn truth. No patient took "
        "part."
        if run.is_synthetic
        else f"The data are the photographs {source} with the truth given there."
    )
    return {
        "data": where,
        "exclusions": _exclusions(run),
        **task_report(run).data_statements(run),
    }


def _exclusions(run: Run) -> str:
    try:
        flow = run.store.read_flow()
    except FileNotFoundError:
        return ""
    first, *steps, last = flow["steps"]
    taken = [f"{step['num_photos']} {step['step']}" for step in steps if step["num_photos"]]
    num_out = first["num_photos"] - last["num_photos"]
    words = f" ({', '.join(taken)})" if taken else ""
    photographs = count(first["num_photos"], "photograph")
    uneven = " Classes or subgroups lost unlike parts; see Exclusions." if flow["uneven"] else ""
    return f"Of {photographs} {num_out} were left out before the split{words}.{uneven}"


def partition_statements(run: Run) -> dict[str, str]:
    """Who was held out, and how balanced that is."""
    split = run.sweep.get("split") or {}
    oof, test, unit_name = run.evaluation.oof, run.evaluation.test, run.scoring.unit_name
    num_folds = int(oof.units["fold"].nunique())
    method = {
        "greedy": "placed one after another where the imbalance stayed smallest",
        "stratified_group_kfold": "placed by scikit-learn's StratifiedGroupKFold",
    }.get(split.get("fold_method", ""), "")
    imbalance = run.split_facts.get("imbalance")
    seeds = split.get("num_seeds")
    tested = (
        f"{unit_name.count(test.num_units)} of {count(test.num_subjects, 'subject')} were set "
        f"aside as the test set, {unit_name.count(oof.num_units)} of "
        f"{count(oof.num_subjects, 'subject')} were left for training."
        if run.has_test
        else f"There is no test set; {unit_name.count(oof.num_units)} of "
        f"{count(oof.num_subjects, 'subject')} were used for training."
    )
    balance = (
        f"Of {seeds} random orders of the subjects the best balanced was kept; the mean absolute "
        f"difference in the fractions of the {run.scoring.balanced} is {imbalance:.4f}."
        if seeds and isinstance(imbalance, int | float)
        else ""
    )
    aside = run.evaluation.table.samples.query("partition == 'search'")["subject"].nunique()
    if aside:
        tested += (
            f" {count(aside, 'further subject was', 'further subjects were')} set aside for "
            "searches: every fit trained on them and none was evaluated on them."
        )
    return {
        "split": tested,
        "balance": balance,
        "folds": (
            f"The training part was divided into {count(num_folds, 'fold')}"
            + (f", whole subjects {method}." if method else " of whole subjects.")
        ),
        "disjoint": (
            "No subject is on two sides of any partition; the analysis refuses to rank where one "
            "is."
        ),
    }
