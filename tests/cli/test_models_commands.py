"""``foldgrid models``."""

from __future__ import annotations

import csv
import io
import json
import re
import sys

import pytest

from foldgrid.cli.main import main
from foldgrid.describe.numbers import full_count, same_or_each, short_count
from foldgrid.describe.structure import describe
from foldgrid.models.footprint import footprint
from foldgrid.specs.errors import SweepError
from foldgrid.specs.heads import Pooling
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.tables.table import Column, Table
from foldgrid.tables.terminal import shorten_name
from foldgrid.tables.text import as_latex, as_markdown, check_format


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["models", *arguments]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    return output.out


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "arguments",
    [
        ["describe", "googlenet"],
        ["describe", "densenet121", "--all", "--pixels", "64", "--outputs", "4"],
        ["compare", "alexnet", "shufflenet_v2_x1_0", "mobilenet_v3_large"],
    ],
    ids=lambda arguments: "-".join(arguments[:2]),
)
def test_the_terminal_s_width_is_enough(
    columns: int,
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = printed(capsys, *arguments)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= columns
    # No figure is cut; only names are.
    assert not re.search(r"\d\.\.(\s|$)", text)


def test_a_network_is_described(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = printed(capsys, "describe", "alexnet").splitlines()
    assert lines[0] == "alexnet: AlexNet (2012), deep, ReLU, dropout, trained on GPUs"
    assert lines[1].startswith("224x224 pixels, 1000 outputs: 61,100,840 parameters, 714.2 M")
    words = {line.split()[0]: line.split() for line in lines if line}
    assert words["features.0"][-6:] == ["224x224x3", "55x55x64", "4", "2", "23,296", "70,276,800"]
    assert words["classifier.1"][-4:] == ["9216", "4096", "37,752,832", "37,748,736"]
    assert words["total"] == ["total", "61,100,840", "714,188,480"]
    text = " ".join(" ".join(lines).split())
    assert 'torchvision has the single-tower network of "One weird trick"' in text
    assert "43 of them are the same" in text


def test_auxiliary_heads_have_rows_and_totals_of_their_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = printed(capsys, "describe", "googlenet", "--depth", "1").splitlines()
    words = [line.split() for line in lines]
    assert ["in", "prediction", "6,624,904", "1.498", "G"] in words
    assert ["in", "training", "13,004,888", "1.507", "G"] in words
    assert ["aux1", "4", "layers", "14x14x512", "1000", "3,188,968", "4.170", "M"] in words
    text = printed(capsys, "describe", "inception_v3", "--pixels", "256", "--depth", "1")
    assert "cannot be trained" in " ".join(text.split())


@pytest.mark.parametrize("more", [[], ["--all"], ["--depth", "1"]])
def test_csv_and_json_hold_the_same_rows_and_the_same_sums(
    more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["describe", "googlenet", "--pixels", "64", "--outputs", "4", *more, "--format"]
    rows = list(csv.DictReader(io.StringIO(printed(capsys, *asked, "csv"))))
    document = json.loads(printed(capsys, *asked, "json"))
    names = [layer["name"] for layer in (*document["layers"], *document["auxiliary"])]
    assert [row["layer"] for row in rows] == names
    expected = describe("googlenet", 4, 64)
    assert sum(int(row["parameters"]) for row in rows) == expected.num_parameters
    main_rows = [row for row in rows if row["part"] == "main"]
    assert sum(int(row["multiply_adds"]) for row in main_rows) == expected.multiply_adds
    assert document["multiply_adds"] == expected.multiply_adds
    assert document["architecture"]["year"] == 2014
    assert len(document["lecture"]["differences"]) == 127
    assert any("bn" in name for name in names) == ("--all" in more)


def test_markdown_and_latex(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["describe", "resnet18", "--depth", "1", "--format"]
    markdown = printed(capsys, *asked, "md")
    assert "| layer1 | 4 layers | 56x56x64 | 56x56x64 |  |  | 147,968 | 462,422,016 |" in markdown
    assert "| **total** |  |  |  |  |  | **11,689,512** | **1,814,073,344** |" in markdown
    latex = printed(capsys, *asked, "latex")
    assert r"\label{tab:resnet18}" in latex
    assert r"    total &  &  &  &  &  & 11689512 & 1814073344 \\" in latex
    assert "S[table-format=10.0]" in latex
    [caption] = [line for line in latex.splitlines() if r"\caption" in line]
    assert "tablenotes" not in latex
    assert caption in (noted := printed(capsys, *asked, "latex", "--notes"))
    assert noted.count(r"\item ") > 1
    assert "172,032" in markdown
    assert "172,032" not in latex


def test_networks_are_compared(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = printed(capsys, "compare", "vgg16", "alexnet", "vgg16")
    assert text.startswith("2 networks, the oldest idea first; 1000 outputs, 224 pixels.")
    rows = [line.split() for line in text.splitlines() if line.startswith(("alexnet", "vgg16"))]
    assert [row[:2] for row in rows] == [["alexnet", "2012"], ["vgg16", "2014"]]
    assert rows[1][-6:] == ["91.90", "90.38", "138.4", "M", "15.47", "G"]
    assert "19.6B the multiply-adds of VGG-19" in " ".join(text.split())
    assert "Inception" not in text
    asked = ["compare", "--sweep", "quickstart", "--format"]
    records = list(csv.DictReader(io.StringIO(printed(capsys, *asked, "csv"))))
    document = json.loads(printed(capsys, *asked, "json"))
    assert [row["network"] for row in records] == [
        each["backbone"] for each in document["networks"]
    ]
    assert len(document["lecture"]["rows"]) == 4
    assert records[0]["paper_top5"] in ("", str(document["networks"][0]["paper_top5"]))
    assert "| network | year | idea |" in printed(capsys, *asked, "md")
    assert r"\label{tab:architectures}" in printed(capsys, *asked, "latex")


def test_without_names_every_architecture_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "compare", "--pixels", "224", "--format", "csv")
    families = [row["architecture"] for row in csv.DictReader(io.StringIO(text))]
    assert len(families) == len(set(families)) == 24


def test_a_comparison_of_all_leaves_out_what_cannot_be_built_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    assert main(["models", "compare", "--pixels", "224", "--format", "csv"]) == 0
    found = capsys.readouterr()
    assert "legacy_seresnet101" not in found.out
    assert found.err.splitlines() == [
        f"{name} is left out: timm is not installed here."
        for name in ("legacy_seresnet101", "tf_efficientnet_lite0")
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["describe", "resnet35"], "resnet35   there is no network of this name"),
        (["describe", "resnet35"], '"resnet34"'),
        (["compare", "alexnet", "mobilnet_v2"], 'Did you mean "mobilenet_v2"'),
        (["describe", "alexnet", "--pixels", "32"], "Give --pixels 64; it was made for 224."),
        (["describe", "vit_b_32", "--pixels", "250"], "Give --pixels 224 or 256; it was made for"),
        (["compare", "alexnet", "--pixels", "32"], "alexnet cannot take 32x32 pixels"),
        (["describe", "alexnet", "--pixels", "0"], "--pixels"),
        (["describe", "alexnet", "--depth", "0"], "--depth"),
        (["describe", "alexnet", "--outputs", "none"], "--outputs"),
        (["describe", "alexnet", "--format", "mdd"], 'Did you mean "md"?'),
        (["compare", "alexnet", "--sweep", "quickstart"], "Give one of the two."),
        (["compare", "--sweep", "quickstrat"], '"quickstart"'),
        (["describe"], "NAME"),
    ],
)
def test_what_is_wrong_is_said_and_exits_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert "Traceback" not in output.err


@pytest.mark.parametrize(
    ("number", "short", "full"),
    [
        (0, "-", "-"),
        (7, "7", "7"),
        (999, "999", "999"),
        (1_000, "1.000 k", "1,000"),
        (999_949, "999.9 k", "999,949"),
        (999_960, "1.000 M", "999,960"),
        (9_999_600, "10.00 M", "9,999,600"),
        (99_996_000, "100.0 M", "99,996,000"),
        (118_013_952, "118.0 M", "118,013,952"),
        (1_814_073_344, "1.814 G", "1,814,073,344"),
    ],
)
def test_counts(number: int, short: str, full: str) -> None:
    assert (short_count(number), full_count(number)) == (short, full)


def test_words_for_small_things() -> None:
    assert [same_or_each(each) for each in ((2, 2), (0, 3), ())] == ["2", "0x3", ""]
    name = "features.denseblock4.denselayer16.conv2"
    assert shorten_name(name, 39) == name
    assert shorten_name(name, 30) == "..denselayer16.conv2"
    assert shorten_name(name, 12) == "..conv2"
    assert shorten_name("shufflenet_v2", 8) == "..net_v2"


def test_a_table_of_cells_is_safe_in_latex_and_markdown() -> None:
    columns = (Column("a_b"), Column("n", is_number=True))
    table = Table("a b", "100 % & more", columns, (("x_1", 2),))
    latex = as_latex(table, ["50 #"])
    assert r"\caption{100 \% \& more}" in latex
    assert r"\item 50 \#" in latex
    assert r"a\_b & {n} \\" in latex
    assert r"\label{tab:a-b}" in latex
    assert r"\begin{tabular}{lS[table-format=1.0]}" in latex
    assert as_markdown(table, ["50 #"]).splitlines()[2:] == [
        "| a_b | n |",
        "| :-- | --: |",
        "| x_1 | 2 |",
        "",
        "- 50 #",
    ]
    check_format("md", ("md", "csv"))
    with pytest.raises(SweepError, match=r'no format "tex"'):
        check_format("tex", ("md", "csv"))


@pytest.mark.parametrize(("head", "pooling"), [("mlp", "mean_max"), ("linear", "attention")])
def test_the_head_that_a_sweep_would_give_is_shown(
    capsys: pytest.CaptureFixture[str], head: str, pooling: Pooling
) -> None:
    asked = ("describe", "vgg11", "--head", head, "--pooling", pooling, "--outputs", "4")
    found = json.loads(printed(capsys, *asked, "--format", "json"))
    own = TrainingRecipe(
        head=head, pooling=pooling, phases=(Phase(name="head", frozen="backbone"),)
    ).own_head
    assert found["head"]["name"] == head
    assert found["num_parameters"] == footprint("vgg11", 4, 224, own_head=own).num_parameters
    rows = {layer["name"]: layer["parameters"] for layer in found["layers"]}
    assert sum(rows.values()) == found["num_parameters"]
    assert any(name.startswith("head") for name in rows)
    assert f"(head {head}, pooling {pooling})" in printed(capsys, *asked).splitlines()[0:2][-1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--head", "rigde"], '--head: found "rigde". Did you mean "ridge"?'),
        (["--pooling", "class_token"], "vgg11 cannot have pooling: class_token"),
    ],
)
def test_a_head_that_it_cannot_have_is_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["models", "describe", "vgg11", *options]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
