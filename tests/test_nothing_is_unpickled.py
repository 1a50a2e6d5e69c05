"""Nothing that could run code is loaded: no pickle, anywhere, by anyone of us."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
SOURCES = [
    PROJECT / "launch.py",
    *(
        path
        for name in ("src", "analysis", "benchmarks")
        for path in (PROJECT / name).rglob("*.py")
    ),
]
PICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
READERS = {"load", "loads", "Unpickler", "open"}


def unsafe_calls(source: str) -> Iterator[str]:
    """The calls in a source that could unpickle something."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module in PICKLERS and _takes_reader(node):
            yield f"line {node.lineno}: from {node.module}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name, options = ast.unparse(node.func), {k.arg: k.value for k in node.keywords}
            module, _, function = name.rpartition(".")
            if (
                (module in PICKLERS and function in READERS)
                or function == "read_pickle"
                or (name == "torch.load" and not _is(options.get("weights_only"), True))
                or (
                    function == "load"
                    and "allow_pickle" in options
                    and not _is(options["allow_pickle"], False)
                )
            ):
                yield f"line {node.lineno}: {name}"


def _takes_reader(node: ast.ImportFrom) -> bool:
    return any(alias.name in READERS for alias in node.names)


def _is(node: ast.expr | None, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_no_source_unpickles() -> None:
    found = {
        str(path.relative_to(PROJECT)): calls
        for path in SOURCES
        if (calls := list(unsafe_calls(path.read_text(encoding="utf-8"))))
    }
    assert found == {}
    assert len(SOURCES) > 100


@pytest.mark.parametrize(
    "source",
    [
        "import pickle; pickle.load(file)",
        "pickle.Unpickler(file).load()",
        "from pickle import loads",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=maybe)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "joblib.load(path)",
    ],
)
def test_what_could_unpickle_is_found(source: str) -> None:
    assert list(unsafe_calls(source))


def test_what_could_not_is_left_alone() -> None:
    for source in ("torch.load(path, weights_only=True)", "np.load(path)", "json.load(file)"):
        assert not list(unsafe_calls(source))
