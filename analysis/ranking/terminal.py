"""A ranking for people at a terminal: one table, readable at 80 columns, in a pipe and in colour.

Nothing depends on colour alone: meta-learners carry ``+`` and the baseline ``=`` before the name,
models that are tied with the best ``~`` after the rank. The ends of its interval stand beside the
ordering figure. Only ASCII is drawn, so a log file or a terminal of any encoding shows the same.
"""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from foldgrid.analysis.ranking.board import KIND_TITLES, RankedModel, Ranking
from foldgrid.analysis.ranking.sureness import all_notes
from foldgrid.specs.variants import MARK, read_variant
from foldgrid.tables.table import Cell, Column, Table, Tone
from foldgrid.tables.terminal import READABLE, WIDE, as_rich, topics

MARKS = {"base_learner": " ", "meta_learner": "+", "baseline": "="}
STYLES = {"base_learner": "", "meta_learner": "cyan", "baseline": "magenta"}
UNDEFINED = "-"
NAME_WIDTH = 27
"""Columns of a model's name, its mark included."""

TIED = "~"


def heading(ranking: Ranking) -> str:
    """What the table shows and how it is ordered, in one sentence."""
    ranked = sum(1 for row in ranking.rows if row.rank is not None)
    end = {"lower": "lowest", "higher": "highest", "zero": "nearest to 0"}[ranking.metric.direction]
    models = f"{ranked} model{'s' if ranked != 1 else ''}"
    name = f"{ranking.sweep}: " if ranking.sweep else ""
    return f"{name}{models} ordered by out-of-fold (OOF) {ranking.metric.title}, {end} first."


def describe_extent(ranking: Ranking, partition: str) -> str:
    """How much data is behind a partition's figures: ``304 visits of 54 subjects``."""
    units, subjects = ranking.num_units[partition], ranking.num_subjects[partition]
    return f"{ranking.scoring.noun.count(units)} of {subjects} subjects"


def format_figure(value: float | None, decimals: int = 2) -> str:
    """A figure in five characters while it is below 100,000; ``-`` where it is undefined.

    Args:
        value: The figure; its sign is not counted.
        decimals: Digits after the point where there is room.
    """
    if value is None:
        return UNDEFINED
    fitting = (f"{value:.{digits}f}" for digits in range(decimals, 0, -1))
    return next((text for text in fitting if len(text.lstrip("-")) <= 5), f"{value:.0f}")


def fitted_name(model: str, width: int) -> str:
    """A model's name in so many characters; of a variant, what it changes stays to be read.

    ``shufflenet_v2_x0_5@training_share=0.1`` in 25 is ``shuffl..@training_sha..=0.1``.
    """
    backbone, key, value = read_variant(model)
    if len(model) <= width or not key:
        return model
    ending = f"={value}"
    room = width - len(MARK) - len(ending)
    kept = max(room - min(len(key), room // 2), 3)
    return f"{_cut(backbone, kept)}{MARK}{_cut(key, room - min(len(backbone), kept))}{ending}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 2, 1)]}.."


def render_terminal(ranking: Ranking, console: Console, top: int | None = None) -> None:
    """Prints the ranking: what it is, the table, how to read it.

    Args:
        ranking: What to print.
        console: Where; its width decides how much of each row is shown.
        top: Show only the best so many models, and the baseline; None shows all.
    """
    # Base learners without a single complete fit are named in the notes, not row by row.
    begun = [row for row in ranking.rows if not row.folds.startswith("0/")]
    shown = [
        row
        for place, row in enumerate(begun)
        if top is None or place < top or row.kind == "baseline"
    ]
    if ranking.title:
        console.print(Text(ranking.title, style="bold"))
    console.print(Text(heading(ranking)))
    extents = [f"{name} {describe_extent(ranking, name.lower())}" for name in ("OOF", "test")]
    console.print(Text("; ".join(extents) + "."), end="\n\n")
    console.print(_table(ranking, shown, is_wide=console.width >= WIDE))
    kinds = {row.kind for row in shown}
    legend = [f"{MARKS[kind]} {KIND_TITLES[kind]}" for kind in KIND_TITLES if kind in kinds]
    if any(ranking.standing(row).is_tied for row in shown):
        legend.append(f"{TIED} tied with the best")
    legend.append("bold: best of its column")
    console.print(Text("   " + "   ".join(legend[1:]), style="dim"))
    if len(shown) < len(begun):
        hidden = f"{len(begun) - len(shown)} more: foldgrid rank"
        console.print(Text(f"   {hidden} {ranking.location}", style="dim"), soft_wrap=True)
    console.print()
    notes = ((note.topic, note.text, note.is_warning) for note in all_notes(ranking))
    console.print(topics(notes), width=min(console.width, READABLE))


def _table(ranking: Ranking, rows: list[RankedModel], is_wide: bool) -> RichTable:
    # Widths are fixed, and with a blank between columns make 80 or 112: a name that is too long
    # ends in an ellipsis, a figure never does.
    columns = [
        Column("\n# ", is_number=True, width=3),
        Column("\n  model", width=NAME_WIDTH),
    ]
    if is_wide:
        columns.append(_figure_column("\nfolds"))
    for partition, name in _columns(ranking, is_wide):
        is_ordering = partition == "oof" and name == ranking.by
        is_first_of_test = partition == "test" and name == ranking.columns()[0]
        title = f"{'OOF' if partition == 'oof' else 'test'}\n{ranking.metrics[name].heading}"
        width = 5 + (1 + is_wide) * is_first_of_test
        columns.append(_figure_column(title, width, "strong" if is_ordering else ""))
        if is_ordering:
            columns += [_figure_column("95 %\nfrom"), _figure_column("\nto")]
            columns += [_figure_column("best\nin")] * is_wide
    best = ranking.best_figures()
    cells = [_cells(ranking, row, best, is_wide) for row in rows]
    styles = ["dim" if row.left_out else STYLES[row.kind] for row in rows]
    return as_rich(Table("", "", tuple(columns), tuple(cells)), styles=styles)


def _columns(ranking: Ranking, is_wide: bool) -> list[tuple[str, str]]:
    """The figures that fit: at 80 columns the test set shows its first and its last."""
    names = ranking.columns()
    test = names if is_wide else (names[0], names[-1])
    return [*(("oof", name) for name in names), *(("test", name) for name in test)]


def _figure_column(title: str, width: int = 5, tone: Tone = "") -> Column:
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
        value = row.figure(partition, name)
        is_best = value is not None and value == best.get((partition, name))
        digits = ranking.scoring.decimals(name)
        cells.append(Cell(format_figure(value, digits), "strong" if is_best else ""))
        if partition == "oof" and name == ranking.by:
            interval = row.interval(partition, name)
            cells += [Cell(format_figure(end, digits)) for end in (interval.low, interval.high)]
            cells += [Cell(_share(standing.probability_best))] * is_wide
    return tuple(cells)


def _share(probability: float | None) -> str:
    return UNDEFINED if probability is None else f"{probability:.0%}"
