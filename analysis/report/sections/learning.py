"""Learning curves, from every fit's history."""

from __future__ import annotations

from itertools import pairwise

from analysis.figures.learning_curves import Curve, LearningCurves, draw_learning_curves
from analysis.report.blocks import Figure, Section
from analysis.report.numbers import count
from analysis.report.run_facts import RunFacts
from analysis.report.tasks import task_report

CALL = "from analysis.report.sections.learning import learning_curves\nlearning_curves(run)"

WATCHED = {
    "inner_split": "the subjects set aside for early stopping",
    "held_out_fold": "the held-out fold, which the fit also predicts",
    "none": "the held-out fold, which decides nothing here",
}


def learning_curves(run: RunFacts) -> LearningCurves:
    """The losses of every planned fit that has trained an epoch, finished or not.

    Args:
        run: The run folder's facts.

    Returns:
        By base learner in the ranking's order; empty where no history was kept.
    """
    order = [row.model for row in run.ranking.rows if row.kind == "base_learner"]
    curves: dict[str, tuple[Curve, ...]] = {}
    for name in order:
        found = []
        for planned in (fit for fit in run.plan if fit.backbone == name):
            epochs = run.store.read_history(planned.fit_id)
            if not epochs:
                continue
            record = run.records.get(planned.fit_id)
            best = record.best_epoch if record else 0
            found.append(
                Curve(
                    fold=planned.fold,
                    train_losses=tuple(epoch.train_loss for epoch in epochs),
                    validation_losses=tuple(epoch.validation_loss for epoch in epochs),
                    best_epoch=best if best <= len(epochs) else 0,
                    phase_starts=tuple(
                        after.epoch
                        for before, after in pairwise(epochs)
                        if after.phase != before.phase
                    ),
                )
            )
        if found:
            curves[name] = tuple(found)
    return LearningCurves(curves, task_report(run).loss_axis(run))


def learning_section(run: RunFacts) -> Section:
    """Small multiples of the losses."""
    facts = learning_curves(run)
    title = "Learning curves"
    if not facts.curves:
        return Section("learning", title, left_out="no fit kept a history of its epochs.")
    watched = WATCHED[run.config.training.early_stopping.policy]
    has_phases = any(curve.phase_starts for each in facts.curves.values() for curve in each)
    phases = " A dotted upright marks the beginning of another phase." if has_phases else ""
    caption = (
        f"Loss by epoch, a panel a base learner and a line a fold. Dashed grey: training, on "
        f"augmented pictures. Solid: {watched}. The dot is the epoch whose weights made the "
        f"predictions.{phases} All panels share their axes; the highest 3 % of the losses may be "
        "cut off."
    )
    stopped = [record.stopped_because for record in run.records.values()]
    lead = (
        f"Of {count(len(stopped), 'finished fit')}, {stopped.count('early_stopping')} stopped "
        f"early, {stopped.count('max_epochs')} trained to their last epoch and "
        f"{stopped.count('diverged')} diverged."
    )
    return Section("learning", title, lead, (Figure(draw_learning_curves(facts), caption, CALL),))
