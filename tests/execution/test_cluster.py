"""What is asked of a cluster's machines, by what they might answer."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest
from ray import cloudpickle

from foldgrid.execution import cluster
from foldgrid.execution.cluster import CODE, describe_difference, versions
from foldgrid.execution.resources import Node


def test_a_machine_as_this_one_differs_in_nothing() -> None:
    here = versions()
    assert here["torch"] == metadata.version("torch")
    assert here[CODE]
    assert describe_difference(here, here) == ""


def test_what_differs_is_named_with_both_versions() -> None:
    here = {"python": "3.11.7", "torch": "2.11.0", "timm": "1.0.0", CODE: "ab"}
    there = {"python": "3.11.7", "torch": "2.10.0", CODE: "cd"}
    assert describe_difference(here, there) == (
        "torch 2.10.0 (here 2.11.0), timm missing (here 1.0.0)"
    )
    assert describe_difference(here, here | {CODE: "cd"}) == (
        "foldgrid of the same version, and other code"
    )


def test_the_question_travels_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = cloudpickle.dumps(cluster._looker(("torch", "no-such-package"), ""))
    # As on a machine without this package.
    for name in [each for each in sys.modules if each.partition(".")[0] == "foldgrid"]:
        monkeypatch.delitem(sys.modules, name)
    path = [each for each in sys.path if not (Path(each) / "foldgrid").exists()]
    monkeypatch.setattr(sys, "path", path)
    finders = [each for each in sys.meta_path if "editable" not in repr(each)]
    monkeypatch.setattr(sys, "meta_path", finders)
    found, seen = cloudpickle.loads(asked)()
    assert found["torch"] == metadata.version("torch")
    assert found["no-such-package"] is None
    assert (found[CODE], seen) == (None, "foldgrid is missing")


@pytest.mark.parametrize(
    ("resources", "driver", "expected"),
    [
        ({"CPU": 8.0}, None, Node("a", 8)),
        ({"CPU": 8.0, "GPU": 2.0, "accelerator_type:T4": 1.0}, None, Node("a", 8, 2, "T4", 16.0)),
        (
            {"CPU": 8.0, "GPU": 2.0, "accelerator_type:A100": 1.0},
            79.15,
            Node("a", 8, 2, "A100", 79.2),
        ),
        ({"CPU": 8.0, "GPU": 1.0}, None, Node("a", 8, 1)),
        ({"CPU": 8.0, "memory": 2.0**34}, OSError("no driver"), Node("a", 8, memory_gib=16.0)),
    ],
)
def test_what_ray_knows_of_a_machine_is_read(
    resources: dict[str, float], driver: float | Exception | None, expected: Node
) -> None:
    node = {"NodeManagerHostname": "a", "Resources": resources}
    assert cluster._as_node(node, driver) == expected
