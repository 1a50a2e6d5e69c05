"""``foldgrid predict``: new photographs through a finished sweep's base learner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foldgrid.cli.terminal import RunFolder, photograph_progress, writing
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import SweepError

if TYPE_CHECKING:
    from foldgrid.cli.predicted import Predicted
    from foldgrid.predict.trained_learner import TrainedLearner
    from foldgrid.records import RunStore


def predict(
    run: RunFolder,
    manifest: Path | None = None,
    /,
    *,
    photos: Path | None = None,
    features: Path | None = None,
    backbone: str | None = None,
    output: Path = Path("predictions.csv"),
) -> None:
    """Predict new photographs with a trained base learner.

    The copies of all folds predict, and their mean counts. The sweep must have kept its weights
    (keep: best). Of body regions it predicts the PASI of a visit, a row each; of labelled
    photographs the class and a probability for each, of measured ones the number, a row a
    photograph. A base learner of given features takes a table of new samples' features instead,
    and predicts a row a sample.

    Args:
        run: The run folder, such as runs/quickstart.
        manifest: A CSV or Parquet file, one row a photo; scores and labels may be left out.
        photos: The folder that the manifest's paths are relative to, where it is not its own.
        features: A CSV or Parquet file in its place, for a base learner of given features: a row a
            sample with the column sample and those that the learner was made from.
        backbone: A base learner as the ranking names it: a network, one of its labelled learners
            (resnet18+fine_tuned) or one of its ablations; without it, the best of the run's
            ranking by the value that orders it.
        output: The CSV to write.
    """
    if output.is_dir():
        raise SweepError(f"--output: {output} is a folder. Name a file, such as predictions.csv.")
    from foldgrid.predict.trained_learner import best_learner, open_learner
    from foldgrid.records import RunStore
    from foldgrid.records.files import FileRoot

    store = RunStore.open(run)
    refuse_permutation(store)
    name, reason = backbone, ""
    if (manifest is None) == (features is None):
        found = "neither" if manifest is None else "both"
        raise SweepError(
            f"found {found} of MANIFEST and --features. Give a manifest of photographs, or the "
            "features of a base learner whose features were given."
        )
    if name is None and features is not None:
        raise SweepError("--features: say of which base learner, --backbone given:NAME.")
    if name is None:
        best = best_learner(store)
        name, reason = best.name, f", the best base learner by out-of-fold {best.by.title}"
    learner = open_learner(store, name)
    if features is not None:
        predicted = predict_table(learner, features)
    else:
        assert manifest is not None
        predicted = predict_photographs(learner, manifest, photos)
    with writing(output):
        text = predicted.table.round(predicted.decimals).to_csv(index=False, lineterminator="\n")
        FileRoot(str(output.parent)).write_bytes(output.name, text.encode())
    print(
        f"{learner.name} of {store.location}{reason}: mean of "
        f"{counted(len(learner.copies), 'copy')}\n"
    )
    print(f"{predicted.shown}\n")
    for note in predicted.notes:
        print(f"note: {note}")
    print(f"\n{output}: {predicted.what}")


def refuse_permutation(store: RunStore) -> None:
    """Refuses to predict with what was trained on permuted truth.

    Raises:
        SweepError: It was.
    """
    if store.read_permutation() is not None:
        raise SweepError(
            f"{store.location}: a label-permutation test, trained on shuffled truth; what it "
            "predicts means nothing.\nGive the run folder of the sweep itself."
        )


def predict_photographs(
    learner: TrainedLearner, manifest: Path, photos: Path | None = None
) -> Predicted:
    """What a base learner says of the photographs of a manifest.

    Raises:
        SweepError: All mistakes of the manifest, or what keeps the learner from predicting.
    """
    if learner.takes_features:
        raise SweepError(
            f"{learner.name}: its features came as a table. There is no network here that could "
            "look at a new photograph.\nGive those of the new samples with --features, or name "
            "another base learner with --backbone."
        )
    from foldgrid.cli.predicted import predict_as_samples, predict_as_visits
    from foldgrid.data.cache import cache_root
    from foldgrid.data.dataset import load_mosaics
    from foldgrid.simulation.source import survey_data

    kind = learner.task.spec.sample_kind
    data = learner.seen_as.model_copy(update={"manifest": manifest, "photos": photos})
    with photograph_progress("Decoding photographs") as on_progress:
        survey = survey_data(data, cache_root(), on_progress, photographs=kind, for_training=False)
        dataset = load_mosaics(survey, on_progress)
    if learner.regions:
        return predict_as_visits(learner, dataset)
    return predict_as_samples(learner, dataset, [tile.photo for tile in survey.table.tiles])


def predict_table(learner: TrainedLearner, path: Path) -> Predicted:
    """What a base learner of given features says of a table of others.

    Raises:
        SweepError: It takes photographs, or all mistakes of the table.
    """
    from foldgrid.cli.predicted import predict_as_features

    if not learner.takes_features:
        raise SweepError(
            f"--features: {learner.name} looks at photographs. Give a manifest, or name a base "
            "learner of given features with --backbone given:NAME."
        )
    return predict_as_features(learner, path)
