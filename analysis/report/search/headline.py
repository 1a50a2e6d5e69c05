"""The result of a search in words: the best configuration, and what its score is worth."""

from __future__ import annotations

from foldgrid.analysis.drawing.numbers import (
    UNDEFINED,
    between,
    count,
    format_number,
    interval,
    listed,
    percent,
)
from foldgrid.analysis.predictions.notes import Note, synthetic_data_note
from foldgrid.analysis.report.headline import Headline, Tile
from foldgrid.analysis.search.run import SearchRun, StudyFacts
from foldgrid.analysis.search.summary import describe_value
from foldgrid.metrics import METRICS


def write_search_headline(run: SearchRun) -> Headline:
    """The top of a search's report.

    Args:
        run: The opened run.
    """
    is_one = len(run.studies) == 1
    return Headline(
        title=run.title,
        run=run.name,
        date=str(run.provenance.get("started_at") or "")[:10],
        warnings=tuple(_warnings(run)),
        verdict=study_verdict(run.studies[0]) if is_one else _many(run),
        details=tuple(study_details(run.studies[0])) if is_one else (),
        tiles=tuple(_tiles(run.studies[0])) if is_one else (),
    )


def _warnings(run: SearchRun) -> list[Note]:
    notes = []
    if run.is_synthetic:
        notes.append(synthetic_data_note())
    if run.sweep.get("budget") == "smoke":
        text = (
            "Smoke budget: few epochs of small pictures. That shows that everything works; what is "
            "best after a few epochs need not be best after many."
        )
        notes.append(Note(topic="budget", text=text, is_warning=True))
    return notes


def _many(run: SearchRun) -> str:
    names = [study.results.label for study in run.studies]
    total = sum(len(study.results.trials) for study in run.studies)
    return (
        f"{count(len(names), 'backbone')} were searched, each for itself: {listed(names)}; "
        f"{count(total, 'trial')} in all."
    )


def study_verdict(study: StudyFacts) -> str:
    """The best configuration in a sentence."""
    best, results = study.best, study.results
    if best is None:
        return f"None of {count(len(results.trials), 'trial')} has trained to its end yet."
    metric, digits = results.metric, results.decimals(results.metric.name)
    sure = between(study.best_certainty.interval.get(metric.name), digits)
    score = f"an out-of-fold {metric.title} of {format_number(best.oof[metric.name], digits)}"
    score += f" (95 % interval {sure})" if sure else ""
    if best.number == 0:
        return (
            f"Nothing among {count(len(results.trials), 'trial')} is better than the sweep's "
            f"default configuration: {best.backbone} with {score}."
        )
    return (
        f"Trial {best.number} is the best of {len(results.trials)}: {best.backbone} with {score}."
    )


def study_details(study: StudyFacts) -> list[str]:
    """The configuration, and what its score is worth, a sentence or two each."""
    if study.best is None:
        return []
    values = [f"{name} {describe_value(value)}" for name, value in study.best.values.items()]
    return list(filter(None, (f"Its values: {', '.join(values)}.", _worth(study), _gain(study))))


def _worth(study: StudyFacts) -> str:
    name = study.results.metric.name
    selection = study.certainty.selections.get(name)
    if selection is None or selection.num_learners < 2:
        return ""
    if selection.corrected is None:
        return f"The score is not corrected for having been chosen: {selection.reason}."
    digits = study.results.decimals(name)
    ends = interval(selection.interval.low, selection.interval.high, digits)
    return (
        f"The best of {count(selection.num_learners, 'complete trial')} is partly the luckiest. "
        "When the best is chosen on resampled subjects and evaluated on the others (BBC-CV), "
        f"choosing is worth {format_number(selection.corrected, digits)} ({ends}): quote this one. "
        "It does not undo that sampler and scheduler had looked at the same subjects."
    )


def _gain(study: StudyFacts) -> str:
    name, found = study.results.metric.name, study.best_certainty
    if name not in found.better_by:
        return ""
    digits, value = study.results.decimals(name), found.better_by[name]
    words = "better" if value >= 0 else "worse"
    text = (
        f"The sweep's default configuration, which nobody chose, has "
        f"{format_number(found.default_configuration[name], digits)}. The best trial is "
        f"{words} by {format_number(abs(value), digits)} on the same "
        f"{study.results.scoring.unit_name.many}"
    )
    ends = found.better_by_interval.get(name)
    if ends is None:
        return f"{text}."
    shown = between(ends, digits)
    if ends[0] > 0:
        return f"{text} (95 % interval {shown}), before any correction for having been chosen."
    return f"{text} (95 % interval {shown}): it cannot be distinguished from it."


def _tiles(study: StudyFacts) -> list[Tile]:
    if study.best is None:
        return []
    name, found = study.results.metric.name, study.best_certainty
    title, digits = METRICS[name].title, study.results.decimals(name)
    tiles = [
        Tile(f"Best out-of-fold {title}", format_number(study.best.oof[name], digits),
             between(found.interval.get(name), digits))
    ]  # fmt: skip
    selection = study.certainty.selections.get(name)
    if selection and selection.num_learners > 1:
        note = interval(selection.interval.low, selection.interval.high, digits)
        label = f"Corrected for taking the best of {selection.num_learners}"
        tiles.append(Tile(label, format_number(selection.corrected, digits), note))
    own = found.default_configuration.get(name)
    tiles.append(Tile("The sweep's default configuration", format_number(own, digits)))
    saved = study.saved
    if saved.num_stopped:
        note = f"{saved.num_saved} of {count(saved.num_planned, 'epoch')}"
        tiles.append(Tile("Epochs saved by early stopping", percent(saved.fraction), note))
    return [tile for tile in tiles if tile.value != UNDEFINED]
