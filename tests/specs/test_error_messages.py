"""How mistakes read: aligned, all of them counted, the first twenty shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import (
    MAX_PROBLEMS_SHOWN,
    InputError,
    Problem,
    SweepError,
    did_you_mean,
    nearest,
)

words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)


def test_problems_stand_in_columns() -> None:
    error = InputError(
        "sweeps/mine.yaml",
        [
            Problem("line 6", "search_space", 'no such space "lr_plateu".'),
            Problem("line 19", "folds", "found 1."),
        ],
        "Mend them.",
    )
    assert str(error) == (
        "sweeps/mine.yaml: 2 problems\n"
        '  line 6    search_space   no such space "lr_plateu".\n'
        "  line 19   folds          found 1.\n"
        "Mend them."
    )
    assert isinstance(error, SweepError)


def test_one_problem_is_not_called_problems_and_an_empty_column_takes_no_room() -> None:
    assert str(InputError("a.csv", [Problem("file", "", "gone.")])) == (
        "a.csv: 1 problem\n  file   gone."
    )


@pytest.mark.parametrize("extra", [0, 1, 30])
def test_the_first_twenty_are_shown_then_a_count(extra: int) -> None:
    count = MAX_PROBLEMS_SHOWN + extra
    error = InputError("a.csv", [Problem(f"row {n}", "", f"wrong {n}.") for n in range(count)])
    lines = str(error).splitlines()
    assert lines[0] == f"a.csv: {count} problems"
    assert lines[1:21] == [f"  {f'row {n}'.ljust(6)}   wrong {n}." for n in range(20)]
    assert lines[21:] == ([f"  … and {extra} more"] if extra else [])
    assert len(error.problems) == count


@given(st.lists(st.builds(Problem, words, words | st.just(""), words), min_size=1, max_size=60))
def test_every_message_has_a_line_a_shown_problem(problems: list[Problem]) -> None:
    lines = str(InputError("a", problems)).splitlines()
    shown = problems[:MAX_PROBLEMS_SHOWN]
    assert len(lines) == 1 + len(shown) + (len(problems) > len(shown))
    for line, problem in zip(lines[1:], shown, strict=False):
        assert line.startswith(f"  {problem.where}")
        assert line.endswith(problem.message)
    assert (
        len(
            {
                line.find(problem.what)
                for line, problem in zip(lines[1:], shown, strict=False)
                if problem.what and problem.what not in problem.where
            }
        )
        <= 1
    )


@given(words, st.lists(words, unique=True, max_size=20))
def test_only_known_names_are_offered(name: str, known: list[str]) -> None:
    offered = nearest(name, known)
    assert len(offered) <= 3
    assert set(offered) <= set(known)
    sentence = did_you_mean(name, known)
    if offered:
        assert sentence.startswith(f'Did you mean "{offered[0]}"')
    elif known:
        assert sentence.startswith("Known: ")
    else:
        assert sentence == ""


def test_the_nearest_name_comes_first_whatever_its_case() -> None:
    known = ["resnet18", "resnet34", "alexnet"]
    assert nearest("ResNet34", known)[0] == "resnet34"
    assert did_you_mean("resnet35", ["resnet34"]) == 'Did you mean "resnet34"?'
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    assert did_you_mean("zzz", [f"name{n:02d}" for n in range(13)]).endswith("name11, ….")
