"""A side: the same fits as a competent person writes them by hand, without this project.

Ray Tune with a function, a process a trial; a Lightning ``Trainer``; a ``DataLoader`` that opens
the JPEG files of each item with Pillow and augments them with torchvision's transforms.
``python -m benchmarks.lightning_by_hand FOLDER`` reads ``FOLDER/fits.json``, a list with the
backbone, the fold and the row numbers of each fit, and ``FOLDER/samples.json``, the photographs
and scores of each row; both are written beforehand and not timed. Imports nothing of foldgrid.

Shape letters: B batch, C channels, H and W pixels, K outputs.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import ray
import torch
import torchvision
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from PIL import Image, ImageOps
from ray import tune
from ray.tune.integration.pytorch_lightning import TuneReportCheckpointCallback
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

SCORES = ("erythema", "induration", "scaling", "involvement")


class Mosaics(Dataset[tuple[Tensor, Tensor]]):
    """Up to four photographs of a region in a 2x2 grid, and its scores; decoded for each item."""

    def __init__(
        self,
        samples: Sequence[dict[str, Any]],
        rows: Sequence[int],
        tile_pixels: int,
        is_training: bool,
    ) -> None:
        self.samples = [samples[row] for row in rows]
        self.tile_pixels = tile_pixels
        self.is_training = is_training
        self.turn = v2.RandomRotation(180, v2.InterpolationMode.BILINEAR)
        self.jitter = v2.ColorJitter(brightness=0.2, contrast=0.2)
        self.to_tensor = v2.Compose(
            [
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        sample = self.samples[index]
        tiles = [self._open(path) for path in sample["photos"]]
        places = [0, 1, 2, 3]
        if self.is_training:
            tiles = [self.turn(tile) for tile in tiles]
            places = torch.randperm(4).tolist()
        side = self.tile_pixels
        mosaic = Image.new("RGB", (2 * side, 2 * side))
        for tile, place in zip(tiles, places, strict=False):
            mosaic.paste(tile, (place % 2 * side, place // 2 * side))
        if self.is_training:
            mosaic = self.jitter(mosaic)
        return self.to_tensor(mosaic), torch.tensor([float(sample[name]) for name in SCORES])

    def _open(self, path: str) -> Image.Image:
        with Image.open(path) as file:
            photo = ImageOps.exif_transpose(file).convert("RGB")
        size = (self.tile_pixels, self.tile_pixels)
        return ImageOps.pad(photo, size, Image.Resampling.LANCZOS)


class Regression(lightning.LightningModule):  # type: ignore[misc]
    """A torchvision backbone that predicts the four scores."""

    def __init__(self, backbone: str, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings
        options = {"init_weights": True} if backbone == "googlenet" else {}
        self.network = torchvision.models.get_model(
            backbone, weights=None, num_classes=len(SCORES), **options
        )

    def forward(self, images_BCHW: Tensor) -> Any:
        """The network's outputs."""
        return self.network(images_BCHW)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Mean squared error, auxiliary heads at 0.3."""
        images_BCHW, targets_BK = batch
        outputs = self(images_BCHW)
        if isinstance(outputs, Tensor):
            return mse_loss(outputs, targets_BK)
        main, *auxiliary = outputs
        loss = mse_loss(main, targets_BK)
        for head in auxiliary:
            loss = loss + 0.3 * mse_loss(head, targets_BK)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        """Mean squared error."""
        images_BCHW, targets_BK = batch
        self.log("val_loss", mse_loss(self(images_BCHW), targets_BK), batch_size=len(targets_BK))

    def predict_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """The four scores."""
        outputs: Tensor = self(batch[0])
        return outputs

    def configure_optimizers(self) -> Any:
        """Momentum, and a lower rate on a plateau."""
        optimizer = torch.optim.SGD(
            self.parameters(), lr=self.settings["learning_rate"], momentum=0.9
        )
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, factor=0.1, patience=10, threshold=1e-4
        )
        scheduler = {"scheduler": plateau, "monitor": "val_loss"}
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


def train_fit(trial: dict[str, Any], folder: str, settings: dict[str, Any]) -> None:
    """One trial: trains one fit, then predicts its held-out fold and the test set."""
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    fit = json.loads(Path(folder, "fits.json").read_text())[trial["fit"]]
    samples = json.loads(Path(folder, "samples.json").read_text())
    name = f"{fit['backbone']}-fold{fit['fold']}"
    lightning.seed_everything(fit["fold"], verbose=False)

    def load(rows: list[int], is_training: bool = False) -> DataLoader[tuple[Tensor, Tensor]]:
        size = settings["batch_size"] if is_training else 64
        return DataLoader(
            Mosaics(samples, rows, settings["tile_pixels"], is_training),
            batch_size=size,
            shuffle=is_training,
            num_workers=settings["loader_workers"],
            persistent_workers=settings["loader_workers"] > 0,
            # Batch normalisation cannot normalise one small picture.
            drop_last=is_training and len(rows) % size == 1,
        )

    best = ModelCheckpoint(f"{folder}/checkpoints/{name}", monitor="val_loss", save_top_k=1)
    trainer = lightning.Trainer(
        max_epochs=settings["epochs"],
        limit_train_batches=settings["batches"],
        accelerator="auto",
        devices=1,
        precision=settings["precision"],
        logger=_logger(folder, name) if settings["wandb"] else False,
        callbacks=[
            best,
            EarlyStopping("val_loss", patience=50, check_finite=True),
            TuneReportCheckpointCallback({"val_loss": "val_loss"}, save_checkpoints=False),
        ],
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    network = Regression(fit["backbone"], settings)
    trainer.fit(network, load(fit["train"], is_training=True), load(fit["validation"]))
    rows = fit["held_out"] + fit["test"]
    predicted: Any = trainer.predict(dataloaders=load(rows), ckpt_path="best")
    outputs = torch.cat(predicted).float()
    table = pd.DataFrame(outputs.numpy(), columns=[f"predicted_{each}" for each in SCORES])
    table.insert(0, "sample", [samples[row]["sample"] for row in rows])
    results = Path(folder, "fits", name)
    results.mkdir(parents=True)
    table.to_parquet(results / "predictions.parquet")
    loss = {"backbone": fit["backbone"], "fold": fit["fold"], "loss": float(best.best_model_score)}
    (results / "result.json").write_text(json.dumps(loss))


def _logger(folder: str, name: str) -> WandbLogger:
    return WandbLogger(name=name, save_dir=folder, project="by-hand", offline=True)


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    num_fits = len(json.loads((folder / "fits.json").read_text()))
    ray.init(
        address="local",
        num_cpus=settings["cores"],
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    with tempfile.TemporaryDirectory() as storage:
        trainable = tune.with_resources(
            tune.with_parameters(train_fit, folder=str(folder), settings=settings),
            {"cpu": 1, "gpu": settings["gpus_per_fit"]},
        )
        tuner = tune.Tuner(
            trainable,
            param_space={"fit": tune.grid_search(list(range(num_fits)))},
            run_config=tune.RunConfig(storage_path=storage, verbose=0),
        )
        errors = tuner.fit().errors
    ray.shutdown()
    if errors:
        raise SystemExit(f"{len(errors)} trials failed; the first: {errors[0]}")
    results = [json.loads(path.read_text()) for path in folder.glob("fits/*/result.json")]
    losses = {f"{each['backbone']}/{each['fold']}": each["loss"] for each in results}
    (folder / "result.json").write_text(json.dumps({"phases": {}, "losses": losses}))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
