"""Several Ray nodes on this machine, each killed like a machine that loses its power."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.launches import Place
from tests.chaos.processes import descendants, kill, title, wait_until, workers
from tests.free_port import free_port

RAY = Path(sys.executable).parent / "ray"


@dataclass(frozen=True)
class Node:
    """One node: ``ray start``, below which run its raylet and its workers."""

    process: subprocess.Popen[bytes]

    @property
    def workers(self) -> list[int]:
        """Its processes that train."""
        return workers(self.process.pid)

    @property
    def raylets(self) -> list[int]:
        """Its raylet."""
        return [each for each in descendants(self.process.pid) if "/raylet/raylet " in title(each)]

    def lose(self) -> None:
        """SIGKILL to all of it at once."""
        family = descendants(self.process.pid)
        self.process.kill()
        kill(family)
        self.process.wait()


@dataclass(frozen=True)
class Cluster:
    """Nodes of one CPU each (the head of machines apart has none); the first is the head."""

    address: str
    nodes: list[Node]


UNSHARE = (["unshare", "--mount"], ["unshare", "--user", "--map-root-user", "--mount"])
"""As root, or as a user whom the kernel lets make namespaces."""
OVER_EACH = "until [ $1 = -- ]; do mount -t tmpfs apart $1; shift; done; shift"


@cache
def _unshare() -> list[str] | None:
    """The command that starts another one among mounts of its own; None without the rights."""
    for command in UNSHARE:
        trial = [*command, "mount", "-t", "tmpfs", "apart", tempfile.gettempdir()]
        if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
            return command
    return None


def require_namespaces() -> None:
    """Skips the test where no mount namespace can be made; in CI that is a failure."""
    if _unshare() is None:
        reason = "mount namespaces are not allowed to this user (unshare --mount)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def _with_own(folders: list[Path], command: list[str]) -> list[str]:
    """The command, for which each of these folders is an empty one that nobody else sees."""
    prefix = _unshare()
    assert prefix is not None, "see require_namespaces"
    shell = ["sh", "-ec", f'{OVER_EACH}; exec "$@"', "sh"]
    return [*prefix, *shell, *map(str, folders), "--", *command]


@contextmanager
def cluster(num_nodes: int, place: Place, *, apart: bool = False) -> Iterator[Cluster]:
    """Nodes whose workers note what they train for ``place``; all end with the block.

    A node that is gone is noticed within seconds: Ray's own patience is half a minute.

    Args:
        num_nodes: How many.
        place: Where the launches are.
        apart: Every node but the head has temporary folders of its own, the launcher's and Ray's,
            as on a machine of its own; what is left to share is ``place``. The head has no CPU,
            so that all is trained on the others.
    """
    home = place.folder / "home"
    home.mkdir(parents=True)
    environment = (
        os.environ | place.monitoring(0) | {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    )
    place.environment |= {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    environment |= {
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "3",
    }
    port = free_port()
    head = [f"--port={port}", "--head", "--include-dashboard=false", "--disable-usage-stats"]
    temporary = place.folder / "temporary"
    temporary.mkdir()
    place.environment["TMPDIR"] = str(temporary)
    with ExitStack() as stack:
        # A path as short as a socket's may be.
        of_ray = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-"))
        head.append(f"--temp-dir={of_ray}")
        nodes: list[Node] = []
        for number in range(num_nodes):
            joining = head if number == 0 else [f"--address=127.0.0.1:{port}"]
            num_cpus = 0 if apart and number == 0 else 1
            start = [str(RAY), "start", *joining, "--node-ip-address=127.0.0.1"]
            start += [f"--num-cpus={num_cpus}", "--block"]
            if apart and number:
                start = _with_own([temporary, Path(of_ray)], start)
            process = subprocess.Popen(
                start,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
            node = Node(process)
            stack.callback(node.lose)
            wait_until(lambda node=node: bool(node.raylets), 60.0, "a raylet starts")
            nodes.append(node)
        yield Cluster(f"127.0.0.1:{port}", nodes)
