"""How sure an order is, in sentences: what the statistics say of the metric that orders the rows.

Knows the facts that a ranking stores, so a stored one answers for every metric.
"""

from __future__ import annotations

from foldgrid.analysis.predictions.notes import RANDOM_FEATURES, Note
from foldgrid.analysis.ranking.ranking import RULES, RankedModel, Ranking
from foldgrid.analysis.statistics.facts import AS_PROMISED, falsely_marked
from foldgrid.specs.counted import counted

FEWEST_SUBJECTS = 2
"""With fewer there is no interval."""

ENOUGH_SUBJECTS = 10
"""Of fewer, intervals hold the truth less often than they say (simulations in decision 0011)."""

TIED = "~"
"""After the rank of a model that cannot be distinguished from the best."""


def all_notes(ranking: Ranking) -> tuple[Note, ...]:
    """The notes of a ranking with those of its order: the warnings, how sure, then the facts."""
    notes = (*uncertainty_notes(ranking), *_rules(ranking), *ranking.notes)
    return tuple(
        sorted(notes, key=lambda note: (note.topic != RANDOM_FEATURES, not note.is_warning))
    )


def uncertainty_notes(ranking: Ranking) -> tuple[Note, ...]:
    """Who is tied with the best, what choosing it is worth, what the intervals mean."""
    if not ranking.num_resamples:
        return ()
    notes = [*_baseline(ranking), _ties(ranking), *_selection(ranking), _intervals(ranking)]
    return tuple(notes)


def _rules(ranking: Ranking) -> list[Note]:
    """That the ranking which stood here before was made by other rules."""
    if not ranking.replaced:
        return []
    changes = [RULES[each] for each in sorted(RULES) if each > ranking.replaced]
    text = (
        f"The ranking that stood in this run folder was made by rules {ranking.replaced}, this one "
        f"by rules {ranking.format}, from the same predictions. What differs: {'; '.join(changes)}."
    )
    brief = f"Made by rules {ranking.format}; the one stored here before by {ranking.replaced}."
    return [Note(topic="rules", text=text, brief=brief)]


def format_interval(low: float | None, high: float | None, decimals: int = 2) -> str:
    """``3.02 to 3.71``; "" where there is none."""
    if low is None or high is None:
        return ""
    return f"{_number(low, decimals)} to {_number(high, decimals)}"


def _number(value: float, decimals: int) -> str:
    # Five characters, as in the terminal's columns, or one digit after the point.
    fitting = (f"{value:z.{digits}f}" for digits in range(decimals, 1, -1))
    shortest = f"{value:z.{min(decimals, 1)}f}"
    return next((text for text in fitting if len(text.lstrip("-")) <= 5), shortest)


def _ties(ranking: Ranking) -> Note:
    rows = [row for row in ranking.rows if row.standings.get(ranking.by)]
    best = next((row for row in rows if ranking.standing(row).is_best), None)
    if best is None:
        found = "one subject" if ranking.num_subjects["oof"] < 2 else "nothing to compare"
        text = f"Not applicable, {found}: no model was compared."
        return Note(topic="ties", text=text, brief=f"No model was compared: {found}.")
    compared = [row for row in rows if ranking.standing(row).difference]
    tied = [row for row in compared if ranking.standing(row).is_tied]
    if not compared:
        return Note(topic="ties", text="Not applicable: there is one model only.")
    text = (
        f"{len(tied)} of {counted(len(compared), 'other model')} cannot be distinguished from "
        f"{best.model} (marked ~): "
        "paired differences by subject against the studentised range. "
        f"{_promise(ranking)} {_stability(ranking, best)}"
    )
    places = [row.rank for row in tied if row.rank]
    apart = [row.rank for row in compared if row not in tied and row.rank]
    if places and apart and min(apart) < max(places):
        text += " Models that err alike are distinguished by less, so ~ need not run down in order."
    return Note(topic="ties", text=text, brief=_tied_in_short(len(tied), len(compared), best.model))


def _promise(ranking: Ranking) -> str:
    """What is controlled, and how often it fails."""
    rate = falsely_marked(ranking.by, ranking.num_subjects["oof"])
    how_often = f"about {100 * rate:.0f} % (simulated)" if rate > AS_PROMISED else "5 %"
    return (
        f"If all models were equally good, {how_often} of such rankings would tell any of them "
        "from the best."
    )


def _tied_in_short(num_tied: int, num_others: int, best: str) -> str:
    if not num_tied:
        return f"No other model is tied with {best}."
    if num_tied == num_others:
        many = "The other model is" if num_others == 1 else f"All {num_others} other models are"
    else:
        verb = "is" if num_tied == 1 else "are"
        many = f"{num_tied} of {counted(num_others, 'other model')} {verb}"
    return f"{many} tied with {best} ({TIED})."


def _stability(ranking: Ranking, best: RankedModel) -> str:
    standing = ranking.standing(best)
    if standing.probability_best is None or standing.rank_low is None:
        return ""
    return (
        f"Of the resamples, {100 * standing.probability_best:.0f} % put it before all others; "
        f"95 % rank it {standing.ranks}."
    )


def _selection(ranking: Ranking) -> list[Note]:
    selection = ranking.selections.get(ranking.by)
    if selection is None:
        return []
    title = ranking.metric.title
    choice = f"Taking the best of {counted(selection.num_learners, 'base learner')} by {title}"
    if selection.num_learners < 2:
        return []
    if selection.corrected is None or selection.naive is None:
        text = f"{choice} is not corrected for the choice: {selection.reason}."
        return [Note(topic="selection", text=text)]
    digits = ranking.scoring.decimals(ranking.by)
    ends = format_interval(selection.interval.low, selection.interval.high, digits)
    text = (
        f"{choice}: {_number(selection.naive, digits)} as the table has it; "
        f"{_number(selection.corrected, digits)} ({ends}) when chosen on resampled subjects and "
        "evaluated on the others (BBC-CV). Quote the second. It corrects the choice alone; what "
        f"{title} is off by because there are few subjects is in both."
    )
    brief = (
        f"Quote {_number(selection.corrected, digits)} ({ends}), not "
        f"{_number(selection.naive, digits)}, for the best base learner."
    )
    return [Note(topic="selection", text=text, brief=brief)]


def _intervals(ranking: Ranking) -> Note:
    text = (
        f"95 % intervals resample whole subjects, {ranking.num_resamples:,} times: the "
        f"{ranking.scoring.unit_name.many} of one person resemble each other. They do not cover "
        "that another seed would train other models."
    )
    for partition, name in (("oof", "out of fold"), ("test", "in the test set")):
        if FEWEST_SUBJECTS <= (few := ranking.num_subjects[partition]) < ENOUGH_SUBJECTS:
            text += (
                f" With {counted(few, 'subject')} {name} about 85 to 90 % of such intervals hold "
                "the true value, not 95 %."
            )
    undefined = [
        row.interval(partition, ranking.by)
        for row in ranking.rows
        for partition in ("oof", "test")
        if row.value(partition, ranking.by) is not None
    ]
    missing = sorted({interval.reason for interval in undefined if interval.reason})
    if missing:
        text += f" Some have none: {'; '.join(missing)}."
    return Note(topic="intervals", text=text)


def _baseline(ranking: Ranking) -> list[Note]:
    if ranking.metric.direction == "zero":
        return []  # The mean has no bias by construction; being beaten by it there means nothing.
    for row in ranking.rows:
        difference = ranking.standing(row).difference
        if row.kind != "baseline" or difference is None:
            continue
        if difference.worse_by <= 0:
            text = f"No model is better than {row.model} by {ranking.metric.title}."
        elif ranking.standing(row).is_tied:
            by = ranking.metric.title
            text = f"Not even the best can be distinguished from {row.model} by {by}."
        else:
            continue
        return [Note(topic="baseline", text=text, is_warning=True)]
    return []
