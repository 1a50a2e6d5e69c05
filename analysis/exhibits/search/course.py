"""How a search went: the best so far, the trials by epoch, what became of the epochs."""

from __future__ import annotations

import math

from analysis.drawing.blocks import Block, Column, Figure, Section, Table, Text, cells
from analysis.drawing.numbers import count, percent
from analysis.exhibits.search.facts import StudyFacts
from analysis.exhibits.search.history import SearchHistory, draw_history
from analysis.exhibits.search.trial_curves import TrialCurves, draw_trial_curves

MARKS = (
    "A filled dot trained to its end, a hollow one was given up by the scheduler and shows its "
    "last score, a cross diverged and stands at the worst end of the axis."
)


def history_section(study: StudyFacts) -> Section:
    """The optimisation history."""
    metric, own = study.evidence.metric, study.evidence.own
    facts = SearchHistory(
        study.key("history"),
        study.history,
        metric,
        math.nan if own is None else own.oof.get(metric.name, math.nan),
    )
    caption = (
        f"The best {metric.title} so far (line), by trial and by the epochs spent until then. "
        f"{MARKS} Only trials that trained to their end can be the best. Dotted: the sweep's own "
        "recipe, trial 0. The wildest scores are set at the axis' end. Trials stand in the order "
        "in which they were drawn; side by side they may have ended in another."
    )
    data = study.history.to_csv(index=False)
    blocks: tuple[Block, ...] = (
        Figure(draw_history(facts), caption, study.call("history"), data),
        _epochs_table(study),
        Text((_epochs_words(study),)),
    )
    return Section(study.key("course"), "How the search went", _lead(study), blocks)


def _lead(study: StudyFacts) -> str:
    trials = study.evidence.trials
    ends = {
        status: sum(trial.status == status for trial in trials)
        for status in ("complete", "stopped", "diverged")
    }
    text = f"Of {count(len(trials), 'trial')}, {ends['complete']} trained to the end"
    text += f", {ends['stopped']} were given up" if ends["stopped"] else ""
    text += f", {ends['diverged']} diverged" if ends["diverged"] else ""
    if study.best is None:
        return f"{text}."
    until = study.history[study.history["trial"] <= study.best.number]
    after = int(until["epochs_spent"].max())
    return f"{text}. The best was found after {after} of {study.saved.num_trained} epochs."


def _epochs_table(study: StudyFacts) -> Table:
    saved = study.saved

    def row(name: str, number: int) -> tuple[str, str, str]:
        share = number / saved.num_planned if saved.num_planned else math.nan
        return name, f"{number:,}".replace(",", "\u202f"), percent(share)

    rows = [
        row("trained", saved.num_trained),
        row("saved: given up by the scheduler", saved.num_saved),
        row("not needed: ended by patience", saved.num_patience),
        row("not trained: diverged", saved.num_diverged),
        row("planned", saved.num_planned),
    ]
    columns = (Column("Epochs of all folds"), Column("Epochs", True), Column("Of planned", True))
    return Table(
        study.key("epochs"),
        "What became of the epochs",
        columns,
        tuple(cells(*each) for each in rows),
        study.call("saved"),
    )


def _epochs_words(study: StudyFacts) -> str:
    if not study.saved.num_stopped:
        return "No scheduler gave a trial up, so none of the epochs was saved by one."
    return (
        f"Giving up {count(study.saved.num_stopped, 'trial')} saved at most "
        f"{percent(study.saved.share)} of the epochs: some of these trials' folds might have "
        "ended by their own patience. That is early stopping of fits, part of the recipe, and is "
        "counted apart."
    )


def curves_section(study: StudyFacts) -> Section:
    """The score of every trial by epoch."""
    title, best = "Learning curves", study.best
    if study.curves.empty or study.curves["score"].isna().all():
        return Section(study.key("curves_part"), title, left_out="no epoch has a score.")
    facts = TrialCurves(
        study.key("curves"), study.curves, study.evidence.metric, best.number if best else -1
    )
    caption = (
        f"Out-of-fold {study.evidence.metric.title} after each epoch, a line a trial: each fold "
        "predicts with the weights that its own validation subjects liked best so far. Thick: the "
        "best trial. Dashed: the sweep's own recipe. Grey lines that end in a hollow dot were "
        "given up there; a cross diverged. The worst curves may leave the axis."
    )
    data = study.curves.to_csv(index=False)
    figure = Figure(draw_trial_curves(facts), caption, study.call("curves"), data)
    lead = "A trial's score after an epoch is what one would have by stopping there."
    return Section(study.key("curves_part"), title, lead, (figure,))
