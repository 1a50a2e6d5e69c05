"""A search of one study, with the records that its trials would leave."""

from dataclasses import replace

from miniature_sweep import CONTEXT, make_sweep

from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import with_values
from foldgrid.specs.sweep import SearchSettings
from foldgrid.specs.trials import TrialEpoch, TrialRecord
from foldgrid.tracking import TrialConfig, TrialRuns

STUDY = "resnet18-0f3a61b2c4"
NUM_PLANNED = 4
FIRST = {"learning_rate": 0.01, "plateau.patience": 10}
DRAWN = {"learning_rate": 0.003, "plateau.patience": 5}
RECIPE = TrainingRecipe(max_epochs=NUM_PLANNED)
PREDICTED = (41.4243, 2.7182818)


def make_search(**changes):
    settings = SearchSettings(sampler="RandomSampler", scheduler="asha", grace_epochs=1)
    return make_sweep(**{"search_space": "lr_plateau", "search": settings} | changes)


def make_kind(sweep=None):
    return TrialRuns(sweep or make_search(), CONTEXT, (STUDY,))


def make_trial(number=1, values=None):
    values = values or (DRAWN if number else FIRST)
    return TrialConfig(STUDY, number, "resnet18", values, with_values(RECIPE, values))


def make_epoch(epoch, error=None):
    error = 10 / epoch if error is None else error
    return TrialEpoch(
        epoch=epoch,
        oof={"mae": error, "ccc": 0.5},
        predicted=PREDICTED,
        best_epochs=(epoch, epoch),
        num_running=0 if epoch == NUM_PLANNED else 2,
        wall_seconds=0.25,
    )


def make_epochs(num_epochs=NUM_PLANNED):
    """As the history keeps them: without the visits."""
    epochs = [make_epoch(epoch) for epoch in range(1, num_epochs + 1)]
    return [epoch.model_copy(update={"predicted": ()}) for epoch in epochs]


def make_record(trial, num_epochs=NUM_PLANNED, status="complete", **changes):
    values = {
        "study": trial.study,
        "number": trial.number,
        "status": status,
        "backbone": trial.backbone,
        "values": dict(trial.values),
        "training": trial.training,
        "num_epochs": num_epochs,
        "num_planned_epochs": NUM_PLANNED,
        "best_epochs": (num_epochs, num_epochs),
        "oof": {} if status == "diverged" else make_epoch(num_epochs).oof,
        "num_visits": 0 if status == "diverged" else len(PREDICTED),
        "fit_ids": ("resnet18-fold0-0123456789", "resnet18-fold1-0123456789"),
        "wall_seconds": 0.25 * num_epochs,
    }
    return TrialRecord(**(values | changes))


def with_other_values(trial, **values):
    changed = dict(trial.values) | values
    return replace(trial, values=changed, training=with_values(trial.training, changed))
