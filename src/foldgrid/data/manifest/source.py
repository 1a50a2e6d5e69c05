"""Where photographs come from: the user's manifest, or a simulated study made for the purpose.

Knows manifests of all kinds and which one a task needs; never opens a photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from foldgrid.data.manifest.checks import manifest_kind
from foldgrid.data.manifest.labelled import (
    read_labelled_manifest,
    read_single_photos,
)
from foldgrid.data.manifest.measured import read_measured_manifest
from foldgrid.data.manifest.rows import SCORES
from foldgrid.data.manifest.scored import read_manifest
from foldgrid.data.manifest.table import CheckedManifest, read_table
from foldgrid.data.mosaics import group_photos
from foldgrid.data.sample_table import SampleTable
from foldgrid.data.single_photos import list_measured, list_photos
from foldgrid.specs.errors import InputError, Problem
from foldgrid.specs.samples import SampleKind

Samples = tuple[CheckedManifest, SampleTable]


@dataclass(frozen=True)
class ManifestKind:
    """What is said of manifests whose photographs make samples of one kind, and who reads them.

    Attributes:
        holds: What such a manifest holds beside photographs.
        needed: What a task needs that learns from it.
        sweep: Which sweep takes it.
        columns: The columns that make a manifest one, for people.
        marker_columns: Any of them is a sign that it is one.
        read: Reads one to train on.
        read_unseen: Reads one to predict; the truth may be left out.
    """

    holds: str
    needed: str
    sweep: str
    columns: str
    marker_columns: frozenset[str]
    read: Callable[[Path, Path | None], Samples]
    read_unseen: Callable[[Path, Path | None], Samples]


def _scored(path: Path, root: Path | None, for_training: bool = True) -> Samples:
    scored = read_manifest(path, root, for_training=for_training)
    return scored, group_photos(scored)


def _labelled(path: Path, root: Path | None) -> Samples:
    labelled = read_labelled_manifest(path, root)
    return labelled, list_photos(labelled)


def _measured(path: Path, root: Path | None) -> Samples:
    measured = read_measured_manifest(path, root)
    return measured, list_measured(measured)


def _unlabelled(path: Path, root: Path | None) -> Samples:
    photos = read_single_photos(path, root)
    return photos, list_photos(photos)


KINDS: Mapping[SampleKind, ManifestKind] = MappingProxyType(
    {
        "mosaics": ManifestKind(
            holds="regions and scores",
            needed="photographs of regions with scores",
            sweep="a sweep whose task is pasi",
            columns=f"the columns region and {', '.join(SCORES)}",
            marker_columns=frozenset({"region", *SCORES}),
            read=_scored,
            read_unseen=lambda path, root: _scored(path, root, for_training=False),
        ),
        "single": ManifestKind(
            holds="labels",
            needed="photographs with a label",
            sweep="a sweep whose task learns labels",
            columns="the column label",
            marker_columns=frozenset({"label"}),
            read=_labelled,
            read_unseen=_unlabelled,
        ),
        "measured": ManifestKind(
            holds="values",
            needed="photographs with a value",
            sweep="a sweep whose task is regression",
            columns="the column value",
            marker_columns=frozenset({"value"}),
            read=_measured,
            read_unseen=_unlabelled,
        ),
    }
)
"""By the samples that they make."""


def needs(kind: SampleKind) -> str:
    """What a task needs that learns from samples of a kind, for a message."""
    return f"this task needs {KINDS[kind].needed}"


def read_samples(
    path: Path, kind: SampleKind, root: Path | None = None, *, for_training: bool
) -> Samples:
    """The checked manifest and its samples.

    Args:
        path: The manifest.
        kind: Which samples the task needs.
        root: The folder that the photos' paths are relative to; null for the manifest's.
        for_training: Without it the truth may be left out; see `read_manifest` and
            `read_single_photos`.

    Raises:
        InputError: All mistakes of the manifest.
    """
    return (KINDS[kind].read if for_training else KINDS[kind].read_unseen)(path, root)


def check_kind(path: Path, kind: SampleKind) -> None:
    """Refuses a manifest whose columns are for tasks of another kind.

    Raises:
        InputError: It is.
    """
    columns = set(read_table(path).columns)
    wanted, other = KINDS[kind], KINDS[manifest_kind(sorted(columns))]
    # A manifest may be of several; one of none gets the message of the columns that it lacks.
    is_of_another = other is not KINDS["mosaics"] or bool(other.marker_columns & columns)
    if other is wanted or wanted.marker_columns & columns or not is_of_another:
        return
    raise InputError(
        str(path),
        [
            Problem(
                "header",
                "",
                f"found a manifest of {other.holds}, without {wanted.holds}; {needs(kind)}. Take "
                f"{other.sweep}, or add {wanted.columns}.",
            )
        ],
    )
