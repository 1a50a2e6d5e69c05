"""A tracker from another package, and TensorBoard, through whole launches; docs/how-to/tracking.md.

The package is `tests/tracking/json_lines.py`, one file, and an entry point. Nothing else knows it.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from foldgrid.records import RunStore, SearchStore
from foldgrid.specs.fits import EpochRecord
from tests.launching.beside import launched_beside
from tests.launching.tiny_sweep import TINY, Launched, Launcher
from tests.outside.packages import installed, write_package

PROJECT = Path(__file__).resolve().parents[2]
SOURCE = PROJECT / "tests/tracking/json_lines.py"
MODULE = "json_lines_of_others"
SEARCH = (
    TINY.replace("  - shufflenet_v2_x0_5\n", "")
    + "search_space: lr_plateau\nsearch: {num_trials: 2, sampler: RandomSampler}\n"
)


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """The package's only module, in a folder on the path."""
    site, code = tmp_path / "site", SOURCE.read_text(encoding="utf-8")
    entry = f"foldgrid.trackers: json_lines = {MODULE}:JSON_LINES"
    module = write_package(site, "json-lines", MODULE, code, entry)
    with installed(site):
        yield module


def runs_of(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """By name, the lines of each run."""
    found = {}
    for path in folder.glob("json_lines/*/run.jsonl"):
        header, *lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        assert (path.parent / ".whole").exists()
        found[header["name"]] = lines
    return found


def check_points(lines: Sequence[dict[str, Any]], history: Sequence[EpochRecord]) -> None:
    """Every epoch once, in order, as it was recorded, and then the end."""
    assert [line["kind"] for line in lines] == ["point"] * len(history) + ["end"]
    for line, epoch in zip(lines, history, strict=False):
        assert line["step"] == epoch.epoch
        assert line["values"]["validation/loss"] == epoch.validation_loss
        assert line["values"]["epoch_seconds"] == epoch.wall_seconds


def kill_in_the_second_fit(launcher: Launcher, sweep: Path) -> None:
    """A launch in a process of its own, killed once its first fit is over."""
    command = [
        "--sweep",
        str(sweep),
        "--budget",
        "smoke",
        "--storage",
        str(launcher.storage),
        "--executor",
        "inline",
    ]
    command += ["--wandb", "disabled", "--tracker", "json_lines"]
    with launched_beside(*command, folder=launcher.folder) as process:
        for line in process.output:
            if line.startswith("[1/4]"):
                process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL


def launch(launcher: Launcher, sweep: Path, *options: str) -> Launched:
    """A launch that tells the package's tracker, and is ranked."""
    done = launcher(sweep, "--tracker", "json_lines", *options, ranked=True)
    assert done.code == 0, done.out + done.err
    return done


def test_a_killed_grid_goes_on_and_every_epoch_arrives_once(
    launcher: Launcher, package: Path
) -> None:
    sweep = launcher.write()
    kill_in_the_second_fit(launcher, sweep)
    run = launcher.storage / "tiny"
    assert 1 <= len(list(run.glob("json_lines/*"))) < 4
    done = launch(launcher, sweep)
    assert "json_lines  offline: every fit has a folder in the run folder" in done.out
    assert f"JSON lines {run}/json_lines/" in done.out
    store, runs = launcher.store(), runs_of(run)
    ranking = runs.pop("tiny summary")
    assert runs.keys() == store.finished_fits()
    for fit_id, lines in runs.items():
        check_points(lines, store.read_history(fit_id))
        metric_values = store.read_fit(fit_id).metrics
        assert lines[-1]["summary"]["test/pasi_mae"] == metric_values["test/pasi_mae"]
    columns, rows = ranking[0]["tables"]["ranking"]
    board = json.loads((run / "leaderboard.json").read_text(encoding="utf-8"))
    assert len(rows) == len(board["rows"])
    assert {"shufflenet_v2_x0_5", "squeezenet1_1"} <= {str(cell) for row in rows for cell in row}
    assert columns
    columns, rows = ranking[0]["tables"]["visits"]
    assert columns[0] == "subject"
    assert all(row[0].startswith("P-") for row in rows)
    assert not (run / "wandb").exists()
    assert launcher.raw("--status", str(run)).code == 0


def test_a_search_is_shown_trial_by_trial(launcher: Launcher, package: Path) -> None:
    launch(launcher, launcher.write(SEARCH))
    run = launcher.storage / "tiny"
    runs, store = runs_of(run), SearchStore(str(run / "search"))
    summary = runs.pop("tiny summary")
    (study,) = store.read_plan().studies
    folders = store.trials(study.name)
    assert len(runs) == len(folders) == 2
    for folder in folders:
        record, history = folder.read_record(), folder.read_history()
        lines = runs[f"{record.backbone}/trial-{record.number:04}"]
        assert [line.get("step") for line in lines] == [1, 2, None]
        reported = [line["values"]["oof/mae"] for line in lines[:-1]]
        assert reported == [epoch.oof["mae"] for epoch in history]
        assert lines[-1]["summary"]["status"] == "complete"
    assert summary[0]["facts"]["num_trials"] == 2
    assert len(summary[0]["tables"]["trials"][1]) == 2


def test_its_name_is_checked_before_anything_is_read(launcher: Launcher, package: Path) -> None:
    sweep = launcher.write()
    for options, words in (
        (["--tracker", "json_line"], 'no tracker "json_line". Did you mean "json_lines"?'),
        (["--tracker", "none", "--tracker", "json_lines"], "found --tracker json_lines beside it"),
        (["--tracker", "none", "--wandb", "online"], "found --wandb online beside it"),
    ):
        wandb = [] if "--wandb" in options else ["--wandb", "auto"]
        said = launcher(sweep, *options, *wandb)
        assert (said.code, words in said.err) == (2, True), said.err
    assert not launcher.storage.exists()


def test_a_mistake_in_the_package_is_reported_with_its_file(
    launcher: Launcher, package: Path
) -> None:
    package.write_text(package.read_text().replace("JSON_LINES = JsonLines()", "JSON_LINES = 7"))
    said = launcher(launcher.write(), "--tracker", "json_lines")
    assert said.code == 2
    assert str(package) in said.err
    assert "found 7, which is no tracker" in said.err


def test_none_shows_the_sweep_nowhere(launcher: Launcher) -> None:
    plan = launcher(launcher.write(), "--tracker", "none", "--wandb", "auto", "--plan")
    assert "no tracker: every fit is in the run folder only" in plan.out
    assert "wandb" not in plan.out


def test_the_documentation_shows_just_this_package() -> None:
    page = (PROJECT / "docs/how-to/tracking.md").read_text(encoding="utf-8")
    assert f"```python\n{SOURCE.read_text(encoding='utf-8')}```\n" in page


def marks_of(run: Path) -> set[str]:
    """The ids of the runs that are whole in TensorBoard."""
    return {path.parent.name for path in run.glob("tensorboard/*/.whole")}


def test_tensorboard_gets_what_was_trained_without_it(launcher: Launcher) -> None:
    sweep = launcher.done_before()
    done = launcher(sweep, "--tracker", "tensorboard", ranked=True)
    assert done.code == 0, done.out + done.err
    assert "4 of 4 done, 0 to train" in done.out
    run, store = launcher.storage / "tiny", launcher.store()
    assert f"TensorBoard {run}/tensorboard/" in done.out
    assert f"  tensorboard --logdir {run}/tensorboard\n" in done.out
    ids = {f"tiny-{fit_id}" for fit_id in store.finished_fits()}
    summary = marks_of(run) - ids
    assert (marks_of(run) - summary, len(summary)) == (ids, 1)
    check_that_a_corrupt_fit_is_made_again(launcher, sweep, store)


def check_that_a_corrupt_fit_is_made_again(
    launcher: Launcher, sweep: Path, store: RunStore
) -> None:
    """Also where it is trained again by a launch that tells TensorBoard nothing."""
    run, fit_id = launcher.storage / "tiny", min(store.finished_fits())
    (run / "fits" / fit_id / "history.jsonl").write_text("")
    before = marks_of(run)
    assert launcher(sweep).code == 0
    assert before - marks_of(run) == {f"tiny-{fit_id}"}
    assert launcher(sweep, "--tracker", "tensorboard").code == 0
    assert marks_of(run) == before
