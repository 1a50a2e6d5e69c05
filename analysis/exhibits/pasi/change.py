"""Change from baseline: percent change and trajectories, subject by subject.

The baseline is the subject's earliest visit. A model's change is measured from the model's own
PASI of that visit, as it would be where nobody scored by hand. What has no meaning is named and
left out, never counted:

    the earliest visit lacks a region      the subject has no baseline
    a rater's baseline is 0                that rater's percent change is undefined
    one visit                              nothing to follow up
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from foldgrid.analysis.drawing.blocks import Block, Cell, Column, Figure, Section, Table, Text
from foldgrid.analysis.drawing.canvas import SMALL, add_axes, fitted, new_figure
from foldgrid.analysis.drawing.drawing import Drawing, draw
from foldgrid.analysis.drawing.frames import beside_each_other, frame_of
from foldgrid.analysis.drawing.numbers import count, format_number, interval, listed, percent
from foldgrid.analysis.drawing.palette import ACCENT, FAINT, INK, MUTED, PAPER
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.pasi.response import (
    RESPONSE_LEVELS,
    ResponseAgreement,
    is_response,
    response_agreement,
)
from foldgrid.analysis.exhibits.pasi.visits import (
    PARTITIONS,
    ModelVisits,
    Partition,
    best_visits,
    shown_partitions,
)
from foldgrid.analysis.run import Run
from foldgrid.analysis.statistics.estimates import Estimate, estimate, mean_of, resample_subjects
from foldgrid.analysis.statistics.resamples import SEED
from foldgrid.specs.counted import counted


@dataclass(frozen=True)
class ChangeExclusions:
    """Subjects that percent change cannot be computed for, by the reason.

    Attributes:
        incomplete_baseline: The earliest visit lacks a region.
        clear_at_baseline: The physician scored 0 at baseline.
        model_clear_at_baseline: The model predicted 0 at baseline (the physician did not).
        single_visit: No visit after the baseline.
    """

    incomplete_baseline: tuple[str, ...]
    clear_at_baseline: tuple[str, ...]
    model_clear_at_baseline: tuple[str, ...]
    single_visit: tuple[str, ...]


@dataclass(frozen=True)
class ChangeFacts:
    """Change from baseline of one model, beside the physician's.

    Attributes:
        model: Its name.
        partition: ``oof`` or ``test``.
        trajectories: What ``trajectories`` returns.
        responses: One for each scope and level, those of all follow-up visits first.
        change_error: Mean absolute difference of the two percent changes over follow-up visits,
            in percentage points; heavy-tailed, because a small baseline makes any change large.
        exclusions: Who is left out of responses and ``change_error``, and why.
    """

    model: str
    partition: str
    trajectories: pd.DataFrame
    responses: tuple[ResponseAgreement, ...]
    change_error: Estimate
    exclusions: ChangeExclusions


def trajectories(pairs: ModelVisits) -> pd.DataFrame:
    """PASI over time, subject by subject (the paper's figure 4).

    Returns:
        A row a visit, ordered by subject and time: subject, visit, day (NaN where unknown),
        place, is_baseline, physician, predicted, physician_change and predicted_change, both in
        percent of the rater's own baseline (0 at baseline, -75 for PASI75, NaN where undefined).
    """
    table = pairs.visits.copy()
    table["is_baseline"] = table["place"] == 1
    for rater in ("physician", "predicted"):
        first = table[table["is_baseline"]].set_index("subject")[rater]
        baseline = table["subject"].map(first.where(first > 0)).astype(np.float64)
        table[f"{rater}_change"] = 100.0 * (table[rater] - baseline) / baseline
    columns = ["subject", "visit", "day", "place", "is_baseline", "physician", "predicted"]
    return table[[*columns, "physician_change", "predicted_change"]]


def change_from_baseline(
    pairs: ModelVisits, levels: Sequence[int] = RESPONSE_LEVELS, seed: int = SEED
) -> ChangeFacts:
    """Percent change and response, model against physician.

    Args:
        pairs: One model's visits.
        levels: The falls in percent that count as response.
        seed: Of the bootstrap over subjects.
    """
    table = trajectories(pairs)
    followed = table[~table["is_baseline"]].dropna(subset=["physician_change", "predicted_change"])
    last = followed.groupby("subject", sort=False).tail(1)
    gaps = (followed["predicted_change"] - followed["physician_change"]).abs().to_numpy()
    return ChangeFacts(
        model=pairs.model,
        partition=pairs.partition,
        trajectories=table,
        responses=tuple(
            response_agreement(part, scope, level, resamples)
            for scope, part in (("follow_up", followed), ("last_visit", last))
            for resamples in (resample_subjects(part["subject"], seed=seed),)
            for level in levels
        ),
        change_error=estimate(mean_of(gaps), resample_subjects(followed["subject"], seed=seed)),
        exclusions=_exclusions(pairs, table),
    )


def _exclusions(pairs: ModelVisits, table: pd.DataFrame) -> ChangeExclusions:
    baselines = table[table["is_baseline"]]
    is_clear = baselines["physician"] == 0
    model_clear = ~is_clear & (baselines["predicted"] == 0)
    num_visits = table.groupby("subject")["visit"].transform("size")
    alone = table[table["is_baseline"] & (num_visits == 1)]
    return ChangeExclusions(
        incomplete_baseline=pairs.incomplete_baselines,
        clear_at_baseline=_names(baselines[is_clear]),
        model_clear_at_baseline=_names(baselines[model_clear]),
        single_visit=_names(alone),
    )


def _names(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(rows["subject"].astype(str))


MOST_SUBJECTS = 24
"""More panels than these would be a wall, not a figure."""

MARKS = (-75, -90, -100)
_TINY = 9.5
_UPPER, _LOWER, _STEP = 92.0, 112.0, 304.0
_RATERS = (("physician", INK, PAPER, "o"), ("predicted", ACCENT, ACCENT, "o"))


def draw_trajectories(facts: ChangeFacts) -> Drawing:
    """Two small panels a subject: the PASI, and its change from baseline with the response marks.

    Args:
        facts: The change of one model on one partition with at least one visit. The first 24
            subjects are drawn.
    """
    return draw(
        "trajectories",
        f"PASI over time by subject, {facts.model} against the physician",
        describe_trajectories(facts),
        partial(_paint, facts),
    )


def describe_trajectories(facts: ChangeFacts) -> str:
    """Each drawn subject's course in a sentence."""
    sentences = []
    for subject, visits in _subjects(facts):
        first, last = visits.iloc[0], visits.iloc[-1]
        sentences.append(
            f"{subject}: physician {first['physician']:.1f} to {last['physician']:.1f}, "
            f"model {first['predicted']:.1f} to {last['predicted']:.1f} over "
            f"{counted(len(visits), 'visit')}."
        )
    return " ".join(sentences)


def best_response(change: float) -> str:
    """The highest response that a percent change reaches: ``PASI90``; a dash for none."""
    reached = [level for level in RESPONSE_LEVELS if is_response(pd.Series([change]), level)[0]]
    return f"PASI{max(reached)}" if reached else "–"


def _subjects(facts: ChangeFacts) -> list[tuple[str, pd.DataFrame]]:
    groups = facts.trajectories.groupby("subject", sort=False)
    return [(str(name), visits) for name, visits in list(groups)[:MOST_SUBJECTS]]


def _paint(facts: ChangeFacts, width: int) -> MplFigure:
    subjects = _subjects(facts)
    columns = min(len(subjects), 3 if width > 500 else 2) or 1
    rows = math.ceil(len(subjects) / columns)
    left, gap = 34.0, 30.0
    panel = (width - left - gap * (columns - 1) - 4) / columns
    figure = new_figure(width, rows * _STEP - 12)
    top = 1.08 * float(facts.trajectories[["physician", "predicted"]].max().max()) or 1.0
    has_days = bool(facts.trajectories["day"].notna().all())
    for place, (name, visits) in enumerate(subjects):
        row, column = divmod(place, columns)
        x, y = left + column * (panel + gap), 44 + row * _STEP
        upper = add_axes(figure, x, y, panel, _UPPER)
        lower = add_axes(figure, x, y + _UPPER + 12, panel, _LOWER)
        times = visits["day" if has_days else "place"]
        _paint_scores(upper, times, visits, top)
        _paint_changes(lower, times, visits)
        _write_title(upper, name, visits, panel)
        upper.tick_params(labelbottom=False)
        lower.set_xlabel("day" if has_days else "visit", fontsize=_TINY, loc="left", labelpad=1)
        if column == 0:
            upper.set_ylabel("PASI", fontsize=_TINY, loc="bottom")
            lower.set_ylabel("change, %", fontsize=_TINY, loc="bottom")
    return figure


def _write_title(axes: Axes, name: str, visits: pd.DataFrame, width: float) -> None:
    axes.text(
        0, 1 + 31 / _UPPER, fitted(name, width, SMALL), transform=axes.transAxes, fontsize=SMALL,
        color=INK, fontweight="bold",
    )  # fmt: skip
    last = visits.iloc[-1]
    for place, (rater, colour, _, _) in enumerate(_RATERS):
        said = "physician" if rater == "physician" else "model"
        text = f"{said} {best_response(last[f'{rater}_change'])}"
        axes.text(
            0, 1 + (19 - 12 * place) / _UPPER, text, transform=axes.transAxes, fontsize=_TINY,
            color=colour,
        )  # fmt: skip


def _paint_scores(axes: Axes, times: pd.Series[float], visits: pd.DataFrame, top: float) -> None:
    for rater, colour, face, mark in _RATERS:
        axes.plot(
            times, visits[rater], mark + "-", color=colour, markerfacecolor=face, markersize=4,
            markeredgewidth=1.1, linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.set_ylim(0, top)
    axes.grid(False, axis="x")
    axes.tick_params(labelsize=_TINY)
    axes.locator_params(axis="y", nbins=4)
    axes.locator_params(axis="x", nbins=4, integer=True)


def _paint_changes(axes: Axes, times: pd.Series[float], visits: pd.DataFrame) -> None:
    axes.set_ylim(-106, 28)
    axes.grid(False)
    axes.axhline(0, color=MUTED, linewidth=0.9)
    for level in MARKS:
        axes.axhline(level, color=FAINT, linewidth=0.9, linestyle=(0, (3, 2)))
    axes.set_yticks([0, *MARKS], ["0", *(f"−{-level}" for level in MARKS)], fontsize=_TINY - 1)
    axes.tick_params(axis="x", labelsize=_TINY)
    for rater, colour, face, mark in _RATERS:
        axes.plot(
            times, visits[f"{rater}_change"].clip(upper=28), mark + "-", color=colour,
            markerfacecolor=face, markersize=4, markeredgewidth=1.1, linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.locator_params(axis="x", nbins=4, integer=True)


SCOPES = {"follow_up": "after baseline", "last_visit": "last visit"}


def best_change(run: Run, partition: Partition) -> ChangeFacts:
    """The change over time by the model that a report is about."""
    return change_from_baseline(run.once(best_visits, partition))


def change_section(run: Run) -> Section:
    """Trajectories where there are test subjects, else of the training subjects; responses."""
    shown = shown_partitions(run)
    oof, test = (run.once(best_change, each) for each in PARTITIONS)
    blocks: list[Block] = [_trajectories(run, "test" if "test" in shown else "oof")]
    blocks.append(_responses([run.once(best_change, each) for each in shown]))
    left_out = _left_out(run, oof) + _left_out(run, test)
    if left_out:
        blocks.append(Text(tuple(left_out), is_list=True, heading="Left out of responses"))
    further = {"left_out": lambda: _exclusions_of([oof, test])}
    return Section(_lead(oof), tuple(blocks), further=further)


def _lead(facts: ChangeFacts) -> str:
    found = [each for each in facts.responses if each.level == 75 and each.scope == "last_visit"]
    if not found or not found[0].num_visits:
        return "No subject has a visit after a baseline that can be compared."
    at_end = found[0]
    text = (
        f"At their last visit, {facts.model} and the physician agree on whether PASI75 was reached "
        f"for {percent(at_end.agreement.value)} of {count(at_end.num_subjects, 'subject')} (out of "
        "fold)"
    )
    kappa = format_number(at_end.kappa.value)
    return f"{text}, kappa {kappa}." if kappa != "–" else f"{text}."


def _trajectories(run: Run, partition: Partition) -> Figure:
    visits, change = run.once(best_visits, partition), run.once(best_change, partition)
    subjects = visits.num_subjects
    whose = "test subjects" if partition == "test" else "training subjects, out of fold"
    cut = f" The first {MOST_SUBJECTS} of {subjects} are drawn." if subjects > MOST_SUBJECTS else ""
    caption = (
        f"PASI over time, {whose}. Open circles: physician; filled: {visits.model}. Below: "
        "change from each rater's own baseline, the earliest visit; dashed at −75, −90 and −100 % "
        "(PASI75, PASI90, PASI100). Above each panel: the response at the last visit. Subjects are "
        f"numbered in the order of their names.{cut}"
    )
    courses = change.trajectories
    nameless = courses.assign(subject=courses["subject"].map(run.subject_labels))
    paint = partial(draw_trajectories, replace(change, trajectories=nameless))
    return Figure("trajectories", paint, caption, lambda: courses)


def _responses(parts: list[ChangeFacts]) -> Table:
    columns = (
        Column("Response"),
        Column("Visits", True, "of subjects"),
        Column("Physician", True, "says yes"),
        Column("Model", True, "says yes"),
        Column("Agree", True),
        Column("Kappa", True),
        Column("Sensitivity", True),
        Column("Specificity", True),
    )
    rows = []
    for facts in parts:
        where = "OOF" if facts.partition == "oof" else "test"
        rows += [_row(response, where) for response in facts.responses if response.num_visits]
    note = (
        "PASI75 is a fall of the PASI by at least 75 % from baseline, measured for each rater from "
        "its own baseline. Second lines: 95 % intervals over resampled subjects."
    )
    caption = "Response to treatment, model against physician"
    return Table("responses", caption, columns, tuple(rows), partial(_frame, parts), note)


def _frame(parts: list[ChangeFacts]) -> pd.DataFrame:
    return beside_each_other(frame_of(each.responses, partition=each.partition) for each in parts)


def _exclusions_of(parts: list[ChangeFacts]) -> pd.DataFrame:
    rows = [
        (each.partition, field.name, subject)
        for each in parts
        for field in fields(each.exclusions)
        for subject in getattr(each.exclusions, field.name)
    ]
    return pd.DataFrame(rows, columns=["partition", "reason", "subject"])


def _row(response: ResponseAgreement, where: str) -> tuple[Cell, ...]:
    return (
        Cell(f"PASI{response.level}", "", f"{where}, {SCOPES[response.scope]}"),
        Cell(str(response.num_visits), "", f"of {response.num_subjects}"),
        Cell(str(response.both + response.physician_only)),
        Cell(str(response.both + response.model_only)),
        _fraction(response.agreement),
        Cell(
            format_number(response.kappa.value),
            "",
            interval(response.kappa.low, response.kappa.high),
        ),
        _fraction(response.sensitivity),
        _fraction(response.specificity),
    )


def _fraction(estimate: Estimate) -> Cell:
    return Cell(percent(estimate.value), "", interval(100 * estimate.low, 100 * estimate.high, 0))


def _left_out(run: Run, facts: ChangeFacts) -> list[str]:
    reasons = (
        ("whose earliest visit lacks a region", facts.exclusions.incomplete_baseline),
        ("clear at baseline by the physician", facts.exclusions.clear_at_baseline),
        ("clear at baseline by the model", facts.exclusions.model_clear_at_baseline),
        ("with one visit only", facts.exclusions.single_visit),
    )
    where = "Test" if facts.partition == "test" else "Out of fold"
    return [
        f"{where}: {count(len(names), 'subject')} {reason} "
        f"({listed([run.subject_labels[name] for name in names[:5]])}"
        f"{', …' if len(names) > 5 else ''})."
        for reason, names in reasons
        if names
    ]


CHANGE = Exhibit("change", "Change over time", change_section, of="task")
