"""PASI in a report: points, what physicians differ by, regions and their weights."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count, format_number, listed
from foldgrid.analysis.exhibits.pasi.errors import best_severity
from foldgrid.analysis.exhibits.pasi.reference_lines import (
    BETWEEN_RATERS,
    RATER_SOURCE,
    WITHIN_RATER,
)
from foldgrid.analysis.exhibits.task_words import Landmark, error_beside_the_mean
from foldgrid.analysis.run import Run
from foldgrid.metrics import METRICS, Target
from foldgrid.tasks.pasi.arithmetic import REGION_WEIGHTS, max_pasi
from foldgrid.tasks.pasi.scoring import PasiScoring

OUTPUTS = {
    "scores": "The classification layer was replaced by four outputs, one a score, brought onto "
    "their scales before C is formed.",
    "composite": "The classification layer was replaced by one output, the region's C.",
}
LOSSES = {
    "scores": "The loss is the mean squared error over the four scores, each in its own unit.",
    "composite": "The loss is the mean squared error of C / 12.",
}


class PasiReport:
    """See ``TaskReport``."""

    baseline = "predicts the mean for everybody"
    sample = "composite"
    subject_loss = "mean absolute error"
    weight_meaning = "A weight multiplies the learner's composite, in the logit readings its logit."

    def unit_of(self, metric: str) -> str:
        """See ``TaskReport``."""
        return METRICS[metric].of(Target(unit=PasiScoring.unit)).unit

    def landmarks(self, run: Run, partition: str) -> list[Landmark]:
        """What physicians differ by, and the baseline; only where the metric is the MAE."""
        if run.by != "mae":
            return []
        found = [
            Landmark("within a rater", WITHIN_RATER),
            Landmark("between raters", BETWEEN_RATERS),
        ]
        mean = run.baseline.value(partition, "mae")
        return found if mean is None else [*found, Landmark("predicting the mean", mean)]

    def landmark_words(self, run: Run) -> str:
        """See ``TaskReport``."""
        if run.by != "mae":
            return ""
        return f"Dotted: what trained physicians differ by ({RATER_SOURCE}), and the baseline."

    def meaning(self, run: Run) -> str:
        """The error beside what an error means: the baseline, and what physicians differ by."""
        error, mean = run.best.value("oof", "mae"), run.baseline.value("oof", "mae")
        if error is None or not mean:
            return ""
        beside = "above" if error > BETWEEN_RATERS else "within"
        return (
            f"{error_beside_the_mean(error, mean)}. It is {beside} the {BETWEEN_RATERS:g} points "
            "by which trained physicians "
            f"differ on the same photographs ({RATER_SOURCE}; other patients)."
        )

    def second_metric(self, metric: str) -> str:
        """See ``TaskReport``."""
        return "ccc" if metric != "ccc" else "mae"

    def loss_axis(self, run: Run) -> str:
        """See ``TaskReport``."""
        return "mean squared error of the scaled targets"

    def fold_metric(self, run: Run) -> str:
        """See ``TaskReport``."""
        return "mae"

    def data_statements(self, run: Run) -> dict[str, str]:
        """Visits, composites, regions, scores."""
        samples = run.evaluation.table.samples
        visits = len(samples[["subject", "visit"]].drop_duplicates())
        regions = [region for region in REGION_WEIGHTS if region in run.evaluation.parts]
        pixels = (run.sweep.get("data") or {}).get("tile_pixels")
        dropped = run.evaluation.oof.num_left_out + run.evaluation.test.num_left_out
        return {
            "participants": (
                f"They cover {count(visits, 'visit')} of "
                f"{count(samples['subject'].nunique(), 'subject')} "
                f"and {count(len(samples), 'region-wise composite')} "
                f"({listed([region.replace('_', ' ') for region in regions])})."
            ),
            "photographs": (
                f"The photographs of one region and visit were scaled to fit {pixels} x {pixels} "
                "pixels with their aspect ratio kept, padded with black and placed in a 2 x 2 "
                "grid; one such composite is one sample."
                if pixels
                else ""
            ),
            "outcome": (
                "The reference is the physician's score of each region: erythema, induration and "
                "scaling (0 to 4 each) and involvement (0 to 6). Their product score is C = "
                "(erythema + induration + scaling) x involvement, and a visit's PASI is "
                + " + ".join(
                    f"{REGION_WEIGHTS[region]:g} C({region.replace('_', ' ')})"
                    for region in regions
                )
                + f", 0 to {max_pasi(regions):g}."
            ),
            "missing": (
                "Missing photographs are black tiles."
                + (
                    f" {count(dropped, 'visit')} without all regions had no PASI and were left "
                    "out of every visit-level metric."
                    if dropped
                    else " Every visit had all regions."
                )
            ),
        }

    def model_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        scoring = run.scoring
        assert isinstance(scoring, PasiScoring)
        return {"output": OUTPUTS[scoring.spec.output], "loss": LOSSES[scoring.spec.output]}

    def evaluation_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        strata = [
            f"{row['title']} MAE {format_number(row['mae'])}, bias {format_number(row['bias'])} "
            f"({count(row['num_visits'], 'visit')})"
            for row in run.once(best_severity, "oof").to_dict("records")
            if row["num_visits"] and row["stratum"] != "all"
        ]
        return {
            "unit": "The evaluation unit is the visit's PASI.",
            "floor": (
                "For scale, trained physicians scoring the same photographs differ by "
                f"{BETWEEN_RATERS:g} PASI points between raters and by {WITHIN_RATER:g} within "
                f"one ({RATER_SOURCE}; other patients)."
            ),
            "severity": f"Out-of-fold error of {run.best.model} by severity: {'; '.join(strata)}."
            if strata
            else "",
        }
