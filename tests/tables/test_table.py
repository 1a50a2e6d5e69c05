"""One table, and each of its renderers."""

from __future__ import annotations

import csv
import doctest
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from foldgrid.tables import table as module
from foldgrid.tables.table import Cell, Column, Table, cells
from foldgrid.tables.terminal import as_rich
from foldgrid.tables.text import as_csv, as_latex, as_markdown, as_plain

COLUMNS = (Column("model", wraps="words"), Column("MAE", is_number=True, format="{:.2f}".format))
TABLE = Table(
    "errors",
    "Errors",
    COLUMNS,
    (("a|b", 4.6), (Cell("c_1", "code"), Cell("5", "strong", "4 to 6"))),
)
TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)


def printed(table: Table, width: int = 80, **more: object) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(as_rich(table, **more))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_example_holds() -> None:
    assert doctest.testmod(module).failed == 0


@given(rows=st.lists(st.tuples(TEXTS, st.integers() | st.floats(allow_nan=False))))
def test_csv_keeps_every_value_at_full_precision(rows: list[tuple[str, float]]) -> None:
    records = [{"name": name, "value": value} for name, value in rows]
    text = as_csv(Table.of_records(records, ("name", "value", "absent")))
    read = list(csv.reader(io.StringIO(text)))
    assert read[0] == ["name", "value", "absent"]
    assert [(name, float(value), last) for name, value, last in read[1:]] == [
        (name, float(value), "") for name, value in rows
    ]


@given(rows=st.lists(st.tuples(TEXTS, TEXTS)), notes=st.lists(TEXTS.filter(bool)))
def test_no_cell_adds_a_column_to_markdown_or_latex(
    rows: list[tuple[str, str]], notes: list[str]
) -> None:
    table = Table("key", "What", (Column("a"), Column("b")), tuple(rows))
    lines = as_markdown(table, notes).splitlines()[2 : 4 + len(rows)]
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines)
    latex = as_latex(table, notes).split(r"\midrule")[1].split(r"\bottomrule")[0]
    assert latex.replace(r"\&", "").count("&") == len(rows)


def test_markdown_sets_tones_and_notes() -> None:
    assert as_markdown(TABLE, ["one"]).splitlines() == [
        "**Errors**",
        "",
        "| model | MAE |",
        "| :-- | --: |",
        r"| a\|b | 4.60 |",
        "| `c_1` | **5** (4 to 6) |",
        "",
        "- one",
    ]
    bare = Table("", "", (Column("x"), Column("")), (("1", "2"),), totals=(("", "3"),))
    assert as_markdown(bare) == "| x | |\n| :-- | :-- |\n| 1 | 2 |\n|  | **3** |\n"


def test_latex_with_a_caption_is_a_table_and_without_one_a_tabular() -> None:
    full = as_latex(TABLE, ["50 %"], groups=[("Test", 1)])
    assert full.startswith("% \\usepackage{booktabs,siunitx,threeparttable}\n\\begin{table}\n")
    assert full.endswith("\\end{table}\n")
    assert r"\caption{Errors}" in full
    assert r"\item 50 \%" in full
    assert r"\label{tab:errors}" in full
    assert r"& \multicolumn{1}{c}{Test} \\" in full
    assert r"\cmidrule(lr){2-2}" in full
    assert r"c\_1 & \bfseries 5{ (4 to 6)} \\" in full
    assert "threeparttable" not in as_latex(TABLE)
    bare = Table("", "", COLUMNS, ((Cell("1~", latex=r"1$\sim$"), 2), ("x", Cell("-1,234"))))
    assert as_latex(bare).splitlines() == [
        r"\begin{tabular}{lS[table-format=-4.2]}",
        r"\toprule",
        r"model & {MAE} \\",
        r"\midrule",
        r"1$\sim$ & 2.00 \\",
        r"x & -1234 \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_latex_lines_up_numbers_and_nothing_else() -> None:
    titles = ("numbers", "with gaps", "sizes", "ranks", "nothing")
    rows = (
        ("1.5", "-", "3x3", Cell("1~", latex=r"1$\sim$"), ""),
        ("-12.25", "", "5x5", "2", "-"),
        ("7", "3", "1x1", "3", ""),
    )
    table = Table("", "", tuple(Column(title, is_number=True) for title in titles), rows)
    text = as_latex(table)
    assert r"{S[table-format=-2.2]S[table-format=1.0]rrr}" in text
    assert r"1.5 & {--} & 3x3 & 1$\sim$ &  \\" in text
    assert r"-12.25 &  & 5x5 & 2 & - \\" in text


def test_a_terminal_shows_rules_totals_and_wraps_where_it_is_asked_to() -> None:
    table = Table(
        "", "", COLUMNS, (("several words here", 1.0), ("x", 2.0)), totals=(("sum", 3.0),)
    )
    assert printed(table, room=80).splitlines() == [
        "model               MAE",
        "-----------------------",
        "several words here 1.00",
        "x                  2.00",
        "-----------------------",
        "sum                3.00",
    ]
    assert "several words   1.00\nhere " in printed(table, room=20)
    long = Table("", "", (Column("layer"), COLUMNS[1]), (("features.block4.conv2", 1.0),))
    assert "..block4.conv2 1.00" in printed(long, room=19)


def test_lined_up_text_is_what_the_terminal_shows_without_rules() -> None:
    table = Table("", "", COLUMNS, (("a", 10.0), ("bcd", 1.0)))
    assert as_plain(table) == "model    MAE\na      10.00\nbcd     1.00\n"


def test_a_row_has_as_many_values_as_columns() -> None:
    with pytest.raises(ValueError, match="shorter"):
        as_markdown(Table("", "", COLUMNS, (("only",),)))
    assert cells("a", Cell("b", "muted")) == (Cell("a"), Cell("b", "muted"))
