"""Where a sweep's results come from: versions, code, machine, data. Stays on this machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foldgrid.specs.fits import WeightsRecord
from foldgrid.specs.passwords import hide_all_passwords
from foldgrid.specs.registry import other_packages
from foldgrid.tracking.tracker import TRACKERS

PACKAGES = (
    "foldgrid",
    "torch",
    "torchvision",
    "ray",
    "optuna",
    "numpy",
    "pandas",
    "scikit-learn",
    "pillow",
)
GIT_SECONDS = 10


def collect_provenance(
    *,
    data_fingerprint: str,
    split_fingerprint: str,
    seed: int,
    devices: Sequence[Mapping[str, Any]] = (),
    weights: Mapping[str, WeightsRecord] | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The content of ``provenance.json``. Reads no package's code and no environment variable.

    Args:
        data_fingerprint: Hash of the samples.
        split_fingerprint: Hash of every sample's partition and fold.
        seed: The sweep's seed.
        devices: What the fits run on, a mapping each, from whoever knows torch.
        weights: By backbone, the pre-trained weights.
        command: The command line; null takes this process's. Passwords in it are hidden.
    """
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": hide_all_passwords(sys.argv if command is None else command),
        "versions": package_versions([*PACKAGES, *_tracker_packages(), *other_packages()]),
        "git": git_state(Path(__file__).parent),
        "machine": machine_facts(),
        "devices": [dict(device) for device in devices],
        "data_fingerprint": data_fingerprint,
        "split_fingerprint": split_fingerprint,
        "seed": seed,
        "weights": {name: each.model_dump() for name, each in sorted((weights or {}).items())},
    }


def _tracker_packages() -> list[str]:
    return [tracker.package for tracker in TRACKERS.values() if tracker.package]


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str | None]:
    """The version of Python and of each package, null where it is not installed."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def git_state(code: Path) -> dict[str, Any] | None:
    """The commit that ``code`` was taken from, and whether tracked files differ from it.

    Args:
        code: A folder of source code.

    Returns:
        ``commit`` and ``dirty``; null without git, outside a repository, and where the code only
        happens to lie inside one, as an installed package in a project's virtual environment does.
    """
    if not _git(code, "ls-files", "--", "."):
        return None
    commit = _git(code, "rev-parse", "HEAD")
    changes = _git(code, "status", "--porcelain", "--untracked-files=no")
    if not commit or changes is None:
        return None
    return {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def machine_facts() -> dict[str, Any]:
    """Host, platform, cores and memory of this machine."""
    return {
        "host": platform.node(),
        "platform": platform.platform(),
        "num_cpus": _usable_cpus(),
        "memory_gib": _memory_gib(),
    }


def _usable_cpus() -> int:
    # A job on a shared machine may use fewer cores than it has; not every system can tell.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_gib() -> float | None:
    try:
        pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    return round(pages * page_bytes / 2**30, 1)
