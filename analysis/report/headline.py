"""The result in words: which model is best, how sure that is, and what to read first."""

from __future__ import annotations

from dataclasses import dataclass

from foldgrid.analysis.drawing.numbers import UNDEFINED, count, format_number, interval, percent
from foldgrid.analysis.exhibits.words import task_report
from foldgrid.analysis.predictions.notes import RANDOM_FEATURES, Note
from foldgrid.analysis.run import Run


@dataclass(frozen=True)
class Tile:
    """One value that sums the result up.

    Attributes:
        name: What it is.
        value: The value.
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
        warnings: What changes the meaning of every value below.
        verdict: The result in one or two sentences.
        details: How sure it is, a sentence or two each.
        tiles: The values that sum it up.
    """

    title: str
    run: str
    date: str
    warnings: tuple[Note, ...]
    verdict: str
    details: tuple[str, ...]
    tiles: tuple[Tile, ...]


def write_headline(run: Run) -> Headline:
    """The result of a run in words and a few values.

    Args:
        run: The opened run.
    """
    return Headline(
        title=run.title,
        run=run.name,
        date=str(run.provenance.get("started_at") or "")[:10],
        warnings=tuple(_warnings(run)),
        verdict=_verdict(run),
        details=tuple(filter(None, (_certainty(run), task_report(run).meaning(run)))),
        tiles=tuple(_tiles(run)),
    )


def _warnings(run: Run) -> list[Note]:
    warnings = dict.fromkeys(note for note in run.notes if note.is_warning)
    first = (RANDOM_FEATURES, "synthetic data")
    return sorted(
        warnings, key=lambda note: first.index(note.topic) if note.topic in first else len(first)
    )


def _verdict(run: Run) -> str:
    if not run.names_best:
        return (
            f"No best is named: {run.best.model} comes first, and was made of networks that were "
            "never trained (random weights, frozen)."
        )
    best, metric, oof = run.best, run.ranking.metric, run.evaluation.oof
    kind = {"base_learner": "base learner ", "meta_learner": "meta-learner "}.get(best.kind, "")
    end = {"lower": "smallest", "higher": "largest", "zero": "smallest"}[metric.direction]
    unit = task_report(run).unit_of(run.by)
    ends = best.interval("oof", run.by)
    digits = run.scoring.decimals(run.by)
    sure = interval(ends.low, ends.high, digits)
    return (
        f"The {kind}{best.model} has the {end} out-of-fold {metric.title}: "
        f"{format_number(best.value('oof', run.by), digits)}{f' {unit}' if unit else ''}"
        + (f" (95 % interval {sure})" if sure else "")
        + f", over {run.scoring.unit_name.count(oof.num_units)} "
        + f"of {count(oof.num_subjects, 'subject')}."
    )


def _certainty(run: Run) -> str:
    if not run.names_best:
        return ""
    standing = run.ranking.standing(run.best)
    num_rivals, num_tied = len(run.rivals), len(run.tied)
    if standing.rank_low is None:
        return "With so few subjects nothing can be said about how sure this order is."
    if not num_rivals:
        return ""
    how = "(paired differences over subjects, studentised range)"
    if not num_tied:
        whom = f"each of the {num_rivals} other models" if num_rivals > 1 else "the other model"
        text = f"It can be distinguished from {whom} {how}."
    else:
        some = "none" if num_tied == num_rivals else str(num_rivals - num_tied)
        text = f"Of the {num_rivals} other models, {some} can be distinguished from it {how}."
        if num_tied != num_rivals:
            text += f" The other {num_tied} are tied with it."
    return (
        f"{text} It comes first in {percent(standing.probability_best)} of the resamples of the "
        f"subjects, and 95 % of them rank it {standing.ranks}."
    )


def _tiles(run: Run) -> list[Tile]:
    title, digits = run.ranking.metric.title, run.scoring.decimals(run.by)
    tiles = [_tile(run, "oof", run.by, f"Out-of-fold {title}")]
    if run.has_test:
        test = run.evaluation.test
        extent = (
            f"{run.scoring.unit_name.count(test.num_units)}, {count(test.num_subjects, 'subject')}"
        )
        tiles.append(_tile(run, "test", run.by, f"Test {title}, {extent}"))
    selection = run.ranking.selections.get(run.by)
    if selection and selection.corrected is not None and selection.num_learners > 1:
        tiles.append(
            Tile(
                f"Out-of-fold {title}, corrected for taking the best of {selection.num_learners}",
                format_number(selection.corrected, digits),
                interval(selection.interval.low, selection.interval.high, digits),
            )
        )
    other = task_report(run).second_metric(run.by)
    tiles.append(_tile(run, "oof", other, f"Out-of-fold {run.ranking.metrics[other].title}"))
    return [tile for tile in tiles if tile.value != UNDEFINED]


def _tile(run: Run, partition: str, metric: str, name: str) -> Tile:
    ends, digits = run.best.interval(partition, metric), run.scoring.decimals(metric)
    value = format_number(run.best.value(partition, metric), digits)
    return Tile(name, value, interval(ends.low, ends.high, digits))
