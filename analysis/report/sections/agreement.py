"""The best model against the physician: scatter with its band, and Bland-Altman."""

from __future__ import annotations

from analysis.clinical.scatter import BAND_MEANING
from analysis.figures.bland_altman import draw_bland_altman
from analysis.figures.scatter import draw_scatter
from analysis.report.blocks import Figure, Section
from analysis.report.numbers import figure, percent
from analysis.report.run_facts import RunFacts

SCATTER_CALL = "run.reading.oof.scatter\nrun.reading.test.scatter"
AGREEMENT_CALL = "run.reading.oof.agreement\nrun.reading.test.agreement"


def agreement_section(run: RunFacts) -> Section:
    """Both figures of the best model, out of fold and on the test set."""
    reading = run.reading
    parts = [part for part in (reading.oof, reading.test) if part.pairs.num_visits]
    agreement = reading.oof.agreement
    lead = (
        f"For a single visit, {reading.model} lies between "
        f"{figure(agreement.lower.value, 1)} and {figure(agreement.upper.value, 1)} PASI points "
        f"from the physician in {percent(agreement.share_within)} of the out-of-fold visits"
    )
    slope = agreement.slope.value
    if slope < -0.1:
        lead += "; it scores mild visits too high and severe ones too low"
    elif slope > 0.1:
        lead += "; it scores mild visits too low and severe ones too high"
    blocks = (
        Figure(
            draw_scatter([part.scatter for part in parts]),
            f"Predicted against physician PASI by {reading.model}, a point a visit. Dotted: "
            f"identity. Solid: least-squares line. Shaded: {BAND_MEANING}",
            SCATTER_CALL,
        ),
        Figure(
            draw_bland_altman([part.agreement for part in parts]),
            "Bland-Altman: difference against average of model and physician, a point a visit. "
            "Solid: mean difference and 95 % limits of agreement over all visits; shaded: their "
            "95 % intervals over resampled subjects.",
            AGREEMENT_CALL,
        ),
    )
    return Section("agreement", "Against the physician", f"{lead}.", blocks)
