"""How the physician scored, training against test."""

from __future__ import annotations

from analysis.clinical.distributions import score_distributions
from analysis.figures.distributions import draw_distributions
from analysis.report.blocks import Figure, Section
from analysis.report.numbers import percent
from analysis.report.run_facts import RunFacts

CALL = (
    "from analysis.clinical.distributions import score_distributions\n"
    "score_distributions(run.judgement, run.store)"
)
TITLE = "The physician's scores"


def scores_section(run: RunFacts) -> Section:
    """The distributions of the four scores and of the PASI."""
    facts = score_distributions(run.judgement, run.store)
    if not run.has_test:
        return Section("distribution", TITLE, left_out="there is no test set to compare with.")
    caption = (
        "How the physician scored, training (grey) against test (colour): share of the samples by "
        "grade, and of the visits by PASI."
    )
    if facts.not_applicable:
        caption += f" {facts.not_applicable}"
    lead = (
        f"{percent(facts.differences['pasi'])} of the test visits would have to change their "
        "PASI's band for test and training to look alike."
    )
    return Section("distribution", TITLE, lead, (Figure(draw_distributions(facts), caption, CALL),))
