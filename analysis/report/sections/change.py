"""Change over time: trajectories of the test subjects, and who responded to treatment."""

from __future__ import annotations

from dataclasses import replace

from analysis.clinical.change import ChangeFacts
from analysis.clinical.reading import PartitionReading
from analysis.clinical.resampling import Estimate
from analysis.clinical.response import ResponseAgreement
from analysis.figures.trajectories import MOST_SUBJECTS, draw_trajectories
from analysis.report.blocks import Block, Cell, Column, Figure, Section, Table, Text
from analysis.report.numbers import count, figure, interval, listed, percent
from analysis.report.run_facts import RunFacts

TRAJECTORIES_CALL = "run.reading.{}.change.trajectories"
RESPONSES_CALL = "run.reading.oof.change.responses\nrun.reading.test.change.responses"
SCOPES = {"follow_up": "after baseline", "last_visit": "last visit"}


def change_section(run: RunFacts) -> Section:
    """Trajectories where there are test subjects, else of the training subjects; responses."""
    reading = run.reading
    shown = reading.test if reading.test.pairs.num_visits else reading.oof
    blocks: list[Block] = [_trajectories(run, shown)]
    parts = [part for part in (reading.oof, reading.test) if part.pairs.num_visits]
    blocks.append(_responses([part.change for part in parts]))
    left_out = _left_out(run, reading.oof.change) + _left_out(run, reading.test.change)
    if left_out:
        blocks.append(Text(tuple(left_out), is_list=True, heading="Left out of responses"))
    return Section("change", "Change over time", _lead(reading.oof.change), tuple(blocks))


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
    kappa = figure(at_end.kappa.value)
    return f"{text}, kappa {kappa}." if kappa != "–" else f"{text}."


def _trajectories(run: RunFacts, part: PartitionReading) -> Figure:
    subjects = part.pairs.num_subjects
    whose = "test subjects" if part.pairs.partition == "test" else "training subjects, out of fold"
    cut = f" The first {MOST_SUBJECTS} of {subjects} are drawn." if subjects > MOST_SUBJECTS else ""
    caption = (
        f"PASI over time, {whose}. Open circles: physician; filled: {part.pairs.model}. Below: "
        "change from each rater's own baseline, the earliest visit; dashed at −75, −90 and −100 % "
        "(PASI75, PASI90, PASI100). Above each panel: the response at the last visit. Subjects are "
        f"numbered in the order of their names.{cut}"
    )
    courses = part.change.trajectories
    nameless = courses.assign(subject=courses["subject"].map(run.subject_labels))
    drawing = draw_trajectories(replace(part.change, trajectories=nameless))
    return Figure(drawing, caption, TRAJECTORIES_CALL.format(part.pairs.partition))


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
    return Table("responses", caption, columns, tuple(rows), RESPONSES_CALL, note)


def _row(response: ResponseAgreement, where: str) -> tuple[Cell, ...]:
    return (
        Cell(f"PASI{response.level}", "", f"{where}, {SCOPES[response.scope]}"),
        Cell(str(response.num_visits), "", f"of {response.num_subjects}"),
        Cell(str(response.both + response.physician_only)),
        Cell(str(response.both + response.model_only)),
        _share(response.agreement),
        Cell(figure(response.kappa.value), "", interval(response.kappa.low, response.kappa.high)),
        _share(response.sensitivity),
        _share(response.specificity),
    )


def _share(estimate: Estimate) -> Cell:
    return Cell(percent(estimate.value), "", interval(100 * estimate.low, 100 * estimate.high, 0))


def _left_out(run: RunFacts, facts: ChangeFacts) -> list[str]:
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
