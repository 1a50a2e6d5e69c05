"""What both sides of a benchmark train: the same fits, from the same sweep file.

What plans and trains is imported where it is called for: other benchmarks only need to know where
the sweeps are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from foldgrid.specs.base import Spec
from foldgrid.specs.resolving import ResolvedSweep, resolve_sweep
from foldgrid.specs.synthetic import TrialSettings

if TYPE_CHECKING:
    from foldgrid.launching.planning.preparation import PreparedSweep
    from foldgrid.launching.session import Session

PROJECT = Path(__file__).resolve().parent.parent
SWEEP = PROJECT / "sweeps" / "all_backbones.yaml"
SPACES = (PROJECT / "search_spaces",)
SMALL_BACKBONES = ("shufflenet_v2_x0_5", "squeezenet1_1", "mobilenet_v3_small", "resnet18")
VISITS_A_SUBJECT = 338 / 60
"""Of the published trial, which the embedded one simulates."""


def all_backbones() -> tuple[str, ...]:
    """The 29 of the paper."""
    return resolve_sweep(SWEEP, "paper").sweep.backbones


class Study(Spec):
    """A part of ``sweeps/all_backbones.yaml`` at smoke size, and what a benchmark changes of it.

    Attributes:
        backbones: torchvision's names.
        num_folds: Folds of the split.
        num_folds_trained: How many of them are trained, from fold 0 on.
        epochs: Of each fit.
        batches: Batches an epoch; null is the whole epoch.
        learning_rate: Of every fit.
        keep: Whether fits leave their weights (``best``) or not (``none``).
        tile_pixels: The side of a tile; a mosaic is twice as wide.
        num_subjects: Of the synthetic trial.
        photo_width: Of its photographs, in pixels.
        cores: Processes that train at a time, a thread each.
        manifest: Photographs that are there already; null takes the embedded trial.
        cache: The folder of what can be made again.
    """

    backbones: tuple[str, ...]
    num_folds: int
    num_folds_trained: int
    epochs: int
    batches: int | None
    learning_rate: float
    keep: str = "none"
    tile_pixels: int = 32
    num_subjects: int = 60
    photo_width: int = 192
    cores: int
    manifest: str | None = None
    cache: str

    @property
    def trial(self) -> TrialSettings:
        """The synthetic trial, as many visits a subject as the published one."""
        fewest, most = 5 * self.num_subjects, 6 * self.num_subjects
        visits = min(max(round(self.num_subjects * VISITS_A_SUBJECT), fewest), most)
        return TrialSettings(
            num_subjects=self.num_subjects,
            num_visits=visits,
            photo_width=self.photo_width,
            photo_height=round(self.photo_width * 2 / 3),
        )

    @property
    def overrides(self) -> tuple[str, ...]:
        """The keys of the sweep that are changed, as ``--set`` takes them."""
        trial = self.trial
        batches = "null" if self.batches is None else self.batches
        return (
            f"backbones=[{', '.join(self.backbones)}]",
            "weights=none",
            f"keep={self.keep}",
            f"split.num_folds={self.num_folds}",
            f"data.tile_pixels={self.tile_pixels}",
            f"data.synthetic.num_subjects={trial.num_subjects}",
            f"data.synthetic.num_visits={trial.num_visits}",
            f"data.synthetic.photo_width={trial.photo_width}",
            f"data.synthetic.photo_height={trial.photo_height}",
            f"training.max_epochs={self.epochs}",
            f"training.max_batches_per_epoch={batches}",
            f"training.learning_rate={self.learning_rate}",
            # What smoke adds so that four steps from random weights predict something; with
            # whole epochs it is not needed, and it would be work that only one side does.
            "training.start_from_mean=false",
            "training.batch_norm_statistics=running",
            f"resources.max_concurrent={self.cores}",
        )

    @property
    def only(self) -> tuple[str, ...]:
        """The part of the grid that is trained, as ``--only`` takes it."""
        return tuple(f"fold={fold}" for fold in range(self.num_folds_trained))

    @property
    def num_fits(self) -> int:
        """Fits that each side trains."""
        return len(self.backbones) * self.num_folds_trained

    @property
    def title(self) -> str:
        """The study in a line."""
        batches = "whole epochs" if self.batches is None else f"{self.batches} batches an epoch"
        side = 2 * self.tile_pixels
        return (
            f"{self.num_fits} fits: {len(self.backbones)} backbones x {self.num_folds_trained} "
            f"folds, {self.epochs} epochs ({batches}), mosaics of {side}x{side}, "
            f"{self.cores} at a time"
        )

    def resolve(self) -> ResolvedSweep:
        """The sweep."""
        manifest = Path(self.manifest) if self.manifest else None
        return resolve_sweep(SWEEP, "smoke", self.overrides, manifest)

    def prepare(self, storage: Path) -> PreparedSweep:
        """The planned sweep; nothing is decoded."""
        from foldgrid.launching.planning.preparation import prepare_sweep

        return prepare_sweep(
            self.resolve(), storage=str(storage), cache=Path(self.cache), only=self.only
        )

    def open_session(self, storage: Path, console: Console) -> Session:
        """The planned sweep as ``foldgrid launch`` opens it; its cache is ``FOLDGRID_CACHE``'s."""
        from foldgrid.launching.options import Options
        from foldgrid.launching.session import Session
        from foldgrid.sessions import open_session

        options = Options(
            budget="smoke",
            overrides=self.overrides,
            only=self.only,
            manifest=Path(self.manifest) if self.manifest else None,
            trackers={"wandb": "offline"},
            storage=str(storage),
        )
        session = open_session(SWEEP, SPACES, options, console)
        assert isinstance(session, Session), "the main sweep is a grid"
        return session

    def save(self, folder: Path) -> None:
        """Writes ``study.json`` for a side that runs in a process of its own."""
        (folder / "study.json").write_text(self.model_dump_json(indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Study:
        """Reads ``study.json``."""
        return cls.model_validate_json((folder / "study.json").read_text(encoding="utf-8"))
