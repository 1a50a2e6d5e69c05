"""A search in PostgreSQL as users run it: killed and gone on with, on two machines at once."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest

from foldgrid.cli.main import main, words_of_launch_py
from foldgrid.search.lockstep import LockstepTrial
from tests.launching.beside import LaunchBeside, launched_beside
from tests.launching.test_search_end_to_end import FOUR, SEARCH, best_of, trials_of
from tests.launching.tiny_sweep import TINY, Launcher
from tests.postgresql_on_localhost import PASSWORD, PostgresqlServer

PROJECT = Path(__file__).resolve().parents[2]
COLUMNS = ["learning_rate", "momentum", "batch_size", "oof_mae"]
SECRETS = (PASSWORD, quote(PASSWORD, safe=""))


@pytest.fixture
def url(postgresql: PostgresqlServer) -> str:
    return postgresql.url(postgresql.new_database())


def arguments(sweep: Path, storage: Path, url: str) -> list[str]:
    """A launch's."""
    places = [
        "--sweep",
        str(sweep),
        "--budget",
        "smoke",
        "--storage",
        str(storage),
        "--search-storage",
        url,
    ]
    return [*places, "--executor", "inline", "--wandb", "disabled"]


def wait_for_a_trial(process: LaunchBeside) -> str:
    """Until a launch has completed one; returns what it has said."""
    said = ""
    for line in process.output:
        said += line
        if line.startswith("["):
            return said
    raise AssertionError(said)


def configurations(folder: Path) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, trials_of(folder)[COLUMNS].to_numpy()))


def written_below(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return "".join(path.read_bytes().decode("latin-1") for path in files)


def check_no_password(text: str) -> None:
    for secret in SECRETS:
        assert secret not in text


def test_a_killed_search_goes_on_and_finds_what_the_journal_finds(
    launcher: Launcher, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = launcher.write(FOUR)
    plan = launcher(sweep, "--search-storage", url, "--plan")
    assert "0 of 4 done" in plan.out
    command = arguments(sweep, launcher.storage, url)
    with launched_beside(*command, folder=launcher.folder) as process:
        said = plan.out + wait_for_a_trial(process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert "postgresql://searcher:***@127.0.0.1" in said
    plan = launcher(sweep, "--search-storage", url, "--plan")
    assert plan.code == 0, plan.err
    assert "0 of 4 done" not in plan.out
    # As the next process's own command line, which the records keep without the password.
    monkeypatch.setattr(sys, "argv", ["launch.py", *command])
    launcher.capture.readouterr()
    code, last = main(words_of_launch_py(command)), launcher.capture.readouterr()
    said += last.out + last.err
    assert code == 0, said
    assert "optuna-dashboard 'postgresql+psycopg://searcher:***@127.0.0.1" in said
    folder = launcher.storage / "tiny"
    assert "--search-storage" in (folder / "provenance.json").read_text()
    check_no_password(said + written_below(folder))
    assert not (folder / "search" / "journal.log").exists()
    launcher.done_before(FOUR, name="whole")
    assert configurations(folder) == configurations(launcher.storage / "whole")


@pytest.mark.exhaustive
def test_two_machines_share_a_search_and_both_have_all_of_it(
    launcher: Launcher, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = launcher.write(FOUR)
    folders = [launcher.folder / name for name in ("one", "other")]
    said = [""]
    train = LockstepTrial.run_epoch

    def wait_for_the_other(trial: LockstepTrial) -> object:
        if not said[0]:
            said[0] = wait_for_a_trial(process)
        return train(trial)

    monkeypatch.setattr(LockstepTrial, "run_epoch", wait_for_the_other)
    one_command = arguments(sweep, folders[0], url)
    with launched_beside(*one_command, folder=launcher.folder) as process:
        done = launcher.raw(*arguments(sweep, folders[1], url))
        said[0] += process.output.read()
        said.append(done.out)
        assert [process.wait(), done.code] == [0, 0], said
    one, other = (trials_of(folder / "tiny") for folder in folders)
    pd.testing.assert_frame_equal(one, other)
    assert list(one["trial"]) == list(range(4))
    assert len(one["learning_rate"].unique()) == 4
    mine, theirs = (best_of(folder / "tiny")["best"][0] for folder in folders)
    for key in ("trial", "of_trials", "values", "oof", "training"):
        assert mine[key] == theirs[key]
    assert all("lie in other launches' run folders" in text for text in said)
    assert mine["corrected"] == theirs["corrected"] == {}, "chosen among all"
    made = [len(list((folder / "tiny/search/trials").rglob("trial.json"))) for folder in folders]
    assert sum(made) == 4, "each trial lies where it was trained"


def test_a_search_in_sqlite(launcher: Launcher) -> None:
    url = f"sqlite:///{launcher.folder}/trials.db"
    one = ("--search-storage", url, "--set", "search.num_trials=1")
    done = launcher(launcher.write(SEARCH), *one)
    assert done.code == 0, done.err
    assert f"optuna-dashboard {url}" in done.out
    again = launcher(launcher.write(SEARCH), *one)
    assert "1 of 1 done" in again.out


def test_a_wrong_storage_is_refused_before_anything_is_made(
    launcher: Launcher, postgresql: PostgresqlServer
) -> None:
    wrong = postgresql.url("no_such")
    for sweep, url, words in (
        (SEARCH, wrong, 'database "no_such" does not exist'),
        (SEARCH, "redis://h", '"redis" is not known'),
        (TINY, wrong, "this sweep trains a grid and searches nothing"),
    ):
        done = launcher(launcher.write(sweep), "--search-storage", url)
        assert done.code == 2
        assert words in done.err
        assert "Traceback" not in done.err
        check_no_password(done.err)
    assert not launcher.storage.exists()


def test_a_misspelt_option_does_not_show_the_password(launcher: Launcher, url: str) -> None:
    done = launcher(launcher.write(SEARCH), "--search-storag", url)
    assert done.code == 2
    check_no_password(done.err)
