"""What every test may use: a quiet Ray, a PostgreSQL, a browser; no reach for W&B's servers."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.nodeid import NodeId
from hypothesis import settings

from tests.made_once import MadeOnce, shared_base

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.postgresql_on_localhost import PostgresqlServer

# A busy machine is no reason for a property to fail. `make test-all` looks at more examples.
settings.register_profile("steady", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=200)


def pytest_configure(config: pytest.Config) -> None:
    """Chooses how many examples of a property are looked at."""
    leaves_out = "not exhaustive" in config.getoption("markexpr")
    settings.load_profile("steady" if leaves_out else "thorough")


def pytest_xdist_auto_num_workers() -> int:
    """One worker more than cores: tests wait for Ray, servers and W&B."""
    return len(os.sched_getaffinity(0)) + 1 if hasattr(os, "sched_getaffinity") else 2


# No test's machine loses its power; those that are killed are processes of their own.
os.fsync = lambda _: None

# Fits of the tests are tiny; more threads than one only make them wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


SERVERS = ("local_ray", "postgresql", "browser")
"""What takes long to start: tests that need the same one follow one another in one worker."""

OUTSIDE = Path(__file__).parent / "outside/site"
"""Packages that are not this one; see `tests.outside.packages`."""

LONG = (*SERVERS, "reports")
"""The groups of more than one file that take long together."""

LARGE = ("tests/launching/", "tests/analysis/", "tests/training/")
"""The rooms of which many a file takes half a minute."""


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the garbage collector need not look at it again, nor often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_sessionfinish() -> None:
    gc.unfreeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Says which tests belong into one worker (``-n 2 --dist loadgroup``), and in which order.

    The tests of a file share its fixtures, those of a server the server; a slow test stands alone;
    what several files share is a group that they name (``xdist_group``).
    What takes long begins first, then the large rooms, so that no worker ends long after the
    others; else the order stays as random as it was.
    """
    # Before xdist looks for groups, and the order after all others have had their say.
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    yield
    for item in items:
        _show_group(item)
    items.sort(key=lambda item: (not _takes_long(item), not item.nodeid.startswith(LARGE)))


def _show_group(item: pytest.Item) -> None:
    """xdist 3.8 writes a test's group into its id, and pytest 9.2 keeps the id elsewhere."""
    grouped = getattr(item, "_nodeid", None)
    if grouped is not None and "@" in grouped:
        item._id = NodeId.parse(grouped)


def _group(item: pytest.Item) -> str:
    named = item.get_closest_marker("xdist_group")
    if named:
        return str(named.args[0])
    servers = [each for each in SERVERS if each in getattr(item, "fixturenames", ())]
    if servers:
        return servers[0]
    return item.nodeid if item.get_closest_marker("slow") else item.nodeid.partition("::")[0]


def _takes_long(item: pytest.Item) -> bool:
    return _group(item) in LONG or item.get_closest_marker("slow") is not None


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """What all workers of the run share."""
    base = shared_base(tmp_path_factory.getbasetemp()) / "made_once"
    base.mkdir(exist_ok=True)
    return MadeOnce(base)


@pytest.fixture(scope="session")
def local_ray() -> Iterator[None]:
    """One local Ray for all tests that need it, as a launch starts it; that takes seconds."""
    from foldgrid.execution.ray_session import RaySession
    from foldgrid.execution.resources import Resources

    # A second worker takes as long to start as a test takes.
    one_core = Resources(num_cpus=1, num_gpus=0, cpus_per_fit=1, gpus_per_fit=0.0, num_concurrent=1)
    session = RaySession(one_core, address=None)
    with pytest.MonkeyPatch.context() as patch:
        # Its workers know the packages of `tests/outside`; they start when somebody needs them.
        path = [str(OUTSIDE), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(path))
        session.__enter__()
    yield
    session.__exit__()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """One PostgreSQL for all tests that need it; each takes a database of its own."""
    from tests.postgresql_on_localhost import postgresql_server

    with postgresql_server() as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    from tests.chromium import started_browser

    with started_browser() as chromium:
        yield chromium


@pytest.fixture(scope="session", autouse=True)
def _drawn_here() -> Iterator[None]:
    """Studies are drawn in the test's own process: others only cost their start, these are tiny."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("foldgrid.simulation.source.num_usable_cores", lambda: 1)
        yield


@pytest.fixture(autouse=True)
def _no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key ``--wandb auto`` is offline, whatever the tester's own account."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
