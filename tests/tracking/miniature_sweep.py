"""A sweep of two backbones and three folds, with the records that it would leave."""

from foldgrid.specs.fits import EpochRecord, FitConfig, FitRecord, WeightsRecord
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import Sweep, TrackingSpec
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tracking import ProjectContext

BACKBONES = ("resnet18", "mobilenet_v2")
NUM_FOLDS = 3
NUM_EPOCHS = 3
SECRET_HOST = "ward7-workstation"
CONTEXT = ProjectContext(
    data_fingerprint="da7a" * 16, split_fingerprint="5911" * 16, git_commit="c0ffee1234567890"
)


def make_sweep(**changes):
    return Sweep(
        **{"name": "mini", "title": "Ours", "backbones": BACKBONES, "budget": "smoke"} | changes
    )


def with_images():
    return make_sweep(tracking=TrackingSpec(images=True))


def make_config(backbone="resnet18", fold=0, seed=0):
    return FitConfig(
        backbone=backbone,
        fold=fold,
        task=PasiSpec(),
        data_fingerprint=CONTEXT.data_fingerprint,
        split_fingerprint=CONTEXT.split_fingerprint,
        weights="random",
        seed=seed,
        budget="smoke",
        training=TrainingRecipe(max_epochs=NUM_EPOCHS),
    )


def all_configs():
    return [make_config(backbone, fold) for backbone in BACKBONES for fold in range(NUM_FOLDS)]


def make_epoch(epoch, loss=None):
    loss = 1 / epoch if loss is None else loss
    return EpochRecord(
        epoch=epoch,
        learning_rate=0.01,
        train_loss=loss,
        validation_loss=loss + 0.5,
        metrics={"mae": 2 * loss},
        is_best=True,
        wall_seconds=0.25,
    )


def make_history(num_epochs=NUM_EPOCHS):
    return [make_epoch(epoch) for epoch in range(1, num_epochs + 1)]


def make_record(config, num_epochs=NUM_EPOCHS, **changes):
    values = {
        "fit_id": config.fit_id,
        "status": "complete",
        "config": config,
        "num_epochs": num_epochs,
        "best_epoch": num_epochs,
        "stopped_because": "max_epochs",
        "metrics": {"oof/mae": 3.25, "test/mae": 3.5},
        "timings": {"train": 12.5, "total": 13.0},
        "num_parameters": 11_000_000,
        "peak_memory_gib": 0.5,
        "weights": WeightsRecord(source="random"),
        "weights_kept": True,
        "environment": {"device": "cpu", "torch": "2.15.0", "host": SECRET_HOST},
    }
    return FitRecord(**(values | changes))
