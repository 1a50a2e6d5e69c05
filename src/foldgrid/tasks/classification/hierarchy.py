"""A hierarchy of diseases: the paths to its labels, training classes cut from it, coarse classes.

Pure: names and counts in, names out. A *path* is the names from below the root to a node, joined by
``/``: ``malignant/melanocytic/nodular``. Source of the rule: Esteva et al. 2017 (partitioning
algorithm), as the CNN lecture tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SEPARATOR = "/"


def paths_of(hierarchy: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """By label, its path from the root.

    Args:
        hierarchy: Nodes with their children; lists of labels, or a label with nothing below, at its
            ends.
        above: The path to ``hierarchy`` itself.

    Raises:
        ValueError: A label stands at two places, or something is neither node nor label.
    """
    paths: dict[str, str] = {}
    for name, below in hierarchy.items():
        path = f"{above}{SEPARATOR}{name}" if above else str(name)
        if not below:
            found = {str(name): path}
        elif isinstance(below, Mapping):
            found = paths_of(below, path)
        elif isinstance(below, list | tuple):
            if odd := [each for each in below if isinstance(each, Mapping | list | tuple)]:
                raise ValueError(f"{path}: found {odd[0]!r} among its labels; labels are text")
            found = {str(label): f"{path}{SEPARATOR}{label}" for label in below}
        else:
            raise ValueError(f"{path}: found {below!r}; a node has children, or a list of labels")
        if twice := sorted(set(found) & set(paths)):
            raise ValueError(f"{twice[0]} stands at {paths[twice[0]]} and at {found[twice[0]]}")
        paths |= found
    return paths


def partition(
    paths: Mapping[str, str], counts: Mapping[str, int], most: int
) -> dict[str, list[str]]:
    """Cuts training classes from a hierarchy: descends until a node has few enough photographs.

    A label that is larger is a class of its own. Nodes without a photograph are no classes.

    Args:
        paths: By label, its path from the root.
        counts: By label, how many training photographs it has.
        most: The most photographs of a class that is more than one label.

    Returns:
        By the path to the class, the labels below it that occur, in the order of ``paths``. Every
        label that occurs is in exactly one class.
    """
    occurring = {label: path for label, path in paths.items() if counts.get(label, 0) > 0}
    return _partition(occurring, counts, most, 1)


def _partition(
    paths: Mapping[str, str], counts: Mapping[str, int], most: int, depth: int
) -> dict[str, list[str]]:
    nodes: dict[str, dict[str, str]] = {}
    for label, path in paths.items():
        nodes.setdefault(ancestor(path, depth), {})[label] = path
    classes: dict[str, list[str]] = {}
    for node, below in nodes.items():
        is_label = list(below.values()) == [node]
        if is_label or sum(counts[label] for label in below) <= most:
            classes[node] = list(below)
        else:
            classes |= _partition(below, counts, most, depth + 1)
    return classes


def ancestor(path: str, depth: int) -> str:
    """The node at ``depth`` above ``path``, 1 below the root; itself where it is higher."""
    return SEPARATOR.join(path.split(SEPARATOR)[:depth])


def is_below(path: str, node: str) -> bool:
    """Whether ``path`` is ``node`` itself or below it."""
    return path == node or path.startswith(node + SEPARATOR)
