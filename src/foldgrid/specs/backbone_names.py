"""How backbones are called: as they are written, in folders, and where the weights are a file.

A name is a network's (``resnet18``, ``timm:resnet50.a1_in1k``, ``hf-hub:owner/name``), or a file of
weights with the network that they are of: ``file:weights.safetensors:resnet18``. A file is known
by its SHA-256 alone once a sweep is read: ``file:0123456789abcdef:resnet18``. Knows no network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

FILE_PREFIX = "file:"
WEIGHT_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")
LONGEST_SLUG = 80
NUM_HASH_DIGITS = 16

_WRITTEN = re.compile(rf"file:(.+?(?:{'|'.join(map(re.escape, WEIGHT_SUFFIXES))})):(.+)", re.DOTALL)
_KNOWN = re.compile(rf"file:([0-9a-f]{{{NUM_HASH_DIGITS}}}):(.+)", re.DOTALL)
_READ_BYTES = 1 << 20


def slug_of(name: str) -> str:
    """A backbone's name for folders, file names and trackers; another for each name.

    Returns:
        The name itself where it needs no quoting anywhere, else what is left of it and a hash.

    Example:
        >>> slug_of("vit_small_patch14_dinov2.lvd142m")
        'vit_small_patch14_dinov2.lvd142m'
        >>> slug_of("hf-hub:owner/name")
        'hf-hub-owner-name-8e0d9e'
    """
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_-]|[A-Za-z0-9_]", name) and (
        len(name) <= LONGEST_SLUG
    ):
        return name
    known = _KNOWN.fullmatch(name)
    plain = f"{known[2]}-file" if known else name
    left = re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-.")[: LONGEST_SLUG - 7]
    return f"{left}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class WeightsOfFile:
    """A file of weights, and the network that they are of.

    Attributes:
        architecture: The network's name.
        path: Where the file is, as it was written; "" where it is known by its hash.
        hash: The first digits of its SHA-256; "" where it is known by its path.
    """

    architecture: str
    path: str = ""
    hash: str = ""


def read_file_name(name: str) -> WeightsOfFile | None:
    """The file and network that ``file:…`` names; nothing of other names.

    Raises:
        ValueError: It begins with ``file:`` and does not go on as it must; says how.
    """
    if not name.startswith(FILE_PREFIX):
        return None
    if found := _KNOWN.fullmatch(name):
        return WeightsOfFile(found[2], hash=found[1])
    if found := _WRITTEN.fullmatch(name):
        return WeightsOfFile(found[2], path=found[1])
    raise ValueError(
        f"name a file and the network that its weights are of, file:PATH:NAME; the file ends with "
        f"{', '.join(WEIGHT_SUFFIXES)}. Example: file:weights.safetensors:resnet18."
    )


def known_file_name(architecture: str, sha256: str) -> str:
    """How weights from a file are called wherever they are recorded."""
    return f"{FILE_PREFIX}{sha256[:NUM_HASH_DIGITS]}:{architecture}"


def known_by_hash(name: str, folder: Path) -> tuple[str, Path | None]:
    """A backbone's name as it is recorded, and the file that it named, if it did.

    Args:
        name: As a sweep has it.
        folder: What a relative path is seen from.

    Raises:
        ValueError: The file cannot be read, or the name is not written as it must be.
    """
    found = read_file_name(name)
    if found is None or not found.path:
        return name, None
    path = (folder / Path(found.path).expanduser()).absolute()
    try:
        return known_file_name(found.architecture, file_sha256(path)), path
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ValueError(f'found "{name}": {path} cannot be read ({why}).') from error


def architecture_of(name: str) -> str:
    """The network of a name: of a file of weights the one that they are of."""
    found = read_file_name(name)
    return name if found is None else found.architecture


def file_sha256(path: Path) -> str:
    """A file's SHA-256, read once while it stays as it is."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001 - they key the cache
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()
