"""A ranking for people at a terminal: one table, readable at 80 columns, in a pipe and in colour.

Below the table stands what must be known before it is believed, a line each with the code that
``foldgrid explain`` explains; the report has all in full.

Nothing depends on colour alone: meta-learners carry ``+`` and the baseline ``=`` before the name,
models that are tied with the best ``~`` after the rank. The ends of its interval stand beside the
ordering metric. Only ASCII is drawn, so a log file or a terminal of any encoding shows the same.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.analysis.predictions.notes import RANDOM_FEATURES, Note
from foldgrid.analysis.ranking.ranking import KIND_TITLES, RankedModel, Ranking
from foldgrid.analysis.ranking.uncertainty import TIED, all_notes
from foldgrid.specs.counted import counted
from foldgrid.specs.learners import MARK, PLUS, backbone_of, label_of, read_ablation
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.terminal import READABLE, WIDE, as_rich, topics

MARKS = {"base_learner": " ", "meta_learner": "+", "baseline": "="}
STYLES = {"base_learner": "", "meta_learner": "cyan", "baseline": "magenta"}
UNDEFINED = "-"
NAME_WIDTH = 27
"""Columns of a model's name, its mark included."""

BEST = 15
"""Models that are shown unless all are asked for."""

FEW = 3
"""Models that are not worth a line that says they are left out."""


def heading(ranking: Ranking) -> str:
    """What the table shows and how it is ordered, in one sentence."""
    ranked = sum(1 for row in ranking.rows if row.rank is not None)
    end = {"lower": "lowest", "higher": "highest", "zero": "nearest to 0"}[ranking.metric.direction]
    name = f"{ranking.sweep}: " if ranking.sweep else ""
    models = counted(ranked, "model")
    return f"{name}{models} ordered by out-of-fold (OOF) {ranking.metric.title}, {end} first."


def describe_extent(ranking: Ranking, partition: str) -> str:
    """How much data is behind a partition's values: ``304 visits of 54 subjects``."""
    units, subjects = ranking.num_units[partition], ranking.num_subjects[partition]
    return f"{ranking.scoring.unit_name.count(units)} of {counted(subjects, 'subject')}"


def format_number(value: float | None, decimals: int = 2) -> str:
    """A value in five characters while it is below 100,000; ``-`` where it is undefined.

    Args:
        value: The value; its sign is not counted.
        decimals: Digits after the point where there is room.
    """
    if value is None:
        return UNDEFINED
    fitting = (f"{value:z.{digits}f}" for digits in range(decimals, 0, -1))
    return next((text for text in fitting if len(text.lstrip("-")) <= 5), f"{value:z.0f}")


def fitted_name(model: str, width: int) -> str:
    """A model's name in so many characters; what differs from the backbone stays to be read.

    ``shufflenet_v2_x0_5@training_fraction=0.1`` in 25 is ``shuffl..@training_sha..=0.1``.
    """
    backbone, key, value = read_ablation(model)
    label = label_of(model)
    if len(model) <= width or not (key or label):
        return model
    if label:
        kept = max(width - len(PLUS) - len(label), 3)
        return f"{_cut(backbone_of(model), kept)}{PLUS}{label}"
    ending = f"={value}"
    room = width - len(MARK) - len(ending)
    kept = max(room - min(len(key), room // 2), 3)
    return f"{_cut(backbone, kept)}{MARK}{_cut(key, room - min(len(backbone), kept))}{ending}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 2, 1)]}.."


def render_terminal(
    ranking: Ranking, console: Console, top: int | None = BEST, has_notes: bool = False
) -> None:
    """Prints the ranking: what it is, the table, what must be known before it is believed.

    Args:
        ranking: What to print.
        console: Where; its width decides how much of each row is shown.
        top: Show only the best so many models, the best base learner and the baseline, where that
            leaves out more than a few; None shows all.
        has_notes: Whether every note stands below in full, not only what must be known, in short.
    """
    # Base learners without a single complete fit are named in the notes, not row by row.
    begun = [row for row in ranking.rows if not row.folds.startswith("0/")]
    shown = begun if top is None else _best_and_landmarks(begun, top)
    if ranking.title:
        console.print(Text(ranking.title, style="bold"))
    for note in ranking.notes:
        if note.topic == RANDOM_FEATURES:
            console.print(Text(note.brief, style="bold yellow"))
    console.print(Text(heading(ranking)))
    extents = [f"{name} {describe_extent(ranking, name.lower())}" for name in ("OOF", "test")]
    console.print(Text("; ".join(extents) + "."), end="\n\n")
    console.print(_table(ranking, shown, is_wide=console.width >= WIDE))
    console.print(Text("   " + "   ".join(_legend(ranking, shown)), style="dim"))
    if len(shown) < len(begun):
        command = f"foldgrid rank {shlex.quote(ranking.location)} --all"
        hidden = f"   {len(begun) - len(shown)} more: {command}"
        console.print(Text(hidden, style="dim"), soft_wrap=True)
    console.print()
    print_notes(all_notes(ranking), console, in_full=has_notes)


def _best_and_landmarks(rows: Sequence[RankedModel], top: int) -> list[RankedModel]:
    """The best, and below them the rows that they are held against."""
    learner = next((row for row in rows if row.kind == "base_learner"), None)
    shown = [
        row
        for place, row in enumerate(rows)
        if place < top or row is learner or row.kind == "baseline"
    ]
    return list(rows) if len(rows) - len(shown) <= FEW else shown


def _legend(ranking: Ranking, shown: Sequence[RankedModel]) -> list[str]:
    """What the marks mean that are shown; base learners have none."""
    kinds = {row.kind for row in shown}
    legend = [f"{MARKS[kind]} {title}" for kind, title in KIND_TITLES.items() if kind in kinds]
    tied = any(ranking.standing(row).is_tied for row in shown)
    return [
        *(words for words in legend if not words.startswith(" ")),
        *([f"{TIED} tied with the best"] if tied else []),
        "bold: best of its column",
    ]


def print_notes(notes: Sequence[Note], console: Console, in_full: bool = False) -> None:
    """Prints what must be known before values are believed, a line each; or every note in full."""
    width = min(console.width, READABLE)
    if in_full:
        rows = [(f"{note.code} {note.topic}", note.text, note.is_warning) for note in notes]
        console.print(topics(rows), width=width)
        return
    lines = [(note.code, note.line, note.is_warning) for note in notes if note.is_needed]
    console.print(topics(lines), width=width)
    all_of_them = f"foldgrid rank --notes has {counted(len(notes), 'note')} in full"
    more = Text(f"  more: foldgrid explain CODE; {all_of_them}", style="dim")
    console.print(more, soft_wrap=True)


def _table(ranking: Ranking, rows: Sequence[RankedModel], is_wide: bool) -> RichTable:
    # Widths are fixed, and with a blank between columns make 80 or 112: a name that is too long
    # ends in an ellipsis, a value never does.
    columns = [
        Column("\n# ", is_number=True, width=3),
        Column("\n  model", width=NAME_WIDTH),
    ]
    if is_wide:
        columns.append(_number_column("\nfolds"))
    for partition, name in _columns(ranking, is_wide):
        is_ordering = partition == "oof" and name == ranking.by
        is_first_of_test = partition == "test" and name == ranking.columns()[0]
        title = f"{'OOF' if partition == 'oof' else 'test'}\n{ranking.metrics[name].heading}"
        width = 5 + (1 + is_wide) * is_first_of_test
        columns.append(_number_column(title, width, "strong" if is_ordering else ""))
        if is_ordering:
            columns += [_number_column("95 %\nfrom"), _number_column("\nto")]
            columns += [_number_column("best\nin")] * is_wide
    best = ranking.best_values()
    cells = [_cells(ranking, row, best, is_wide) for row in rows]
    styles = ["dim" if row.left_out else STYLES[row.kind] for row in rows]
    return as_rich(Table("", "", tuple(columns), tuple(cells)), styles=styles)


def _columns(ranking: Ranking, is_wide: bool) -> list[tuple[str, str]]:
    """The values that fit: at 80 columns the test set shows its first and its last."""
    names = ranking.columns()
    test = names if is_wide else (names[0], names[-1])
    return [*(("oof", name) for name in names), *(("test", name) for name in test)]


def _number_column(title: str, width: int = 5, tone: Tone = "") -> Column:
    return Column(title, is_number=True, tone=tone, width=width)


def _cells(
    ranking: Ranking, row: RankedModel, best: dict[tuple[str, str], float], is_wide: bool
) -> tuple[Cell | str, ...]:
    standing = ranking.standing(row)
    cells: list[Cell | str] = [
        f"{row.rank or ''}{TIED if standing.is_tied else ' '}",
        f"{MARKS[row.kind]} {fitted_name(row.model, NAME_WIDTH - 2)}",
    ]
    if is_wide:
        cells.append(Cell(row.folds))
    for partition, name in _columns(ranking, is_wide):
        value = row.value(partition, name)
        is_best = value is not None and value == best.get((partition, name))
        digits = ranking.scoring.decimals(name)
        cells.append(Cell(format_number(value, digits), "strong" if is_best else ""))
        if partition == "oof" and name == ranking.by:
            interval = row.interval(partition, name)
            cells += [Cell(format_number(end, digits)) for end in (interval.low, interval.high)]
            cells += [Cell(_fraction(standing.probability_best))] * is_wide
    return tuple(cells)


def _fraction(probability: float | None) -> str:
    return UNDEFINED if probability is None else f"{probability:.0%}"
