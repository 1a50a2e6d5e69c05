"""The result in words: which model is best, how sure that is, and what to read first."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.clinical.reference_lines import BETWEEN_RATERS, RATER_SOURCE
from analysis.ranking.board import Note
from analysis.report.numbers import UNDEFINED, count, figure, interval, percent
from analysis.report.run_facts import RunFacts
from analysis.stacking.nested import BASELINE
from foldgrid.scoring import METRICS


@dataclass(frozen=True)
class Tile:
    """One figure that sums the result up.

    Attributes:
        name: What it is.
        value: The figure.
        note: Its interval, or what it is read against.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """The top of a report.

    Attributes:
        title: The sweep's title.
        run: The run folder's name.
        date: The day on which the sweep was last launched; "" where it was not recorded.
        warnings: What changes the meaning of every figure below.
        verdict: The result in one or two sentences.
        details: How sure it is, a sentence or two each.
        tiles: The figures that sum it up.
    """

    title: str
    run: str
    date: str
    warnings: tuple[Note, ...]
    verdict: str
    details: tuple[str, ...]
    tiles: tuple[Tile, ...]


def write_headline(run: RunFacts) -> Headline:
    """The result of a run in words and a few figures.

    Args:
        run: The run folder's facts.
    """
    return Headline(
        title=run.title,
        run=run.name,
        date=str(run.provenance.get("started_at") or "")[:10],
        warnings=tuple(_warnings(run)),
        verdict=_verdict(run),
        details=tuple(filter(None, (_certainty(run), _meaning(run)))),
        tiles=tuple(_tiles(run)),
    )


def _warnings(run: RunFacts) -> list[Note]:
    warnings = [note for note in run.ranking.notes if note.is_warning]
    if run.is_synthetic:
        text = (
            "The photographs are drawn by a program and no patient was scored. The figures show "
            "what the method does, not what it would do in a clinic."
        )
        warnings.insert(0, Note(topic="synthetic data", text=text, is_warning=True))
    capitalised = [
        note.model_copy(update={"topic": note.topic[:1].upper() + note.topic[1:]})
        for note in warnings
    ]
    return list(dict.fromkeys(capitalised))


def _value(run: RunFacts, partition: str, metric: str, model: str) -> float | None:
    row = next(row for row in run.ranking.rows if row.model == model)
    found: float | None = getattr(row, partition).get(metric)
    return found


def _with_interval(run: RunFacts, partition: str, metric: str, model: str) -> str:
    ends = run.interval(partition, metric, model)
    text = interval(ends.low, ends.high)
    shown = figure(_value(run, partition, metric, model))
    return f"{shown} (95 % interval {text})" if text else shown


def _verdict(run: RunFacts) -> str:
    best, metric = run.best, run.ranking.metric
    kind = {"base_learner": "base learner ", "meta_learner": "meta-learner "}.get(best.kind, "")
    oof = run.judgement.oof
    end = {"lower": "smallest", "higher": "largest", "zero": "smallest"}[metric.direction]
    points = " PASI points" if run.by == "mae" else ""
    ends = run.interval("oof", run.by, best.model)
    sure = interval(ends.low, ends.high)
    return (
        f"The {kind}{best.model} has the {end} out-of-fold {metric.title}: "
        f"{figure(best.oof.get(run.by))}{points}"
        + (f" (95 % interval {sure})" if sure else "")
        + f", over {count(oof.num_visits, 'visit')} of {count(oof.num_subjects, 'subject')}."
    )


def _certainty(run: RunFacts) -> str:
    standing = run.standings.get(run.best.model)
    if standing is None:
        return "With so few subjects nothing can be said about how sure this order is."
    rivals = len([each for each in run.standings.values() if each.probability_best is not None]) - 1
    if rivals < 1:
        return ""
    tied = len([model for model in run.tied if model != BASELINE])
    text = (
        f"Of the {count(rivals, 'other model')}, "
        f"{'none' if not tied else 'all' if tied == rivals else tied} cannot be told apart from it "
        "(paired differences over subjects, Holm's correction)."
        if tied
        else f"It can be told apart from {'the other model' if rivals == 1 else f'each of the {rivals} other models'} "
        "(paired differences over subjects, Holm's correction)."
    )
    text += (
        f" It comes first in {percent(standing.probability_best)} of the resamples of the subjects"
    )
    if standing.rank_low is not None and standing.rank_high is not None:
        text += f", and its rank runs from {standing.rank_low} to {standing.rank_high}"
    return text + "."


def _meaning(run: RunFacts) -> str:
    """The error beside what an error means: the baseline, and what physicians differ by."""
    error = _value(run, "oof", "mae", run.best.model)
    mean = _value(run, "oof", "mae", BASELINE)
    if error is None or mean is None:
        return ""
    share = 1 - error / mean if mean else 0.0
    if share > 0:
        text = (
            f"Its MAE of {figure(error)} is {percent(share)} below the {figure(mean)} of saying the "
            "mean for everybody"
        )
    else:
        text = f"Its MAE of {figure(error)} is no better than the {figure(mean)} of saying the mean"
        text += " for everybody: it has learned nothing of the photographs"
    beside = "still above" if error > BETWEEN_RATERS else "within"
    return (
        f"{text}, and {beside} the {BETWEEN_RATERS:g} points by which trained physicians differ on "
        f"the same photographs ({RATER_SOURCE}; other patients)."
    )


def _tiles(run: RunFacts) -> list[Tile]:
    best, title = run.best.model, METRICS[run.by].title
    tiles = [_tile(run, "oof", run.by, f"Out-of-fold {title}")]
    if run.has_test:
        test = run.judgement.test
        extent = f"{count(test.num_visits, 'visit')}, {count(test.num_subjects, 'subject')}"
        tiles.append(_tile(run, "test", run.by, f"Test {title} ({extent})"))
    selection = run.assessment.selections.get(run.by)
    if selection and selection.corrected is not None and selection.num_learners > 1:
        tiles.append(
            Tile(
                f"{title} corrected for picking the best of {selection.num_learners}",
                figure(selection.corrected),
                f"{selection.winner} alone: {figure(selection.naive)}",
            )
        )
    other = "ccc" if run.by != "ccc" else "mae"
    tiles.append(_tile(run, "oof", other, f"Out-of-fold {METRICS[other].title}"))
    return [tile for tile in tiles if tile.value != UNDEFINED and best]


def _tile(run: RunFacts, partition: str, metric: str, name: str) -> Tile:
    ends = run.interval(partition, metric, run.best.model)
    return Tile(
        name,
        figure(_value(run, partition, metric, run.best.model)),
        interval(ends.low, ends.high),
    )
