"""A ranking for people at a terminal: one table, readable at 80 columns, in a pipe and in colour.

Nothing depends on colour alone: meta-learners carry ``+`` and the baseline ``=`` before the name,
models that are tied with the best ``~`` after the rank. The ends of its interval stand beside the
ordering figure. Only ASCII is drawn, so a log file or a terminal of any encoding shows the same.
"""

from __future__ import annotations

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.ranking.board import KIND_TITLES, RankedModel, Ranking
from analysis.ranking.sureness import all_notes
from foldgrid.specs.variants import MARK, read_variant

WIDE = 112
"""Columns from which there is room for the folds, all test figures and the shares of firsts."""

READABLE = 100
"""Sentences are not set wider than this."""

MARKS = {"base_learner": " ", "meta_learner": "+", "baseline": "="}
STYLES = {"base_learner": "", "meta_learner": "cyan", "baseline": "magenta"}
UNDEFINED = "-"
NAME_WIDTH = 27
"""Columns of a model's name, its mark included."""

TIED = "~"

_RULED = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


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
        hidden = f"{len(begun) - len(shown)} more: python -m analysis rank"
        console.print(Text(f"   {hidden} {ranking.location}", style="dim"), soft_wrap=True)
    console.print()
    console.print(_notes(ranking), width=min(console.width, READABLE))


def _table(ranking: Ranking, rows: list[RankedModel], is_wide: bool) -> Table:
    # Widths are fixed, and with a blank between columns make 80 or 112: a name that is too long
    # ends in an ellipsis, a figure never does.
    table = Table(box=_RULED, padding=0, show_edge=False, header_style="")
    table.add_column("\n# ", justify="right", width=3)
    table.add_column("\n  model", no_wrap=True, width=NAME_WIDTH)
    if is_wide:
        table.add_column("\nfolds", justify="right", width=5)
    for partition, name in _columns(ranking, is_wide):
        is_ordering = partition == "oof" and name == ranking.by
        title = f"{'OOF' if partition == 'oof' else 'test'}\n{ranking.metrics[name].heading}"
        is_first_of_test = partition == "test" and name == ranking.columns()[0]
        _add_figure(
            table, title, 5 + (1 + is_wide) * is_first_of_test, "bold" if is_ordering else ""
        )
        if is_ordering:
            _add_figure(table, "95 %\nfrom", 5)
            _add_figure(table, "\nto", 5)
            if is_wide:
                _add_figure(table, "best\nin", 5)
    best = ranking.best_figures()
    for row in rows:
        cells = _cells(ranking, row, best, is_wide)
        table.add_row(*cells, style="dim" if row.left_out else STYLES[row.kind])
    return table


def _columns(ranking: Ranking, is_wide: bool) -> list[tuple[str, str]]:
    """The figures that fit: at 80 columns the test set shows its first and its last."""
    names = ranking.columns()
    test = names if is_wide else (names[0], names[-1])
    return [*(("oof", name) for name in names), *(("test", name) for name in test)]


def _add_figure(table: Table, title: str, width: int, style: str = "") -> None:
    heading = Text(title, style=style, justify="right")
    table.add_column(heading, justify="right", no_wrap=True, width=width)


def _cells(
    ranking: Ranking, row: RankedModel, best: dict[tuple[str, str], float], is_wide: bool
) -> list[Text]:
    standing = ranking.standing(row)
    rank = f"{row.rank or ''}{TIED if standing.is_tied else ' '}"
    cells = [Text(rank), Text(f"{MARKS[row.kind]} {fitted_name(row.model, NAME_WIDTH - 2)}")]
    if is_wide:
        cells.append(Text(row.folds))
    for partition, name in _columns(ranking, is_wide):
        value = row.figure(partition, name)
        is_best = value is not None and value == best.get((partition, name))
        digits = ranking.scoring.decimals(name)
        cells.append(Text(format_figure(value, digits), style="bold" if is_best else ""))
        if partition == "oof" and name == ranking.by:
            interval = row.interval(partition, name)
            cells += [Text(format_figure(end, digits)) for end in (interval.low, interval.high)]
            if is_wide:
                cells.append(Text(_share(standing.probability_best)))
    return cells


def _share(probability: float | None) -> str:
    return UNDEFINED if probability is None else f"{probability:.0%}"


def _notes(ranking: Ranking) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    for note in all_notes(ranking):
        style = "yellow" if note.is_warning else ""
        mark = "!" if note.is_warning else " "
        grid.add_row(Text(f"{mark} {note.topic}", style=style), Text(note.text, style=style))
    return grid
