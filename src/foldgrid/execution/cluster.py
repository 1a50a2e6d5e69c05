"""A Ray cluster, asked: its machines and their GPUs, what is installed there, what they see.

What runs on a machine to find out travels whole: whether this package is there is the question.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from foldgrid.execution.ray_session import SAME_VERSIONS, RaySession
from foldgrid.execution.resources import Node
from foldgrid.models import WeightFile
from foldgrid.models.weights import LENT_FOLDER
from foldgrid.records.files import FileRoot
from foldgrid.records.run_lock import read_holder
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, MissingFileError, Problem
from foldgrid.specs.registry import other_packages

CARD_RESOURCE = "accelerator_type:"
"""Before the kind in Ray's resource of the machines that have a kind of GPU."""

ASK_SECONDS = 120.0
"""How long a machine may take to answer: it starts a Python process for it."""

DECIDING = ("foldgrid", "torch", "torchvision", "timm", "numpy", "pandas", "pillow", "ray")
"""Packages whose versions decide what comes of a fit, or whether machines understand each other."""

CODE = "foldgrid's code"

CARD_GIB = {
    "K80": 12.0,
    "P4": 8.0,
    "P100": 16.0,
    "V100": 16.0,
    "T4": 16.0,
    "A10G": 24.0,
    "L4": 24.0,
    "L40S": 48.0,
    "A100": 40.0,
    "A100-40G": 40.0,
    "A100-80G": 80.0,
    "H100": 80.0,
    "H20": 96.0,
    "H200": 141.0,
    "B200": 180.0,
}
"""The memory of kinds of GPU, the smallest that is sold, where the machine itself does not say."""

Versions = Mapping[str, str | None]


def ask_cluster(address: str) -> tuple[Node, ...]:
    """The machines of a cluster that can train, and their GPUs.

    Args:
        address: ``auto``, or ``HOST:PORT``.

    Raises:
        SweepError: No cluster answers there.
    """
    with RaySession(None, address):
        found = _training_nodes()
        with_cards = {key: node for key, node in found.items() if _num_gpus(node)}
        cards = _ask(with_cards, _card_memory())
        return tuple(_as_node(node, cards.get(key)) for key, node in found.items())


def check_machines(root: FileRoot) -> None:
    """Refuses machines that are not as this one is, or do not see the run folder.

    Args:
        root: The run folder, which this launch holds.

    Raises:
        InputError: All machines at fault, each with what it is.
    """
    nodes = _training_nodes()
    absolute = root.absolute().location
    answers = _ask(nodes, _looker((*DECIDING, *other_packages()), absolute))
    expected, other, blind = versions(), [], []
    for key, found in answers.items():
        name = _name(nodes[key])
        if isinstance(found, Exception):
            first = str(found).strip().splitlines()[-1:]
            other.append(Problem(name, "", f"cannot be asked ({''.join(first)})"))
        elif difference := describe_difference(expected, found[0]):
            other.append(Problem(name, "", difference))
        elif (fault := _fault_of(root, found[1])) is not None:
            blind.append(Problem(name, "", fault))
    if other:
        whose = f"--address: {_of(len(other), len(nodes))} differs from this one"
        raise InputError(whose, other, SAME_VERSIONS)
    if blind:
        raise InputError(
            f"--storage {root.location}: {_of(len(blind), len(nodes))} cannot use it",
            blind,
            "Results need storage that all machines reach: a folder that they share, or "
            "--storage s3://bucket/prefix.",
        )


@contextmanager
def lent_weights(root: FileRoot, files: Sequence[WeightFile]) -> Iterator[None]:
    """Inside, the run folder holds the weight files that some machine of the cluster has not.

    A machine copies what it needs, once; see ``WeightFile.on_this_machine``. Those that join later
    find what the first ones lacked.

    Args:
        root: The run folder.
        files: All that is trained from, on this machine.
    """
    nodes = _training_nodes()
    lacking = _ask(nodes, partial(_lacking, tuple(files))) if files else {}
    missing = {name for names in lacking.values() if isinstance(names, list) for name in names}
    lent = [file for file in files if not nodes or file.name in missing]
    if not lent:
        yield
        return
    with root.temporary_folder(LENT_FOLDER):
        for file in lent:
            root.write_file(file.lent_as, partial(shutil.copyfile, file.path))
        yield


def _lacking(files: Sequence[WeightFile]) -> list[str]:
    """Of weight files, the names of those that this machine has not."""
    names = []
    for file in files:
        try:
            file.on_this_machine()
        except MissingFileError:
            names.append(file.name)
    return names


def _of(number: int, total: int) -> str:
    return f"{number} of {counted(total, 'machine')}"


def _fault_of(root: FileRoot, seen: str) -> str | None:
    holder = read_holder(root)
    if holder is None or seen == holder.token:
        return None
    return seen if " " in seen else "it sees another folder by that name"


@cache
def versions() -> Versions:
    """What decides the outcome of fits here: versions of packages, and this package's own code."""
    found: Versions = _looker((*DECIDING, *other_packages()), "")()[0]
    return found


def describe_difference(expected: Versions, found: Versions) -> str:
    """``torch 2.10.0 (here 2.11.0)``, for each that differs; "" where all are the same."""
    differing = [name for name in expected if found.get(name) != expected[name]]
    if CODE in differing and len(differing) == 1:
        return "foldgrid of the same version, and other code"
    return ", ".join(
        f"{name} {found.get(name) or 'missing'} (here {expected[name] or 'missing'})"
        for name in differing
        if name != CODE
    )


def _looker(packages: tuple[str, ...], location: str) -> Callable[[], tuple[Versions, str]]:
    def look() -> tuple[Versions, str]:
        """Versions, and the token of who holds the run folder or a sentence on why not."""
        import importlib.util
        import platform
        from hashlib import sha256
        from importlib.metadata import PackageNotFoundError, version
        from pathlib import Path

        found: dict[str, str | None] = {"python": platform.python_version()}
        for name in packages:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = None
        spec = importlib.util.find_spec("foldgrid")
        found[CODE] = None
        if spec is None or spec.origin is None:
            return found, "foldgrid is missing"
        code, folder = sha256(), Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            # The analysis is a link in a clone, a folder when installed, and of no use to workers.
            if "analysis" not in path.relative_to(folder).parts:
                code.update(path.read_bytes())
        found[CODE] = code.hexdigest()[:16]
        if not location:
            return found, ""
        try:
            from foldgrid.records.files import FileRoot
            from foldgrid.records.run_lock import read_holder

            holder = read_holder(FileRoot(location))
        except Exception as error:
            return found, f"it cannot be read: {error}"
        return found, "there is no such folder" if holder is None else holder.token

    return look


def _card_memory() -> Callable[[], float | None]:
    def ask_the_driver() -> float | None:
        """The memory of the smallest GPU, in GiB; nothing where no driver says it."""
        import subprocess

        asked = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        try:
            done = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=True)
            return min(float(line) for line in done.stdout.split()) / 1024
        except (OSError, ValueError, subprocess.SubprocessError):
            return None

    return ask_the_driver


def _ask(nodes: Mapping[str, Any], function: Callable[[], Any]) -> dict[str, Any]:
    """What each machine answers, or the error that it met; those that are gone by now are not said.

    Args:
        nodes: By id, what Ray knows of each.
        function: Runs there, beside what else does.
    """
    import ray
    from ray.exceptions import RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    asked = ray.remote(lambda: function())
    answers: dict[str, Any] = {
        node: asked.options(
            num_cpus=0,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
        ).remote()
        for node in nodes
    }
    found: dict[str, Any] = {}
    for node, answer in answers.items():
        try:
            found[node] = ray.get(answer, timeout=ASK_SECONDS)
        except (RayTaskError, TimeoutError) as error:
            found[node] = error
        except ray.exceptions.RayError as error:
            if node in _training_nodes():
                found[node] = error
    return found


def _training_nodes() -> dict[str, Any]:
    """By id, the machines with a core to train on: a head often has none."""
    import ray

    return {
        node["NodeID"]: node
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    }


def _num_gpus(node: Mapping[str, Any]) -> int:
    return int(node["Resources"].get("GPU", 0))


def _name(node: Mapping[str, Any]) -> str:
    return f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"


def _as_node(node: Mapping[str, Any], card_gib: float | Exception | None) -> Node:
    resources, num_gpus = node["Resources"], _num_gpus(node)
    card = next((name for name in resources if name.startswith(CARD_RESOURCE)), "")
    kind = card.removeprefix(CARD_RESOURCE) if num_gpus else ""
    known = card_gib if isinstance(card_gib, float) else CARD_GIB.get(kind, 0.0)
    return Node(
        node["NodeManagerHostname"],
        int(resources["CPU"]),
        num_gpus,
        kind,
        round(known, 1),
        round(resources.get("memory", 0.0) / 2**30, 1),
    )
