"""Against the paper: the published figures beside ours, and what may be compared."""

from __future__ import annotations

from analysis.context.published import PublishedComparison, compare_with_published
from analysis.report.blocks import Cell, Column, Section, Table
from analysis.report.numbers import figure
from analysis.report.run_facts import RunFacts

CALL = (
    "from analysis.context.published import compare_with_published\n"
    "compare_with_published(run.store, run.ranking)"
)
TITLE = "Against the paper"


def published_section(run: RunFacts) -> Section:
    """The verdict, the rank correlations, both sides' figures, and what was done otherwise."""
    facts = compare_with_published(run.store, run.ranking)
    both = [row for row in facts.rows if row.paper_name and not row.left_out]
    if not any(row.kind == "base_learner" for row in both):
        reason = "none of this sweep's base learners is in the published tables."
        return Section("published", TITLE, left_out=reason)
    blocks = (_figures(facts), _correlations(facts), _differences(facts))
    return Section("published", TITLE, facts.verdict, blocks)


def _figures(facts: PublishedComparison) -> Table:
    columns = (
        Column("Model"),
        Column("Paper's", True, "place"),
        Column("Paper's", True, "test MAE"),
        Column("Our", True, "test MAE"),
        Column("Our", True, "OOF MAE"),
        Column("Paper's", True, "test CCC"),
        Column("Our", True, "test CCC"),
        Column("Our", True, "OOF CCC"),
    )
    rows = []
    for row in facts.rows:
        if not row.paper_name:
            continue
        named = row.paper_name if row.model in {"", row.paper_name} else f"our {row.model}"
        note = "" if named == row.paper_name else named
        rows.append(
            (
                Cell(row.paper_name, "muted" if row.left_out else "", note),
                Cell(str(row.published_rank or "–")),
                *(
                    Cell(figure(side.get(metric), decimals))
                    for metric in ("mae", "ccc")
                    for side, decimals in (
                        (row.published, 3 if metric == "ccc" else 2),
                        (row.test, 2),
                        (row.oof, 2),
                    )
                ),
            )
        )
    note = f"Published: {facts.source}; 34 test visits of 6 subjects. A dash: not in this sweep."
    caption = "Published figures beside this sweep's"
    return Table("published_table", caption, columns, tuple(rows), CALL, note)


def _correlations(facts: PublishedComparison) -> Table:
    columns = (
        Column("Our order by"),
        Column("Base learners", True),
        Column("Spearman", True),
        Column("p", True),
        Column("Kendall", True),
        Column("p", True),
    )
    rows = tuple(
        (
            Cell(f"{'OOF' if each.partition == 'oof' else 'test'} {each.metric.upper()}"),
            Cell(str(each.num_models)),
            Cell(figure(each.spearman)),
            Cell(figure(each.spearman_p, 3)),
            Cell(figure(each.kendall)),
            Cell(figure(each.kendall_p, 3)),
        )
        for each in facts.correlations
    )
    note = "Permutation p-values: do the orders agree more than two shuffled lists would?"
    caption = "How far our order of the base learners agrees with the published one"
    return Table("published_order", caption, columns, rows, CALL, note)


def _differences(facts: PublishedComparison) -> Table:
    forbids = {"order": "order and sizes", "sizes": "sizes", "nothing": "–"}
    rows = tuple(
        (Cell(each.topic), Cell(each.ours), Cell(each.theirs), Cell(forbids[each.forbids]))
        for each in facts.differences
    )
    columns = (
        Column("What"),
        Column("This sweep"),
        Column("The paper"),
        Column("Forbids comparing"),
    )
    return Table("published_differences", "What was done otherwise", columns, rows, CALL)
