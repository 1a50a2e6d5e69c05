"""Classes in a report: counts, chance, what is decided for."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import count, format_number, listed, percent
from foldgrid.analysis.exhibits.task_words import AgainstBaseline
from foldgrid.analysis.run import Run
from foldgrid.specs.counted import counted
from foldgrid.tasks.classification.scoring import LabelScoring


class ClassReport(AgainstBaseline):
    """See ``TaskReport``."""

    baseline = "predicts the class frequencies for everybody"
    floor = "class frequencies"
    sample = "photograph"
    subject_loss = "mean Brier score"
    weight_meaning = (
        "A weight multiplies the learner's class probabilities; in geometric_mean and logit_stack "
        "their logarithms."
    )

    def unit_of(self, metric: str) -> str:
        """Nothing: metrics of classes are pure numbers."""
        return ""

    def meaning(self, run: Run) -> str:
        """The best model's accuracy beside that of always saying the most frequent class."""
        own, usual = run.best.value("oof", "accuracy"), run.baseline.value("oof", "accuracy")
        if own is None or usual is None:
            return ""
        if own <= usual:
            return (
                f"Its accuracy of {percent(own, 1)} is not above the {percent(usual, 1)} of always "
                "saying the most frequent class: it has learned nothing that decides."
            )
        return (
            f"It decides rightly for {percent(own, 1)} of the {run.scoring.unit_name.many}; always "
            f"saying the most frequent class would for {percent(usual, 1)}."
        )

    def second_metric(self, metric: str) -> str:
        """See ``TaskReport``."""
        return "accuracy" if metric != "accuracy" else "auc"

    def loss_axis(self, run: Run) -> str:
        """See ``TaskReport``."""
        return _scoring(run).loss_is

    def fold_metric(self, run: Run) -> str:
        """See ``TaskReport``."""
        return run.by

    def data_statements(self, run: Run) -> dict[str, str]:
        """Photographs, subjects, cases, classes."""
        samples = run.evaluation.table.samples
        pixels = (run.sweep.get("data") or {}).get("tile_pixels")
        cases = samples["case"][samples["case"] != ""].nunique() if "case" in samples else 0
        among = f" in {count(cases, 'case')}" if cases else ""
        return {
            "participants": (
                f"They are {run.scoring.unit_name.count(len(samples))}{among} of "
                f"{count(samples['subject'].nunique(), 'subject')}: {_counts(run)}."
            ),
            "photographs": (
                f"Each photograph was scaled to fit {pixels} x {pixels} pixels with its aspect "
                "ratio kept and padded with black; one photograph is one sample."
                if pixels
                else ""
            ),
            "outcome": f"The reference is the label of each photograph. {_classes(run)}",
        }

    def model_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        scoring = _scoring(run)
        return {
            "output": "The classification layer was replaced by "
            f"{counted(scoring.num_outputs, 'output')}, "
            f"{scoring.outputs_are}.",
            "loss": f"The loss is the {scoring.loss_is}.",
        }

    def evaluation_statements(self, run: Run) -> dict[str, str]:
        """See ``TaskReport``."""
        scoring = _scoring(run)
        how = (
            f"Sensitivity is of {scoring.classes[1]}, decided for at a probability of 0.5."
            if scoring.is_binary
            else "The likeliest class is decided for; AUC, sensitivity and specificity are means "
            "over the classes, each against the rest."
        )
        return {"unit": f"The evaluation unit is the {scoring.unit_name.one}. {how}"}


def _scoring(run: Run) -> LabelScoring:
    scoring = run.scoring
    assert isinstance(scoring, LabelScoring)
    return scoring


def _counts(run: Run) -> str:
    classes = _scoring(run).evaluated_classes
    counts = run.evaluation.table.samples["reference"].value_counts()
    return listed(
        [f"{format_number(counts.get(k, 0), 0)} {name}" for k, name in enumerate(classes)]
    )


def _classes(run: Run) -> str:
    return _scoring(run).classes_are
