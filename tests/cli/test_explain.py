"""`foldgrid explain`: every code of a check or a note in words."""

from __future__ import annotations

import doctest

import pytest
from pydantic import ValidationError

from foldgrid.analysis.checks import explanations
from foldgrid.analysis.checks.catalogue import CATALOGUE
from foldgrid.analysis.checks.explanations import EXPLANATIONS
from foldgrid.analysis.checks.fit_checks import ENVIRONMENT_KEYS
from foldgrid.analysis.predictions.notes import KINDS, Note
from foldgrid.analysis.predictions.validation import SHARED_SETTINGS
from foldgrid.cli.main import main


def test_every_code_is_of_one_check_or_kind_of_note_and_explained() -> None:
    codes = [*(each.code for each in CATALOGUE), *(each.code for each in KINDS)]
    assert codes == sorted(set(codes))
    assert list(EXPLANATIONS) == codes
    for each in EXPLANATIONS.values():
        assert each.title
        assert each.meaning.endswith(".")
        assert (each.looks_at == "") == (each.kind == "note")
        assert each.advice or each.kind == "note"


def test_a_check_s_words_name_every_setting_that_it_looks_at() -> None:
    for code, settings in (("FG204", SHARED_SETTINGS), ("FG206", ENVIRONMENT_KEYS)):
        assert ", ".join(settings) in EXPLANATIONS[code].looks_at


def test_without_a_code_all_are_listed_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for each in EXPLANATIONS.values():
        [line] = [line for line in lines if line.startswith(f"  {each.code}  ")]
        assert line.endswith(each.title)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_a_code_is_explained_in_the_words_of_the_check_itself(
    code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["explain", code.lower()]) == 0
    said = capsys.readouterr().out
    each = EXPLANATIONS[code]
    assert said.isascii()
    assert max(map(len, said.splitlines())) <= 80
    words = " ".join(said.split())
    for part in (each.title, each.looks_at, each.meaning, each.advice, each.source):
        assert " ".join(part.split()) in words


def test_an_unknown_code_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "FG310"]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert '"FG310". Did you mean "FG' in said.err
    assert "`foldgrid explain` lists them all" in said.err


def test_the_example_holds() -> None:
    assert doctest.testmod(explanations).failed == 0


def test_a_note_has_the_code_of_its_kind_or_of_the_check_that_it_repeats() -> None:
    assert Note(topic="ties", text="None.").code == "FG702"
    assert Note(topic="FG201", text="One is missing.").code == "FG201"
    stored = '{"topic": "budget", "text": "Smoke budget. No results.", "is_warning": true}'
    before = Note.model_validate_json(stored)
    assert (before.code, before.line) == ("FG601", "Smoke budget.")
    assert Note.model_validate_json(before.model_dump_json()) == before
    with pytest.raises(ValidationError, match="a note of no kind"):
        Note(topic="weather", text="It rains.")
