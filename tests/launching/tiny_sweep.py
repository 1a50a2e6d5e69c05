"""A sweep small enough to be launched many times: two backbones, two folds, pictures of 48x32."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from foldgrid.cli import launch
from foldgrid.cli.main import main, words_of_launch_py
from foldgrid.records import RunStore
from tests.made_once import MadeOnce

SMALL_DATA = (
    "data.tile_pixels=32",
    "data.synthetic.num_subjects=8",
    "data.synthetic.num_visits=40",
    "data.synthetic.photo_width=48",
    "data.synthetic.photo_height=32",
    "split.num_folds=2",
    "split.num_seeds=20",
    "split.test_fraction=0.2",
)
SHORT_TRAINING = (
    "training.max_epochs=2",
    "training.max_batches_per_epoch=2",
    "training.batch_size=8",
    "training.learning_rate=0.001",
)

TINY = """\
title: a tiny sweep
data:
  tile_pixels: 16
  synthetic: {num_subjects: 8, num_visits: 40, photo_width: 48, photo_height: 32}
split: {num_folds: 2, num_seeds: 20, test_fraction: 0.2}
backbones:
  - shufflenet_v2_x0_5
  - squeezenet1_1
weights: none
training:
  max_epochs: 2
  max_batches_per_epoch: 2
  batch_size: 8
  learning_rate: 0.001
  start_from_mean: true
  batch_norm_statistics: recomputed
"""
ONE_BACKBONE = TINY.replace("  - squeezenet1_1\n", "")


@dataclass
class Launched:
    """What one launch said and returned."""

    code: int
    out: str
    err: str


@dataclass
class Launcher:
    """Launches sweeps in this process, with results below a temporary folder.

    Without W&B, and grids without a ranking, unless a test asks for them: most tests look at
    neither, and the two take most of the time of a launch this small.

    Args:
        folder: The test's own folder.
        capture: Hears what launches say.
        made_once: Where launches that several tests begin with are kept.
    """

    folder: Path
    capture: pytest.CaptureFixture[str]
    made_once: MadeOnce

    @property
    def storage(self) -> Path:
        """Where run folders go."""
        return self.folder / "runs"

    def write(self, text: str = TINY, name: str = "tiny") -> Path:
        """Writes a sweep file."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def __call__(
        self, sweep: Path | str, *options: str, executor: str = "inline", ranked: bool = False
    ) -> Launched:
        arguments = ["--sweep", str(sweep), "--executor", executor, *options]
        if "--storage" not in options:
            arguments += ["--storage", str(self.storage)]
        if "--wandb" not in options:
            arguments += ["--wandb", "disabled"]
        if "--budget" not in options:
            # Not what a machine without a GPU would choose: `smoke` trains as the sweep says.
            arguments += ["--budget", "smoke"]
        with pytest.MonkeyPatch.context() as patch:
            if not ranked:
                patch.setattr(launch, "report", lambda *session_and_console: None)
            return self.raw(*arguments)

    def done_before(
        self, text: str = TINY, *options: str, name: str = "tiny", ranked: bool = False
    ) -> Path:
        """The sweep's file, launched to its end; a copy where any test has launched the same.

        It is a launch as ``launcher(launcher.write(text, name), *options, ranked=ranked)`` is.
        """
        key = sha256(repr((text, options, name, ranked)).encode()).hexdigest()[:16]

        def launch_in(folder: Path) -> None:
            maker = replace(self, folder=folder)
            done = maker(maker.write(text, name), *options, ranked=ranked)
            assert done.code == 0, done.out + done.err

        shutil.copytree(
            self.made_once(f"launch-{key}", launch_in) / "runs", self.storage, dirs_exist_ok=True
        )
        return self.write(text, name)

    def raw(self, *arguments: str) -> Launched:
        """Launches with exactly these arguments."""
        self.capture.readouterr()
        code = main(words_of_launch_py(arguments))
        said = self.capture.readouterr()
        return Launched(code, said.out, said.err)

    def store(self, name: str = "tiny") -> RunStore:
        """The run folder of a sweep."""
        return RunStore.open(str(self.storage / name))
