"""Which values scored how."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from analysis.drawing.blocks import Figure, Section
from analysis.drawing.numbers import count, figure, listed, percent
from analysis.exhibits.search.facts import StudyFacts
from analysis.exhibits.search.importance import FEWEST_TRIALS, Importance, draw_importances
from analysis.exhibits.search.landscape import FEWEST_TRIALS as FEWEST_FOR_SURFACE
from analysis.exhibits.search.landscape import LandscapeFigure, draw_landscape
from analysis.exhibits.search.objectives import Objectives, draw_objectives
from analysis.exhibits.search.parallel_coordinates import (
    ParallelCoordinates,
    draw_parallel_coordinates,
)
from analysis.search.certainty import decimals
from analysis.search.numbers import scales
from foldgrid.metrics import METRICS


def parallel_section(study: StudyFacts) -> Section:
    """Parallel coordinates."""
    evidence, best = study.evidence, study.best
    axes = scales(evidence)
    numbers = [trial.number for trial in evidence.trials]
    facts = ParallelCoordinates(
        key=study.key("parallel"),
        scales=axes,
        places_TP=np.array(
            [
                [axis.share(evidence.value(trial, axis.name)) for axis in axes]
                for trial in evidence.trials
            ]
        ),
        scores=tuple(evidence.score(trial) for trial in evidence.trials),
        statuses=tuple(trial.status for trial in evidence.trials),
        metric=evidence.metric,
        best=numbers.index(best.number) if best else -1,
        own=numbers.index(0) if 0 in numbers else -1,
    )
    end = "highest" if evidence.metric.direction == "higher" else "lowest"
    caption = (
        f"A line a trial, through its values to its {evidence.metric.title}. The stronger the "
        f"colour the better the score, in five steps of equally many trials; thick: the best, with "
        f"the {end} {evidence.metric.title}; long dashes: the sweep's own recipe. Thin dashed grey "
        "lines were given up or diverged. Look for a stretch of an axis that only strong lines "
        "cross: that is where a parameter decides. Axes drawn logarithmically are logarithmic; on "
        "an axis of choices the trials of one choice stand beside each other, in order of score."
    )
    drawn = draw_parallel_coordinates(facts)
    data = study.trials.to_csv(index=False)
    part = Figure(drawn, caption, study.call("trials"), data)
    return Section(study.key("values"), "Every trial's values", blocks=(part,))


def importance_section(study: StudyFacts) -> Section:
    """Importances with their uncertainty."""
    facts, title = study.importances, "What mattered"
    if facts.reason:
        return Section(study.key("mattered"), title, left_out=f"{facts.reason}.")
    both = facts.parameters[0].complete and facts.parameters[0].all_trials
    over = f"the {count(facts.num_complete, 'trial')} that trained to the end"
    if facts.parameters[0].complete is None:
        over = (
            f"all {facts.num_trials} trials, those given up with their last score and the diverged "
            f"with the worst, because fewer than {FEWEST_TRIALS} trained to the end"
        )
    caption = (
        "Share of the variance of the trials' ranks that each parameter alone explains (fANOVA, "
        f"main effects scaled to 100 %), over {over}. Dots: mean over resamples of the trials; "
        "lines: 95 % intervals. Dashed: if nothing mattered, no parameter would pass its dashed "
        "line in 95 % of the cases, so a dot left of it says nothing."
    )
    if both:
        caption += (
            f" Hollow grey: the same over all {facts.num_trials} trials, those given up with their "
            "last score. Where it lies far to the right of the filled dot, the scheduler gave up "
            "the bad values of this parameter, and the rest cannot show that it matters."
        )
    data = _csv(_importance_rows(facts.parameters))
    drawn = draw_importances(study.key("importances"), facts)
    part = Figure(drawn, caption, study.call("importances"), data)
    return Section(study.key("mattered"), title, _importance_lead(study), (part,))


def _importance_rows(parameters: tuple[Importance, ...]) -> pd.DataFrame:
    rows = []
    for each in parameters:
        row: dict[str, object] = {"parameter": each.name}
        for name, shares in (("complete", each.complete), ("all_trials", each.all_trials)):
            for end in ("mean", "low", "high"):
                row[f"{name}_{end}"] = getattr(shares, end) if shares else None
        rows.append({**row, "chance": each.chance})
    return pd.DataFrame(rows)


def _importance_lead(study: StudyFacts) -> str:
    clear = [each for each in study.importances.parameters if each.shown.mean > each.chance]
    if not clear:
        return (
            "No parameter stands out from chance: with these trials nothing can be said about "
            "what mattered."
        )
    words = [f"{each.name} ({percent(each.shown.mean)})" for each in clear]
    stands = "stands" if len(clear) == 1 else "stand"
    return f"{listed(words)} {stands} out from chance. The order of the others is not settled."


def landscape_section(study: StudyFacts) -> Section:
    """The score over two parameters."""
    facts, best = study.landscape, study.best
    key, title = study.key("where"), "Where the score is good"
    if facts.across is None or facts.up is None:
        return Section(key, title, left_out=f"{facts.reason}.")
    metric = study.evidence.metric
    pair = f"{facts.across.name} and {facts.up.name}"
    caption = (
        f"{metric.title} over {pair}, a mark a trial: filled trained to the end, hollow was given "
        "up, a cross diverged."
    )
    if facts.surface_GG.size:
        caption += (
            " The ground is a smooth estimate over the complete trials (a Gaussian process with "
            "noise), stronger where the score is better, and left blank where no trial is near. "
            "The other parameters vary from trial to trial, so neighbours may differ."
        )
        lead = (
            f"{pair} together foretell {percent(facts.explained)} of the variance of the score of "
            "a further trial (ten-fold); the rest is other parameters and chance."
        )
    else:
        caption += (
            " The stronger the colour the better the score, in five steps of equally many trials."
        )
        why = (
            f"fewer than {FEWEST_FOR_SURFACE} trials trained to their end"
            if len(study.evidence.complete) < FEWEST_FOR_SURFACE
            else f"{pair} foretell nothing about the score of a further trial"
        )
        lead = f"The trials are shown without an estimate between them: {why}."
    shown = LandscapeFigure(study.key("landscape"), facts, metric, best.number if best else -1)
    data = facts.points.drop(columns=["x", "y"]).to_csv(index=False)
    part = Figure(draw_landscape(shown), caption, study.call("landscape"), data)
    return Section(key, title, lead, (part,))


def front_section(study: StudyFacts) -> Section | None:
    """The front of several objectives; nothing where there is one."""
    evidence = study.evidence
    if len(evidence.objectives) < 2:
        return None
    key, title = study.key("front"), "Between the objectives"
    if not evidence.best:
        return Section(key, title, left_out="no trial has trained to its end.")
    across, up = (evidence.scoring.metrics[name] for name in evidence.objectives[:2])
    best = {trial.number for trial in evidence.best}
    table = study.trials.assign(is_best=study.trials["trial"].isin(best))
    caption = (
        f"{up.title} against {across.title}, a mark a trial. Joined: the front, trials that no "
        "other beats in every objective. Hollow marks were given up; the wildest are left out."
    )
    facts = Objectives(study.key("objectives"), table, across, up)
    data = table[["trial", "status", "is_best", *evidence.objectives]].to_csv(index=False)
    part = Figure(draw_objectives(facts), caption, study.call("evidence.best"), data)
    words = [
        f"trial {trial.number} "
        + "("
        + ", ".join(
            f"{METRICS[name].title} {figure(trial.oof[name], decimals(name))}"
            for name in evidence.objectives
        )
        + ")"
        for trial in evidence.best
    ]
    lead = (
        f"On the front: {listed(words)}. Which of them is best depends on what it is for."
        if len(words) > 1
        else f"One trial is the best in every objective: {words[0]}."
    )
    return Section(key, title, lead, (part,))


def _csv(table: pd.DataFrame) -> str:
    stream = io.StringIO()
    table.to_csv(stream, index=False)
    return stream.getvalue()
