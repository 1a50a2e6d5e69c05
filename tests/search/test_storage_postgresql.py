"""PostgreSQL as many machines use it: heartbeats, outages, and what can be given wrong."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import RDBStorage

from foldgrid.search.storage import postgresql as storage_postgresql
from foldgrid.search.storage.choice import check_storage, choose_storage
from foldgrid.search.storage.launches import LaunchMark
from foldgrid.search.storage.storage import SearchStorage
from foldgrid.specs.errors import SweepError
from tests.free_port import free_port
from tests.postgresql_on_localhost import PASSWORD, USER, PostgresqlServer
from tests.search.small_study import open_study, search, tell_score
from tests.search.storage_places import Place, new_place


@pytest.fixture
def place(tmp_path: Path, postgresql: PostgresqlServer) -> Iterator[Place]:
    place = new_place("postgresql", tmp_path, postgresql)
    yield place
    place.close()


def on_another_machine(place: Place, folder: Path) -> SearchStorage:
    storage = place.open()
    storage.mark = LaunchMark(folder)
    return storage


def seconds_since_a_heartbeat(place: Place, postgresql: PostgresqlServer) -> float:
    """By the server's clock, as Optuna asks."""
    assert place.url is not None
    asked = "SELECT extract(epoch FROM now()::timestamp - max(heartbeat)) FROM trial_heartbeats"
    ((seconds,),) = postgresql.run(asked, place.url.rpartition("/")[2])
    return float(seconds)


def hours_pass(place: Place, postgresql: PostgresqlServer) -> None:
    """For the server: whoever beats does so again within seconds."""
    assert place.url is not None
    earlier = "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '2 hours'"
    postgresql.run(earlier, place.url.rpartition("/")[2])
    assert seconds_since_a_heartbeat(place, postgresql) > storage_postgresql.GRACE_SECONDS


def wait_for_a_heartbeat(place: Place, postgresql: PostgresqlServer) -> None:
    """Waits until somebody has beaten just now."""
    deadline = time.monotonic() + 60
    while seconds_since_a_heartbeat(place, postgresql) > storage_postgresql.GRACE_SECONDS:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_on_another_machine_the_heartbeat_tells_who_lives(
    place: Place, postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_postgresql, "HEARTBEAT_SECONDS", 1)
    there = on_another_machine(place, tmp_path / "there")
    asked = open_study(there).ask()
    assert asked is not None
    here = open_study(on_another_machine(place, tmp_path / "here"))
    hours_pass(place, postgresql)
    wait_for_a_heartbeat(place, postgresql)
    assert here.close_stale() == 0, "it beats"
    there.close()
    assert here.close_stale() == 0, "it may be on its way"
    hours_pass(place, postgresql)
    assert here.close_stale() == 1
    retried = here.ask()
    assert retried is not None
    assert retried[1] == asked[1]


def test_a_server_that_was_started_again_is_gone_on_with(
    place: Place, postgresql: PostgresqlServer
) -> None:
    study = open_study(place.open())
    search(study, 2)
    asked = study.ask()
    assert asked is not None
    postgresql.stop()
    postgresql.start()
    tell_score(study, *asked)
    assert study.num_counted == 3


def test_a_server_that_stops_answering_is_reported(
    place: Place, postgresql: PostgresqlServer
) -> None:
    storage = place.open()
    study = open_study(storage)
    asked = study.ask()
    assert asked is not None
    postgresql.stop()
    try:
        with (
            pytest.raises(SweepError, match="does not answer any more") as reported,
            storage.answering(),
        ):
            tell_score(study, *asked)
        assert "run the same command again" in str(reported.value)
        assert PASSWORD not in str(reported.value)
    finally:
        postgresql.start()


def test_the_heart_outlives_an_outage(
    place: Place, postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_postgresql, "HEARTBEAT_SECONDS", 1)
    missed, beat = threading.Event(), RDBStorage.record_heartbeat

    def received_beat(storage: RDBStorage, trial_id: int) -> None:
        try:
            beat(storage, trial_id)
        except Exception:
            missed.set()
            raise

    monkeypatch.setattr(RDBStorage, "record_heartbeat", received_beat)
    study = open_study(place.open())
    assert study.ask() is not None
    postgresql.stop()
    assert missed.wait(60)
    postgresql.start()
    hours_pass(place, postgresql)
    wait_for_a_heartbeat(place, postgresql)


def refused(url: str) -> str:
    """What is said of a URL; never its password."""
    with pytest.raises(SweepError) as reported:
        check_storage(url)
    message = str(reported.value)
    assert message.startswith("--search-storage ")
    assert message.count("\n") >= 1, "what to do comes last"
    assert PASSWORD not in message
    return message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"mysql://me:{PASSWORD}@h/d", ('"mysql" is not known', "postgresql://USER@HOST")),
        (f"postgresql+psycopg2://me:{PASSWORD}@h/d", ('"postgresql+psycopg2" is not known',)),
        ("trials.db", ("this is not a URL", "sqlite:///FOLDER/FILE.db")),
        (f"host=h password={PASSWORD}", ("this is not a URL", "password=***")),
        (f"postgresql://me:{PASSWORD}@host/d", ("cannot be read", "%40")),
        ("sqlite://", ("names no file",)),
        ("sqlite:///:memory:", ("names no file",)),
        ("sqlite:////no/such/folder/trials.db", ("/no/such/folder is not there",)),
    ],
)
def test_a_url_that_is_wrong(url: str, words: tuple[str, ...]) -> None:
    message = refused(url)
    for word in words:
        assert word in message


def test_a_file_that_is_not_sqlite_s(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, but long enough to look at\n" * 50)
    assert "file is not a database" in refused(f"sqlite:///{path}")


def test_a_server_that_is_not_there() -> None:
    message = refused(f"postgresql://me:secret@127.0.0.1:{free_port()}/trials")
    assert "onnection refused" in message
    assert "See to it that the server runs" in message
    assert "secret" not in message


def test_a_server_that_never_answers_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_postgresql, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        message = refused(f"postgresql://me@127.0.0.1:{silent.getsockname()[1]}/trials")
    assert time.monotonic() - began < 10
    assert "timeout" in message


def test_a_wrong_password(postgresql: PostgresqlServer) -> None:
    message = refused(postgresql.url(password="wrong-one"))
    assert "password authentication failed" in message
    assert "PGPASSWORD" in message
    assert "wrong-one" not in message


def test_no_password(postgresql: PostgresqlServer) -> None:
    assert "PGPASSWORD" in refused(postgresql.url(password=None))


def test_a_database_that_is_not_there(postgresql: PostgresqlServer) -> None:
    assert "createdb" in refused(postgresql.url("no_such"))


def test_a_user_who_may_not_make_tables(postgresql: PostgresqlServer) -> None:
    database = postgresql.new_database()
    postgresql.run("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    url = f"postgresql://guest:guest@127.0.0.1:{postgresql.port}/{database}"
    assert "GRANT CREATE" in refused(url)


def test_the_tables_of_another_optuna(place: Place, postgresql: PostgresqlServer) -> None:
    open_study(place.open())
    assert place.url is not None
    postgresql.run("UPDATE alembic_version SET version_num = 'v0.9.0.a'", place.url.split("/")[-1])
    with pytest.raises(SweepError, match="storage upgrade") as reported:
        open_study(place.open())
    assert PASSWORD not in str(reported.value)


def test_a_driver_that_is_missing(
    postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    message = refused(postgresql.url())
    assert 'pip install "psycopg[binary]"' in message


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_the_scheme(scheme: str, postgresql: PostgresqlServer) -> None:
    check_storage(postgresql.url().replace("postgresql", scheme, 1))


def test_the_password_as_a_parameter(postgresql: PostgresqlServer) -> None:
    url = f"{postgresql.url(password=None)}?password=Ge%3Ah%2Fe%40im7"
    check_storage(url)
    storage = choose_storage(url, Path())
    assert "im7" not in storage.title + storage.dashboard
    storage.close()


def test_the_password_from_the_environment(
    postgresql: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    check_storage(postgresql.url(password=None))


def test_the_password_from_the_password_file(
    postgresql: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pgpass"
    escaped = PASSWORD.replace(":", r"\:")
    path.write_text(f"127.0.0.1:{postgresql.port}:*:{USER}:{escaped}\n")
    path.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(path))
    check_storage(postgresql.url(password=None))
