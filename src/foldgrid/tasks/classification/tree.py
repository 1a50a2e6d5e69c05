"""A tree of diseases: the ways to its labels, training classes cut from it, coarse classes.

Pure: names and counts in, names out. A *way* is the names from below the root to a node, joined by
``/``: ``malignant/melanocytic/nodular``. Source of the rule: Esteva et al. 2017 (partitioning
algorithm), as the CNN lecture tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEPARATOR = "/"


def ways_of(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """By label, its way from the root.

    Args:
        tree: Nodes with their children; lists of labels, or a label with nothing below, at its
            ends.
        above: The way to ``tree`` itself.

    Raises:
        ValueError: A label stands at two places, or something is neither node nor label.
    """
    ways: dict[str, str] = {}
    for name, below in tree.items():
        way = f"{above}{SEPARATOR}{name}" if above else str(name)
        if not below:
            found = {str(name): way}
        elif isinstance(below, Mapping):
            found = ways_of(below, way)
        elif isinstance(below, list | tuple):
            if odd := [each for each in below if isinstance(each, Mapping | list | tuple)]:
                raise ValueError(f"{way}: found {odd[0]!r} among its labels; labels are text")
            found = {str(label): f"{way}{SEPARATOR}{label}" for label in below}
        else:
            raise ValueError(f"{way}: found {below!r}; a node has children, or a list of labels")
        if twice := sorted(set(found) & set(ways)):
            raise ValueError(f"{twice[0]} stands at {ways[twice[0]]} and at {found[twice[0]]}")
        ways |= found
    return ways


def partition(
    ways: Mapping[str, str], counts: Mapping[str, int], most: int
) -> dict[str, list[str]]:
    """Cuts training classes from a tree: descends until a node has at most so many photographs.

    A label that is larger is a class of its own. Nodes without a photograph are no classes.

    Args:
        ways: By label, its way from the root.
        counts: By label, how many training photographs it has.
        most: The most photographs of a class that is more than one label.

    Returns:
        By the way to the class, the labels below it that occur, in the order of ``ways``. Every
        label that occurs is in exactly one class.
    """
    occurring = {label: way for label, way in ways.items() if counts.get(label, 0) > 0}
    return _partition(occurring, counts, most, 1)


def _partition(
    ways: Mapping[str, str], counts: Mapping[str, int], most: int, depth: int
) -> dict[str, list[str]]:
    nodes: dict[str, dict[str, str]] = {}
    for label, way in ways.items():
        nodes.setdefault(ancestor(way, depth), {})[label] = way
    classes: dict[str, list[str]] = {}
    for node, below in nodes.items():
        is_label = list(below.values()) == [node]
        if is_label or sum(counts[label] for label in below) <= most:
            classes[node] = list(below)
        else:
            classes |= _partition(below, counts, most, depth + 1)
    return classes


def ancestor(way: str, depth: int) -> str:
    """The node at ``depth`` above ``way``, 1 for just below the root; itself where it is higher."""
    return SEPARATOR.join(way.split(SEPARATOR)[:depth])


def is_below(way: str, node: str) -> bool:
    """Whether ``way`` is ``node`` itself or below it."""
    return way == node or way.startswith(node + SEPARATOR)
