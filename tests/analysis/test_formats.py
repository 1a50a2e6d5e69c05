from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.ranking.formats import (
    NOTED_FORMATS,
    render_csv,
    render_json,
    render_latex,
    render_markdown,
    render_svg,
    render_terminal,
)
from foldgrid.analysis.ranking.ranking import RankedModel, Ranking
from foldgrid.analysis.ranking.terminal import BEST
from foldgrid.analysis.ranking.uncertainty import all_notes
from foldgrid.tasks.pasi.scoring import PasiScoring

METRIC_NAMES = PasiScoring.shown
KEPT = ("resnet34", "predict_the_mean")


def row(model: str, kind: str, mae: float | None, **more: str) -> RankedModel:
    oof = {"mae": mae, "mse": 27.191, "pcc": None, "ccc": -0.125}
    test = dict.fromkeys(METRIC_NAMES, mae and mae * 100)
    return RankedModel(model=model, kind=kind, oof=oof, test=test, **more)


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    return Ranking(
        made_from="0",
        sweep="all_backbones",
        title="One-Step PASI, 100% & more",
        location="runs/all_backbones",
        by="mae",
        num_units={"oof": 304, "test": 34},
        num_subjects={"oof": 54, "test": 6},
        rows=(
            row("shufflenet_v2_x0_5", "base_learner", 3.336, folds="5/5", weights="random"),
            row("logit_ridge_w_intercept", "meta_learner", 3.5, paper_name="meta_learner_ridge"),
            row("resnet34", "base_learner", 3.6, folds="5/5"),
            row("predict_the_mean", "baseline", 10.25),
            row("vgg11", "base_learner", None, folds="4/5", left_out="fold 2 diverged"),
        ),
        notes=(
            Note(topic="budget", text="Smoke budget: not results.", is_warning=True),
            Note(topic="data", text="The photographs of my_manifest.csv."),
        ),
    ).ordered_by("mae")


@pytest.fixture(scope="module")
def many(ranking: Ranking) -> Ranking:
    """As many models as the card's sweep has, meta-learners first."""
    stacked = [row(f"stacked_{place:02}", "meta_learner", 1 + place / 100) for place in range(44)]
    more = (
        Note(topic="order", text="The order is by MAE. It says more."),
        Note(topic="ties", text="Nobody is tied. At all.", brief="None is tied."),
    )
    rows = (*stacked, *(each for each in ranking.rows if each.model in KEPT))
    notes = (*ranking.notes, *more)
    return ranking.model_copy(update={"rows": rows, "notes": notes}).ordered_by("mae")


def printed(ranking: Ranking, width: int, top: int | None = BEST, color: bool = False) -> str:
    stream = io.StringIO()
    system = "standard" if color else None
    console = Console(file=stream, width=width, force_terminal=color, color_system=system)
    render_terminal(ranking, console, top)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_every_model_and_metric(ranking: Ranking, width: int) -> None:
    text = printed(ranking, width)
    assert max(map(len, text.splitlines())) <= width
    for each in ranking.rows:
        assert each.model in text
    for needed in (
        "3.34",
        "27.19",
        "-0.12",
        "1025",
        "304 visits of 54 subjects",
        "! FG601  Smoke budget",
    ):
        assert needed in text
    assert "ordered by out-of-fold (OOF) MAE, lowest first" in text
    assert "\N{HORIZONTAL ELLIPSIS}" not in text


def test_a_pipe_gets_plain_ascii(ranking: Ranking) -> None:
    text = printed(ranking, 80)
    assert text.isascii()
    assert "\x1b" not in text
    assert not set("|+-").intersection(line[:1] for line in text.splitlines()) - {"-"}


def test_kinds_differ_without_colour(ranking: Ranking) -> None:
    text = printed(ranking, 80)
    assert "+ logit_ridge_w_intercept" in text
    assert "= predict_the_mean" in text
    assert "  resnet34" in text


def test_the_best_metric_of_a_column_is_bold(ranking: Ranking) -> None:
    text = printed(ranking, 80, color=True)
    assert re.search(r"\x1b\[1m\s*3\.34\x1b\[0m", text)
    assert not re.search(r"\x1b\[1m\s*3\.60", text)


def test_a_few_models_are_all_shown(ranking: Ranking) -> None:
    text = printed(ranking, 80, top=1)
    assert all(each.model in text for each in ranking.rows)
    assert "--all" not in text


@pytest.mark.parametrize("width", [80, 112, 160])
def test_many_models_are_said_in_few_lines(many: Ranking, width: int) -> None:
    lines = printed(many, width).splitlines()
    needed = [note for note in all_notes(many) if note.is_needed]
    # The best fifteen, the best base learner and the baseline; title, legend, notes, blanks.
    assert len(lines) == BEST + 2 + 11 + len(needed)
    for name in ("stacked_00", "stacked_14", "resnet34", "predict_the_mean"):
        assert any(f" {name} " in line for line in lines)
    assert not any("stacked_15" in line for line in lines)
    assert "   29 more: foldgrid rank runs/all_backbones --all" in lines
    for note in needed:
        [line] = [line for line in lines if f" {note.code}  {note.line}" in line]
        assert line.startswith("!") == note.is_warning
    assert "  more: foldgrid explain CODE; foldgrid rank --notes has 4 notes in full" in lines
    for each in many.rows:
        assert each.model in printed(many, width, top=None)


def test_every_note_is_printed_in_full_where_that_is_asked_for(many: Ranking) -> None:
    stream = io.StringIO()
    render_terminal(many, Console(file=stream, width=300), has_notes=True)
    latex, markdown = render_latex(many, True), render_markdown(many, True)
    for note in all_notes(many):
        assert note.text.split(" ")[-1] in stream.getvalue()
        assert f" {note.code}" in stream.getvalue()
        assert note.markdown in markdown
        assert latex.count(r"\item ") == len(many.notes)


def test_nothing_that_is_handed_on_names_a_folder_of_this_machine(many: Ranking) -> None:
    here = "/home/anna/Ward 7/runs/all_backbones"
    reported = (
        Note(topic="checks", text=f"17 checks. `foldgrid check {here}` explains."),
        Note(topic="data", text="The photographs of /srv/clinic-x/mine.csv."),
        Note(topic="not saved", text=f"{here}: [Errno 13] '/mnt/disk/a.json'.", is_warning=True),
        Note(topic="raters", text="Bound to 3.3/2.2 points, and/or https://a.org/b/c."),
    )
    private = many.model_copy(update={"location": here, "notes": reported})
    for has_notes in (False, True):
        for name, render in NOTED_FORMATS.items():
            text = render(private, has_notes)
            for folder in ("anna", "Ward", "clinic-x", "/srv", "/mnt"):
                assert folder not in text, name
    assert "anna" not in render_csv(private)
    full = render_markdown(private, True)
    for kept in ("mine.csv", "a.json", "3.3/2.2", "and/or", "https://a.org/b/c", "all_backbones"):
        assert kept in full


def test_csv_parses_back_at_full_precision(ranking: Ranking) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(ranking))))
    assert [each["model"] for each in rows] == [each.model for each in ranking.rows]
    assert float(rows[0]["oof_mae"]) == 3.336
    assert rows[0]["oof_pcc"] == ""
    assert (rows[-1]["rank"], rows[-1]["left_out"]) == ("", "fold 2 diverged")


def test_json_holds_everything(ranking: Ranking) -> None:
    text = render_json(ranking)
    assert Ranking.model_validate_json(text) == ranking
    assert "NaN" not in text
    assert json.loads(text)["rows"][0]["oof"]["pcc"] is None


def test_markdown_is_one_table_of_equal_rows(ranking: Ranking) -> None:
    text = render_markdown(ranking)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(ranking.rows)
    assert {line.count("|") for line in table} == {13}
    assert re.fullmatch(r"[|:\- ]+", table[1])
    assert "| **3.34** |" in table[2]
    assert text.splitlines()[-2:] == [
        "- FG601: Smoke budget: not results.",
        "- FG605: The photographs of my_manifest.csv.",
    ]
    assert "- **budget** (FG601): Smoke budget: not results." in render_markdown(ranking, True)


def test_latex_compiles_structurally(ranking: Ranking) -> None:
    text = render_latex(ranking)
    for begin, end in zip(
        re.findall(r"\\begin{(\w+)}", text),
        reversed(re.findall(r"\\end{(\w+)}", text)),
        strict=True,
    ):
        assert begin == end
    bare = re.sub(r"^%.*$|\\[\\{}&_%#$]", "", text, flags=re.MULTILINE)
    assert bare.count("{") == bare.count("}")
    assert "_" not in bare
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == len(ranking.rows)
    assert all(line.count(" & ") == 13 and line.endswith(r"\\") for line in body)
    for rule in (
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\bfseries 3.34",
        "S[table-format=2.2]",
    ):
        assert rule in text
    assert r"my\_manifest.csv" in render_latex(ranking, True)


def test_a_latex_caption_is_two_sentences(many: Ranking) -> None:
    for has_notes in (False, True):
        [caption] = [
            line for line in render_latex(many, has_notes).splitlines() if "caption" in line
        ]
        assert caption.count(". ") == 1
        assert len(caption.split()) < 40
    assert "% FG601: Smoke budget: not results." in render_latex(many)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
@pytest.mark.parametrize("has_notes", [False, True])
def test_latex_compiles(ranking: Ranking, has_notes: bool, tmp_path: Path) -> None:
    packages = "booktabs,siunitx" + (",threeparttable" if has_notes else "")
    document = (
        rf"\documentclass{{article}}\usepackage{{{packages}}}"
        rf"\begin{{document}}{render_latex(ranking, has_notes)}\end{{document}}"
    )
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    if re.search(r"File `\w+\.sty' not found", done.stdout):
        pytest.skip("pdflatex lacks a package")
    assert done.returncode == 0, done.stdout[-2000:]


def test_the_picture_shows_every_model_and_needs_no_network(ranking: Ranking) -> None:
    picture = render_svg(ranking)
    root = ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    text = "".join(root.itertext())
    for each in ranking.rows:
        assert each.model in text
    addresses = set(re.findall(r"https?://[^\"')\s]+", picture))
    assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "url(http" not in picture
