"""Several Ray nodes on this machine, each killed like a machine that loses its power."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

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
    """Nodes of one CPU each; the first is the head."""

    address: str
    nodes: list[Node]


@contextmanager
def cluster(num_nodes: int, place: Place) -> Iterator[Cluster]:
    """Nodes whose workers note what they train for ``place``; all end with the block.

    A node that is gone is noticed within seconds: Ray's own patience is half a minute.
    """
    home = place.folder / "home"
    home.mkdir(parents=True)
    environment = os.environ | place.watching(0) | {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    place.environment |= {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    environment |= {
        "RAY_health_check_initial_delay_ms": "1000",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_timeout_ms": "2000",
        "RAY_health_check_failure_threshold": "3",
    }
    port = free_port()
    head = [f"--port={port}", "--head", "--include-dashboard=false", "--disable-usage-stats"]
    with ExitStack() as stack:
        nodes: list[Node] = []
        for number in range(num_nodes):
            joining = head if number == 0 else [f"--address=127.0.0.1:{port}"]
            start = [str(RAY), "start", *joining, "--node-ip-address=127.0.0.1", "--num-cpus=1"]
            process = subprocess.Popen(
                [*start, "--block"],
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
