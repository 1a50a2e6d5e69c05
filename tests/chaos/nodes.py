"""Several Ray nodes on this machine, each killed like a machine that loses its power."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.chaos.launches import Place
from tests.chaos.processes import descendants, kill, title, wait_until, workers
from tests.free_port import free_port

RAY = Path(sys.executable).parent / "ray"
SOON_NOTICED = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
}


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

    def preempt(self) -> None:
        """SIGTERM to ``ray start``, as a machine gets that is taken back."""
        self.process.terminate()


@dataclass(frozen=True)
class Cluster:
    """Nodes of one CPU each (the head of machines apart has none); the first is the head."""

    address: str
    nodes: list[Node]


OVER_EACH = "until [ $1 = -- ]; do mount -t tmpfs apart $1; shift; done; shift"
ON_THE_NETWORK = (
    "until ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done; "
    "ip link set lo up; ip address add $1/24 dev eth0; ip link set eth0 up; shift"
)
UNTIL_ALL_ARE_KNOWN = """
import sys, time
from ray._raylet import GcsClient
nodes = GcsClient(address=sys.argv[1])
while len(nodes.get_all_node_info(timeout=20)) < int(sys.argv[2]):
    time.sleep(0.1)
"""
APART = ["unshare", "--mount", "--net"]
AS_ROOT: list[str] = []
AS_ANYBODY = ["unshare", "--user", "--map-root-user"]
"""A user whom the kernel lets make namespaces."""


@cache
def _rights() -> list[str] | None:
    """The command that starts another one with the rights for namespaces; None without them."""
    make = f"mount -t tmpfs apart {tempfile.gettempdir()}; ip link add one type veth peer name two"
    for command in (AS_ROOT, AS_ANYBODY):
        trial = [*command, *APART, "sh", "-ec", make]
        with suppress(OSError):
            if subprocess.run(trial, capture_output=True, check=False).returncode == 0:
                return command
    return None


def require_namespaces() -> None:
    """Skips the test where machines cannot be kept apart; in CI that is a failure."""
    if _rights() is None:
        reason = "no mount and network namespaces for this user (unshare --mount --net; ip link)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


class Network:
    """A network of machines on this one, none of which sees another's loopback.

    Its first machine, where the launcher and the cluster's head are, sees all files; each further
    one has folders of its own in place of those that it is given.
    """

    head = "10.77.0.1"

    def __init__(self) -> None:
        rights = _rights()
        assert rights is not None, "see require_namespaces"
        hold = [*rights, "unshare", "--net", "sleep", "infinity"]
        self._holder = subprocess.Popen(hold, start_new_session=True)
        pid = str(self._holder.pid)
        own = Path(f"/proc/{pid}/ns/net")
        here = Path("/proc/self/ns/net").readlink()
        wait_until(lambda: own.readlink() != here, 10.0, "a network is made")
        user = ["--user", "--preserve-credentials"] if rights else []
        self.enter = ["nsenter", "--target", pid, *user, "--net"]
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "wires", "type", "bridge")
        self._ip("address", "add", f"{self.head}/24", "dev", "wires")
        self._ip("link", "set", "wires", "up")
        self._num_machines = 0

    def _ip(self, *words: str) -> None:
        subprocess.run([*self.enter, "ip", *words], check=True)

    def start(
        self, command: Callable[[str], list[str]], own: list[Path], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        """Starts what a command of its address is on a further machine.

        Args:
            command: Of the machine's address.
            own: Folders that are empty there, and that nobody else sees.
            environment: Its variables.
        """
        self._num_machines += 1
        number = self._num_machines
        address = f"10.77.0.{number + 1}"
        shell = ["sh", "-ec", f'{ON_THE_NETWORK}; {OVER_EACH}; exec "$@"', "sh"]
        start = [*self.enter, *APART, *shell, address, *map(str, own), "--", *command(address)]
        process = _quietly(start, environment)
        wait_until(lambda: title(process.pid).startswith("sh "), 10.0, "a machine is made")
        wire = f"wire{number}"
        peer = ["peer", "name", "eth0", "netns", str(process.pid)]
        self._ip("link", "add", wire, "type", "veth", *peer)
        self._ip("link", "set", wire, "master", "wires")
        self._ip("link", "set", wire, "up")
        return process

    def close(self) -> None:
        """The network goes with its last process."""
        self._holder.kill()
        self._holder.wait()


def _quietly(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


@contextmanager
def cluster(
    num_nodes: int,
    place: Place,
    *,
    apart: bool = False,
    elsewhere: Mapping[str, str] | None = None,
) -> Iterator[Cluster]:
    """Nodes whose workers note what they train for ``place``; all end with the block.

    A node that is gone is noticed within seconds: Ray's own patience is half a minute.

    Args:
        num_nodes: How many.
        place: Where the launches are.
        apart: Every node but the head is a machine of its own: on a network with the head, where
            launches are too, with a home, a cache and temporary folders of its own. What is left
            to share is the run folder (and the programs). The head has no CPU, so that all is
            trained on the others.
        elsewhere: Variables of the machines apart alone.
    """
    home = place.folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    place.environment |= {"HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    temporary = place.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | place.monitoring(0) | place.environment | SOON_NOTICED
    place.environment["TMPDIR"] = str(temporary)
    with ExitStack() as stack:
        # A path as short as a socket's may be.
        of_ray = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-"))
        network = Network() if apart else None
        address, port, start = "127.0.0.1", free_port(), [str(RAY), "start", "--block"]
        if network is not None:
            stack.callback(network.close)
            address, place.prefix = network.head, tuple(network.enter)
        head = [*place.prefix, *start, "--head", f"--port={port}", f"--temp-dir={of_ray}"]
        head += ["--include-dashboard=false", "--disable-usage-stats"]
        head += [f"--node-ip-address={address}", f"--num-cpus={0 if apart else 1}"]
        own = [temporary, Path(of_ray), home, place.cache]

        def join(own_address: str) -> list[str]:
            joining = f"--address={address}:{port}"
            return [*start, joining, f"--node-ip-address={own_address}", "--num-cpus=1"]

        nodes: list[Node] = []
        for number in range(num_nodes):
            if number == 0:
                process = _quietly(head, environment)
            elif network is not None:
                process = network.start(join, own, environment | dict(elsewhere or {}))
            else:
                process = _quietly(join(address), environment)
            node = Node(process)
            stack.callback(node.lose)
            wait_until(lambda node=node: bool(node.raylets), 60.0, "a raylet starts")
            nodes.append(node)
        # A raylet that runs is not yet one that the head, and so a plan, knows of.
        known = [*place.prefix, sys.executable, "-c", UNTIL_ALL_ARE_KNOWN]
        subprocess.run(
            [*known, f"{address}:{port}", str(num_nodes)], env=environment, check=True, timeout=60
        )
        yield Cluster(f"{address}:{port}", nodes)
