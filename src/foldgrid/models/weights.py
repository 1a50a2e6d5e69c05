"""Pre-trained weights as files: which one a backbone takes, whether it is here, how to get it."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from foldgrid.models.sources import find_source
from foldgrid.specs.errors import InputError, Problem, SweepError
from foldgrid.specs.fits import WeightsRecord
from foldgrid.specs.sweep import WeightsPolicy

if TYPE_CHECKING:
    from torch import Tensor

_READ_BYTES = 1 << 20
_OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""``norm.1`` in torchvision's DenseNet files is ``norm1`` in its DenseNet."""


@dataclass(frozen=True)
class WeightFile:
    """The published ImageNet weights of one backbone.

    Attributes:
        backbone: The network's name.
        source: The publisher's name of the weights. Of torchvision's, ``IMAGENET1K_V1`` wherever it
            exists: the ones that PyTorch 1.9, which the PASI paper used, came with.
        url: Where they are published.
        path: Where they lie, or would lie, on this machine: torch's hub folder (``TORCH_HOME``).
    """

    backbone: str
    source: str
    url: str
    path: Path

    @property
    def is_here(self) -> bool:
        """Whether the file is on this machine."""
        return self.path.is_file()

    def sha256(self) -> str:
        """The file's SHA-256."""
        status = self.path.stat()
        return _sha256(self.path, status.st_size, status.st_mtime_ns)

    def load(self) -> dict[str, Tensor]:
        """The state dict, torch's version marks included; nothing but tensors is unpickled."""
        import torch

        state: dict[str, Tensor] = torch.load(self.path, map_location="cpu", weights_only=True)
        for name in list(state):
            state[_OLD_DENSENET_NAME.sub(r"\1\2", name)] = state.pop(name)
        return state

    def record(self) -> WeightsRecord:
        """What provenance keeps of it."""
        return WeightsRecord(source=self.source, file=self.path.name, sha256=self.sha256())


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - they key the cache
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def find_weight_file(backbone: str) -> WeightFile | None:
    """The weight file of ``backbone``, here or not; nothing where none is published."""
    source = find_source(backbone)
    published = source.published_weights(backbone) if source else None
    if published is None:
        return None
    file = Path(urlsplit(published.url).path).name
    path = _hub_folder() / "checkpoints" / file
    return WeightFile(backbone, published.name, published.url, path)


def _hub_folder() -> Path:
    """Torch's hub folder; by torch's own rule where torch is not imported yet."""
    if "torch" in sys.modules:
        from torch import hub

        return Path(hub.get_dir())
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub"


def resolve_weights(
    backbones: Sequence[str], policy: WeightsPolicy, fetch_command: str
) -> dict[str, WeightFile | None]:
    """By backbone the weight file to start from, or nothing for random weights.

    Args:
        backbones: Known names. A network of which no weights are published starts at random
            whatever the policy says.
        policy: ``required``, ``auto`` or ``none``; see ``specs.sweep.Sweep``.
        fetch_command: The command that fetches missing files, for the message.

    Raises:
        InputError: ``required``, and files are missing: all of them, with the command.
    """
    if policy == "none":
        return dict.fromkeys(backbones)
    found = {name: find_weight_file(name) for name in backbones}
    missing = {name: file for name, file in found.items() if file and not file.is_here}
    if policy == "required" and missing:
        problems = [Problem(name, "", f"{file.path} is missing") for name, file in missing.items()]
        raise InputError(
            "pre-trained weights (weights: required)",
            problems,
            f"Fetch them with `{fetch_command}`, or start from random weights with "
            "`--set weights=auto`.",
        )
    here = {name: file if file and file.is_here else None for name, file in found.items()}
    _refuse_damaged(here.values(), fetch_command)
    return here


def _refuse_damaged(files: Iterable[WeightFile | None], fetch_command: str) -> None:
    """Refuses files whose hash is not the one that their name carries."""
    problems = []
    for file in files:
        promised = promised_hash(file.path.name) if file else None
        if file and promised and not file.sha256().startswith(promised):
            found = f"its SHA-256 begins {file.sha256()[: len(promised)]}, its name promises "
            problems.append(Problem(file.backbone, str(file.path), f"{found}{promised}."))
    if problems:
        advice = f"Remove these files and fetch them again: `{fetch_command}`."
        raise InputError("pre-trained weights", problems, advice)


def fetch_weight_file(file: WeightFile, mirror: str | None = None) -> bool:
    """Downloads a weight file unless it is here, and checks the hash that its name carries.

    Args:
        file: What to fetch.
        mirror: A folder's URL that holds the same file names, for networks without the internet;
            without it, the publisher's address.

    Returns:
        Whether anything was downloaded.

    Raises:
        SweepError: It could not be fetched, or what came is not what the name promises.
    """
    if file.is_here:
        return False
    url = f"{mirror.rstrip('/')}/{file.path.name}" if mirror else file.url
    file.path.parent.mkdir(parents=True, exist_ok=True)
    partial = file.path.with_name(f"{file.path.name}.{os.getpid()}.partial")
    try:
        from torch import hub

        hub.download_url_to_file(url, str(partial), progress=False)
        promised = promised_hash(file.path.name)
        status = partial.stat()
        found = _sha256(partial, status.st_size, status.st_mtime_ns)
        if promised and not found.startswith(promised):
            raise SweepError(
                f"{url}: the file's SHA-256 begins {found[: len(promised)]}, its name promises "
                f"{promised}.\nIt was not kept. Fetch it again, or from another mirror."
            )
        partial.replace(file.path)
    except (OSError, ValueError, HTTPException) as error:
        raise SweepError(
            f"{url}: cannot be fetched ({error}).\n"
            f"Check the connection, give --mirror, or copy the file to {file.path} by hand."
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return True


def promised_hash(file_name: str) -> str | None:
    """The start of the SHA-256 in a file name such as ``resnet34-b627a593.pth``, or nothing."""
    match = re.search(r"[-_]([0-9a-f]{8,})\.pth$", file_name)
    return match.group(1) if match else None
