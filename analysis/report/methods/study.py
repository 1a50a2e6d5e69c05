"""The data and who was held out, in sentences."""

from __future__ import annotations

from analysis.report.numbers import count, listed
from analysis.report.run_facts import RunFacts
from foldgrid.scoring import REGION_WEIGHTS, max_pasi


def data_statements(run: RunFacts) -> dict[str, str]:
    """Where the data come from, who is in them, what the physician scored."""
    table, oof, test = run.judgement.table, run.judgement.oof, run.judgement.test
    samples = table.samples
    visits = len(samples[["subject", "visit"]].drop_duplicates())
    regions = [region for region in REGION_WEIGHTS if region in run.judgement.parts]
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
            f"They cover {count(visits, 'visit')} of "
            f"{count(samples['subject'].nunique(), 'subject')} "
            f"and {count(len(samples), 'region-wise composite')} "
            f"({listed([region.replace('_', ' ') for region in regions])})."
        ),
        "photographs": (
            f"The photographs of one region and visit were scaled to fit {pixels} x {pixels} "
            "pixels with their aspect ratio kept, padded with black and placed in a 2 x 2 grid; "
            "one such composite is one sample."
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


def partition_statements(run: RunFacts) -> dict[str, str]:
    """Who was held out, and how balanced that is."""
    split = run.sweep.get("split") or {}
    oof, test = run.judgement.oof, run.judgement.test
    num_folds = int(oof.units["fold"].nunique())
    method = {
        "greedy": "placed one after another where the imbalance stayed smallest",
        "stratified_group_kfold": "placed by scikit-learn's StratifiedGroupKFold",
    }.get(split.get("fold_method", ""), "")
    imbalance = run.split_facts.get("imbalance")
    seeds = split.get("num_seeds")
    tested = (
        f"{count(test.num_units, 'visit')} of {count(test.num_subjects, 'subject')} were set "
        f"aside as the test set, {count(oof.num_units, 'visit')} of "
        f"{count(oof.num_subjects, 'subject')} were left for training."
        if run.has_test
        else f"There is no test set; {count(oof.num_units, 'visit')} of "
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
            "No subject is on two sides of any partition; the analysis refuses to rank where one "
            "is."
        ),
    }
