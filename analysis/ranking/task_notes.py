"""What only the task can say of a ranking: what is predicted, on which scale, by what combined."""

from __future__ import annotations

from analysis.evaluation import Judgement
from analysis.predictions.notes import Note
from foldgrid.tasks.classification.scoring import LabelScoring
from foldgrid.tasks.classification.tree_scoring import TreeScoring
from foldgrid.tasks.pasi.arithmetic import max_pasi
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.scoring import Scoring

RATER_FLOOR = Note(
    topic="raters",
    text=(
        "For scale: trained physicians scoring the same photographs differ by 3.3 PASI points "
        "between raters and by 2.2 within one (Fink et al. 2018; other patients than these)."
    ),
)
PASI_OUTPUTS = {
    "scores": "The models predict erythema, induration, scaling and involvement of a region",
    "composite": "The models predict a region's composite (E + I + S) x involvement directly",
}


def output_note(judgement: Judgement) -> Note:
    """What the models predict, what the figures compare, and which end is better."""
    scoring = judgement.table.scoring
    if isinstance(scoring, PasiScoring):
        text = (
            f"{PASI_OUTPUTS[scoring.spec.output]}; the figures compare the PASI of a visit, 0 to "
            f"{max_pasi(judgement.parts):g}."
        )
    elif isinstance(scoring, LabelScoring):
        text = _classes(scoring)
    else:
        text = f"The models predict {', '.join(scoring.target_names)} of a {scoring.noun.one}."
    return Note(topic="output", text=f"{text} {_directions(scoring)}")


def _classes(scoring: LabelScoring) -> str:
    names = ", ".join(scoring.judged_classes)
    text = f"The models give each photograph a probability for {names}."
    if isinstance(scoring, TreeScoring):
        text = (
            f"The models tell {len(scoring.classes)} training classes apart, cut from a tree; the "
            f"figures compare their sums up the tree: {names}."
        )
    if scoring.is_binary:
        return f"{text} Sensitivity is of {scoring.classes[1]}, decided at a probability of 0.5."
    return (
        f"{text} AUC, sensitivity and specificity are means over the classes, each against the "
        "rest; the likeliest class is decided for."
    )


def _directions(scoring: Scoring) -> str:
    ends = {"lower": "lower is better", "higher": "higher", "zero": "nearer to 0"}
    told = []
    for direction, words in ends.items():
        shown = [scoring.metrics[name] for name in scoring.shown]
        titles = [metric.title for metric in shown if metric.direction == direction]
        if titles:
            listed = " and ".join([", ".join(titles[:-1]), titles[-1]]) if titles[1:] else titles[0]
            told.append(f"{listed}: {words}")
    text = "; ".join(told)
    return f"{text if 'better' in text else text + ' is better'}."


def scale_notes(judgement: Judgement) -> list[Note]:
    """What figures of this task are held against."""
    return [RATER_FLOOR] if isinstance(judgement.table.scoring, PasiScoring) else []


def stacking_note(judgement: Judgement) -> Note:
    """How the meta-learners combine."""
    if isinstance(judgement.table.scoring, PasiScoring):
        text = (
            "The paper's four meta-learners (meta_learner to meta_learner_ridge_w_intercept) are "
            "read as logit, fractional logistic regressions of a region's composite over its "
            "maximum, and as their linear counterparts, least_squares and ridge."
        )
    else:
        text = (
            f"{len(judgement.meta_learners)} meta-learners combine the base learners' class "
            "probabilities; `mean` is the plain ensemble."
        )
    return Note(topic="stacking", text=text)


def balanced_words(scoring: Scoring) -> str:
    """What the split was balanced by."""
    return "scaling scores" if isinstance(scoring, PasiScoring) else f"{scoring.stratum}s"
