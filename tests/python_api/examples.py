"""Runs the Example of a docstring."""

from __future__ import annotations

import doctest
from collections.abc import Mapping
from typing import Any


def run_example(thing: object, name: str, names: Mapping[str, Any]) -> None:
    """Fails unless ``thing`` has an Example, and all in it comes out as it says.

    Args:
        thing: What has the docstring.
        name: What it is called in messages.
        names: What the Example knows.
    """
    # Not those of what a class inherits: they are other rooms'.
    finder = doctest.DocTestFinder(recurse=False)
    (example,) = finder.find(thing, name, globs=dict(names))
    assert example.examples, f"{name} has no Example"
    said: list[str] = []
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.DocTestRunner(optionflags=options).run(example, out=said.append)
    assert result.failed == 0, "".join(said)
    assert not any(each.options.get(doctest.SKIP) for each in example.examples), name
