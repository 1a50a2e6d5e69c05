"""What a frozen backbone makes of every picture, computed once and kept in the cache.

Pictures pass the backbone in chunks of one size, in one order, the last one padded: a feature's
bits depend neither on the batch that trains nor on who asks for it. Shape letters: B batch,
C channels, D features, H and W pixels, M samples, V views of each.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from torch import Tensor, nn

from foldgrid.data.cache import building, label_path, load_kept, make_private_folder
from foldgrid.models.cut import Backbone, as_backbone
from foldgrid.models.folding import folded
from foldgrid.specs.errors import InputError, SweepError
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe_parts import Augmentation
from foldgrid.training.augmentation import Draws, apply_draws, draw_copies
from foldgrid.training.batches import Indices, MosaicSource
from foldgrid.training.device import Precision, autocast, describe_device
from foldgrid.training.feature_plan import (
    ComputedBy,
    FeaturePlan,
    Table,
    chunk_size,
    feature_tables,
)
from foldgrid.training.training_data import TrainingData

logger = logging.getLogger(__name__)


class FrozenFeatures:
    """The features of all samples, and of the views that training sees; see `FeaturePlan`.

    Rules: features come in the chunks of one size whoever computes them, so they are the same bits
    with and without a cache; a file is read only where all that decides its numbers is the same;
    one process of a machine computes a file, and others wait for it; the machines of a cluster take
    what one of them has computed from the run folder.

    Args:
        opened: The whole network, whose backbone is frozen; asked only where something has to be
            computed.
        source: The pictures.
        data: The samples.
        config: What decides the outcome.
        plan: Of which pictures.
        precision: Of the network's products.
        most: The most pictures at a time that memory holds; nothing for a whole chunk.
    """

    def __init__(
        self,
        opened: Callable[[], nn.Module],
        source: MosaicSource,
        data: TrainingData,
        config: FitConfig,
        plan: FeaturePlan,
        *,
        precision: Precision,
        most: int | None = None,
    ) -> None:
        self._opened, self._source = opened, source
        self._used: tuple[nn.Module, Backbone] | None = None
        self._data, self._config, self._plan = data, config, plan
        self._precision = precision
        self._chunk = chunk_size(source.device.type, most)
        self._names = data.samples["sample"].tolist()
        self._arrays: dict[int, NDArray[Any]] = {}
        by = ComputedBy(
            describe_device(source.device),
            precision,
            torch.get_num_threads() if source.device.type == "cpu" else None,
            self._chunk,
        )
        self.tables = feature_tables(config, data, plan, by)
        self._place = np.full(len(self._names), -1)
        self._place[self.tables[-1].rows] = np.arange(len(self.tables[-1].rows))

    def of(self, rows: Indices, views: Indices | None = None) -> NDArray[np.float32]:
        """Features, computed first where they are nowhere.

        Args:
            rows: Samples.
            views: Which view of each; nothing for the pictures as they are. Only training
                samples, those that are not of the test set, have any.

        Returns:
            (len(rows), D), float32.
        """
        if views is None or not self._plan.num_views:
            found = self._array(0)[0, rows]
        else:
            found = self._array(1)[views, self._place[rows]]
        return np.asarray(found, np.float32)

    def _array(self, number: int) -> NDArray[Any]:
        if number not in self._arrays:
            for _ in self.computing():
                pass
        return self._arrays[number]

    @property
    def num_pictures(self) -> int:
        """Passes of the backbone that all features take."""
        return sum(table.num_pictures for table in self.tables)

    def computing(self) -> Iterator[int]:
        """Computes what is missing, a chunk a step.

        Yields:
            How many pictures of all are done.
        """
        done = 0
        for number, table in enumerate(self.tables):
            for done_here in self._computing(number, table):
                yield done + done_here
            done += table.num_pictures
            yield done
        self._used = None

    def _computing(self, number: int, table: Table) -> Iterator[int]:
        if number in self._arrays:
            return
        path = self._writable(table)
        if path is None:
            array = np.zeros(table.shape, table.dtype)
            yield from self._fill(array, table)
            self._arrays[number] = array
            return
        with FileLock(path.with_suffix(".lock")):
            found = self._kept(path, table)
            if found is None:
                for left in path.parent.glob(f".{path.name}.*.partial"):
                    # Whoever left it behind held the lock, and is gone.
                    left.unlink(missing_ok=True)
                with building(path, table.shape, table.dtype, table.about) as array:
                    yield from self._fill(array, table)
                found = load_kept(path, table.shape, table.dtype, table.about)
                self._pass_on(path)
        if found is None:
            raise OSError(f"{path}: was written, and is not what was written")
        self._arrays[number] = found

    def _kept(self, path: Path, table: Table) -> NDArray[Any] | None:
        """The table from this machine's cache, or from another's that computed it."""
        found = load_kept(path, table.shape, table.dtype, table.about)
        shared = self._data.shared
        if found is not None or shared is None:
            return found
        for each in (path, label_path(path)):
            if not shared.copy_to(f"features/{each.name}", each):
                return None
        return load_kept(path, table.shape, table.dtype, table.about)

    def _pass_on(self, path: Path) -> None:
        """Has other machines find a file of this one's cache, the label last."""
        shared = self._data.shared
        if shared is not None:
            for each in (path, label_path(path)):
                shared.write_file(f"features/{each.name}", partial(shutil.copyfile, each))

    def _writable(self, table: Table) -> Path | None:
        """The table's file, or nothing where this machine's cache cannot be written."""
        if table.path is None:
            return None
        try:
            make_private_folder(table.path.parent)
        except InputError as error:
            logger.warning("features are kept in memory: %s", error)
            return None
        return table.path

    def _fill(self, array_VMD: NDArray[Any], table: Table) -> Iterator[int]:
        flat = array_VMD.reshape(-1, table.shape[-1])
        places = np.arange(len(flat))
        for start in range(0, len(flat), self._chunk):
            chosen = places[start : start + self._chunk]
            padded = np.resize(chosen, self._chunk)
            views, members = np.divmod(padded, len(table.rows))
            is_varied = table is not self.tables[0]
            found = self._forward(table.rows[members], views, is_varied=is_varied)
            with np.errstate(over="ignore"):
                flat[chosen] = found[: len(chosen)].numpy()
            self._refuse_overflow(found[: len(chosen)], flat[chosen])
            yield int(chosen[-1]) + 1

    def _refuse_overflow(self, found: Tensor, kept: NDArray[Any]) -> None:
        if np.isinf(kept).any() and not torch.isinf(found).any():
            raise SweepError(
                f"training.features.dtype: {self._config.backbone} has features up to "
                f"{found.abs().max():.3g}, and float16 holds 65504 at most. Take float32."
            )

    def _forward(self, rows: Indices, views: Indices, *, is_varied: bool) -> Tensor:
        images = self._source.take(rows)
        if is_varied:
            images = apply_draws(images, self._draws(rows, views), self._data.grid)
        images = self._source.normalise(images)
        network, backbone = self._computing_network(images)
        mixed = autocast(self._source.device, self._precision)
        with predicting(network), torch.inference_mode(), mixed:
            return backbone.features(images).float().cpu()

    def _computing_network(self, images_BCHW: Tensor) -> tuple[nn.Module, Backbone]:
        """The network, or in full precision a copy that computes the same in fewer steps."""
        if self._used is None:
            network = self._opened()
            if self._precision == "float32":
                with predicting(network):
                    network = folded(network, images_BCHW[:1])
            self._used = network, as_backbone(network, self._config.backbone)
        return self._used

    def _draws(self, rows: Indices, views: Indices) -> Draws:
        settings = self._config.training.augmentation
        if settings.copies is not None:
            names = [self._names[row] for row in rows]
            return draw_copies(names, views.tolist(), settings, self._config.seed, self._data.grid)
        return mirrored(views, settings)


def mirrored(views: Indices, settings: Augmentation) -> Draws:
    """The draws that give each picture's mirror image of that number; see `mirror_images`."""
    sides: list[Tensor | None] = []
    for is_on in (settings.flip_horizontally, settings.flip_vertically):
        sides.append(torch.from_numpy(views % 2 == 1) if is_on else None)
        views = views // 2 if is_on else views
    return Draws((sides[0], sides[1]))


def mirror_images(draws: Draws) -> Indices | None:
    """Which mirror image of each picture was drawn, the inverse of `mirrored`; nothing for none."""
    numbers, step = None, 1
    for is_mirrored in draws.is_mirrored_2N:
        if is_mirrored is not None:
            own = is_mirrored.numpy().astype(np.intp) * step
            numbers, step = own if numbers is None else numbers + own, 2 * step
    return numbers


@contextmanager
def predicting(network: nn.Module) -> Iterator[None]:
    """Prediction mode inside; afterwards every module is in the mode that it was in."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
