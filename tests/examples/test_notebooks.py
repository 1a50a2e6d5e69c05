"""The notebooks run from top to bottom in a kernel, at tiny size; they are kept without outputs."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.analysis.conftest import FakeRun
from tests.python_api.tiny import TINY_OVERRIDES

EXAMPLES = Path(__file__).parents[2] / "examples"
OPTIONS = {"executor": "inline", "wandb": "disabled", "budget": "smoke"}
SHORT = {name: value for name, value in TINY_OVERRIDES.items() if name.startswith("training")}


def run_notebook(name: str, place: Path, **parameters: Any) -> Any:
    """The notebook with other parameters, executed in ``place``."""
    book = nbformat.read(EXAMPLES / name, as_version=4)
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source = "\n".join(f"{key} = {value!r}" for key, value in parameters.items())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDGRID_CACHE", str(place / "cache"))
        path = [str(EXAMPLES.parent / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(path))
        resources = {"metadata": {"path": str(place)}}
        return NotebookClient(book, timeout=250, resources=resources).execute()


def shown(book: Any, source: str) -> str:
    """All that the cell of this source showed."""
    (cell,) = [cell for cell in book.cells if source in cell.source]
    return re.sub(r"\\u001b\[[0-9;]*m", "", json.dumps(cell.outputs))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    for cell in book.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_reading_a_run(tmp_path: Path) -> None:
    folder = FakeRun(tmp_path / "tiny", num_folds=2, num_subjects=6).write().location
    book = run_notebook("reading_a_run.ipynb", tmp_path, folder=folder)
    assert "average" in shown(book, "foldgrid.rank(table)")
    assert (tmp_path / "ranking.png").stat().st_size > 10_000


@pytest.mark.exhaustive
def test_quickstart_shows_its_progress_in_the_cell(tmp_path: Path) -> None:
    options = {name: value for name, value in OPTIONS.items() if name != "budget"}
    book = run_notebook("quickstart.ipynb", tmp_path, settings=TINY_OVERRIDES, options=options)
    assert "2 of 2 done" in shown(book, "foldgrid.launch(sweep")
    assert "image/svg+xml" in shown(book, 'exhibit("ranking").plot()')
    assert (tmp_path / "runs/quickstart/report.html").exists()


@pytest.mark.exhaustive
def test_your_photographs(tmp_path: Path) -> None:
    settings = {**SHORT, "split.num_folds": 2, "data.tile_pixels": 32}
    book = run_notebook(
        "your_photographs.ipynb", tmp_path, num_subjects=20, settings=settings, options=OPTIONS
    )
    assert "probability_" in shown(book, "run.predict(new)")
