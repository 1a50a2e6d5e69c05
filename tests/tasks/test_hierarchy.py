"""Ways of a tree, and training classes cut from it by the partition rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.tasks.classification.hierarchy import ancestor, partition, paths_of

TREE = {
    "benign": {"melanocytic": ["naevus", "blue_naevus"], "wart": None},
    "malignant": {"melanocytic": {"nodular": [], "acral": {}}, "epidermal": ("carcinoma",)},
}
PATHS = {
    "naevus": "benign/melanocytic/naevus",
    "blue_naevus": "benign/melanocytic/blue_naevus",
    "wart": "benign/wart",
    "nodular": "malignant/melanocytic/nodular",
    "acral": "malignant/melanocytic/acral",
    "carcinoma": "malignant/epidermal/carcinoma",
}


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> dict[str, Any]:
    """Nodes with children, lists of labels and bare labels; a label's name tells its place."""
    tree: dict[str, Any] = {}
    for place in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["node", "list", "label"] if depth < 3 else ["list", "label"]))
        above = draw(st.integers(0, 10**6))
        if kind == "node":
            tree[f"n{depth}{place}"] = draw(trees(depth=depth + 1))
        elif kind == "list":
            count = draw(st.integers(1, 3))
            tree[f"m{depth}{place}"] = [f"l{depth}{place}{above}_{each}" for each in range(count)]
        else:
            tree[f"l{depth}{place}{above}"] = draw(st.sampled_from([None, {}, []]))
    return tree


def ends(tree: dict[str, Any]) -> list[str]:
    """The labels of a tree, found in another way."""
    found = []
    for name, below in tree.items():
        if not below:
            found.append(name)
        elif isinstance(below, dict):
            found += ends(below)
        else:
            found += below
    return found


unambiguous = trees().filter(lambda tree: len(set(ends(tree))) == len(ends(tree)))


@st.composite
def counted(draw: st.DrawFn) -> tuple[dict[str, str], dict[str, int], int]:
    """Ways, photographs by label, and the most of a class."""
    paths = paths_of(draw(unambiguous))
    counts = {label: draw(st.integers(0, 6)) for label in paths}
    return paths, counts, draw(st.integers(1, 20))


def test_ways_by_hand() -> None:
    assert paths_of(TREE) == PATHS


@given(tree=unambiguous)
def test_a_path_leads_through_the_hierarchy_to_its_label(tree: dict[str, Any]) -> None:
    paths = paths_of(tree)
    assert list(paths) == ends(tree), "in the order of the tree"
    for label, path in paths.items():
        here: Any = tree
        for name in path.split("/"):
            here = here[name] if isinstance(here, dict) else dict.fromkeys(here)[name]
        assert not here
        assert path.split("/")[-1] == label


@pytest.mark.parametrize(
    ("tree", "words"),
    [
        ({"a": ["x"], "b": ["x"]}, "x stands at a/x and at b/x"),
        ({"a": {"x": None}, "x": None}, "x stands at a/x and at x"),
        ({"a": {"b": 3}}, "a/b: found 3; a node has children, or a list of labels"),
        ({"a": "x"}, "a: found 'x'; a node has children, or a list of labels"),
        ({"a": ["x", {"y": ["z"]}]}, "a: found {'y': ['z']} among its labels; labels are text"),
        ({"a": {"b": [["x"]]}}, "a/b: found ['x'] among its labels"),
    ],
)
def test_what_is_no_hierarchy_is_said(tree: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        paths_of(tree)
    assert words in str(caught.value)


def test_a_partition_by_hand() -> None:
    counts = {"naevus": 5, "blue_naevus": 1, "wart": 2, "nodular": 1, "acral": 1, "carcinoma": 0}
    assert partition(PATHS, counts, 8) == {
        "benign": ["naevus", "blue_naevus", "wart"],
        "malignant": ["nodular", "acral"],
    }
    assert partition(PATHS, counts, 6) == {
        "benign/melanocytic": ["naevus", "blue_naevus"],
        "benign/wart": ["wart"],
        "malignant": ["nodular", "acral"],
    }
    assert partition(PATHS, counts, 1) == {
        "benign/melanocytic/naevus": ["naevus"],
        "benign/melanocytic/blue_naevus": ["blue_naevus"],
        "benign/wart": ["wart"],
        "malignant/melanocytic/nodular": ["nodular"],
        "malignant/melanocytic/acral": ["acral"],
    }


@given(case=counted())
def test_every_label_that_occurs_is_in_exactly_one_class(
    case: tuple[dict[str, str], dict[str, int], int],
) -> None:
    paths, counts, most = case
    classes = partition(paths, counts, most)
    placed = [label for labels in classes.values() for label in labels]
    assert sorted(placed) == sorted(label for label, count in counts.items() if count)
    for node, labels in classes.items():
        assert labels, "a node without a photograph is no class"
        assert all(f"{paths[label]}/".startswith(f"{node}/") for label in labels)
        assert [label for label in paths if label in labels] == labels, "in the order of the ways"


@given(case=counted())
def test_only_a_single_label_may_be_larger_than_the_most(
    case: tuple[dict[str, str], dict[str, int], int],
) -> None:
    paths, counts, most = case
    for node, labels in partition(paths, counts, most).items():
        is_alone = [paths[label] for label in labels] == [node]
        assert is_alone or sum(counts[label] for label in labels) <= most


@given(case=counted())
def test_classes_are_disjoint_parts_of_the_hierarchy(
    case: tuple[dict[str, str], dict[str, int], int],
) -> None:
    paths, counts, most = case
    classes = list(partition(paths, counts, most))
    for one in classes:
        assert not [other for other in classes if other.startswith(f"{one}/")]


@given(case=counted())
def test_a_class_is_cut_no_finer_than_it_must_be(
    case: tuple[dict[str, str], dict[str, int], int],
) -> None:
    paths, counts, most = case
    for node in partition(paths, counts, most):
        if "/" in node:
            above = node.rsplit("/", 1)[0]
            around = sum(n for label, n in counts.items() if paths[label].startswith(f"{above}/"))
            assert around > most


@given(case=counted())
def test_more_photographs_a_class_never_make_more_classes(
    case: tuple[dict[str, str], dict[str, int], int],
) -> None:
    paths, counts, most = case
    finer, coarser = (list(partition(paths, counts, limit)) for limit in (most, most + 1))
    assert len(coarser) <= len(finer)
    assert all(any(f"{each}/".startswith(f"{node}/") for node in coarser) for each in finer)


@given(path=st.lists(st.sampled_from("abc"), min_size=1, max_size=5), depth=st.integers(1, 7))
def test_an_ancestor_is_a_part_of_the_way(path: list[str], depth: int) -> None:
    text = "/".join(path)
    assert ancestor(text, depth).split("/") == path[:depth]
    assert ancestor(ancestor(text, depth), depth) == ancestor(text, depth)
