"""Which models the subjects themselves cannot tell apart."""

from __future__ import annotations

from analysis.figures.critical_difference import draw_critical_difference
from analysis.report.blocks import Figure, Section
from analysis.report.numbers import count
from analysis.report.run_facts import RunFacts
from analysis.report.tasks import task_report

CALL = "run.ranking.critical_difference"
TITLE = "Critical difference"


def critical_section(run: RunFacts) -> Section:
    """The critical-difference figure with subjects as blocks."""
    facts = run.ranking.critical_difference
    if facts is None or facts.reason:
        reason = facts.reason if facts else "it was not computed"
        return Section("critical", TITLE, left_out=f"{reason}.")
    caption = (
        f"Mean rank of each model over {count(facts.num_subjects, 'subject')}, each subject "
        f"ranking the models by its own out-of-fold {task_report(run).subject_loss}. The blocks "
        "are subjects, not data sets as in most such figures. Models joined by a bar at the right "
        "are nearer than the critical difference (Nemenyi, 5 % for all pairs at once)."
    )
    p = facts.p or 0.0
    shown = "below 0.001" if p < 0.001 else f"{p:.3f}"
    lead = f"Friedman's test over {count(facts.num_subjects, 'subject')}: p {shown}. " + (
        "The subjects do not find the models alike."
        if p < 0.05
        else "The subjects give no reason to say that the models differ."
    )
    return Section(
        "critical", TITLE, lead, (Figure(draw_critical_difference(facts), caption, CALL),)
    )
