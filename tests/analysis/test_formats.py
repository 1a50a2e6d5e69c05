from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from rich.console import Console

from foldgrid.analysis.predictions.notes import Note
from foldgrid.analysis.ranking.board import RankedModel, Ranking
from foldgrid.analysis.ranking.formats import (
    render_csv,
    render_json,
    render_latex,
    render_markdown,
    render_svg,
    render_terminal,
)
from foldgrid.tasks.pasi.scoring import PasiScoring

FIGURES = PasiScoring.shown


def row(model: str, kind: str, mae: float | None, **more: str) -> RankedModel:
    oof = {"mae": mae, "mse": 27.191, "pcc": None, "ccc": -0.125}
    test = dict.fromkeys(FIGURES, mae and mae * 100)
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


def printed(ranking: Ranking, width: int, top: int | None = None, color: bool = False) -> str:
    stream = io.StringIO()
    system = "standard" if color else None
    console = Console(file=stream, width=width, force_terminal=color, color_system=system)
    render_terminal(ranking, console, top)
    return stream.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_every_model_and_figure(ranking: Ranking, width: int) -> None:
    text = printed(ranking, width)
    assert max(map(len, text.splitlines())) <= width
    for each in ranking.rows:
        assert each.model in text
    for needed in ("3.34", "27.19", "-0.12", "1025", "304 visits of 54 subjects", "! budget"):
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


def test_the_best_figure_of_a_column_is_bold(ranking: Ranking) -> None:
    text = printed(ranking, 80, color=True)
    assert re.search(r"\x1b\[1m\s*3\.34\x1b\[0m", text)
    assert not re.search(r"\x1b\[1m\s*3\.60", text)


def test_the_top_few_keep_the_baseline_and_name_the_command_for_the_rest(ranking: Ranking) -> None:
    text = printed(ranking, 80, top=1)
    assert "shufflenet_v2_x0_5" in text
    assert "predict_the_mean" in text
    assert "resnet34" not in text
    assert "3 more: foldgrid rank runs/all_backbones" in text


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
    assert "- **budget**: Smoke budget: not results." in text


def test_latex_compiles_structurally(ranking: Ranking) -> None:
    text = render_latex(ranking)
    for begin, end in zip(
        re.findall(r"\\begin{(\w+)}", text),
        reversed(re.findall(r"\\end{(\w+)}", text)),
        strict=True,
    ):
        assert begin == end
    bare = re.sub(r"\\[\\{}&_%#$]", "", text)
    assert bare.count("{") == bare.count("}")
    assert "_" not in bare
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert len(body) == len(ranking.rows)
    assert all(line.count(" & ") == 11 and line.endswith(r"\\") for line in body)
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\textbf{3.34}"):
        assert rule in text
    assert r"my\_manifest.csv" in text


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
