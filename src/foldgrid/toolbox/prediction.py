"""``python -m foldgrid predict``: new photographs through a finished sweep's base learner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from foldgrid.specs.errors import SweepError
from foldgrid.specs.sweep import DataSpec
from foldgrid.toolbox.terminal import photograph_progress, writing

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.data.dataset import Dataset
    from foldgrid.training.trained_learner import TrainedLearner

MOST_ROWS_SHOWN = 20


def predict(
    run: str,
    manifest: Path,
    /,
    *,
    backbone: str | None = None,
    output: Path = Path("predictions.csv"),
) -> None:
    """Predict the PASI of new photographs with a trained base learner.

    The copies of all folds predict, and their mean counts. The sweep must have kept its weights
    (keep: best).

    Args:
        run: The run folder, such as runs/quickstart.
        manifest: A CSV or Parquet file, one row a photo; the score columns may be left out.
        backbone: The network; without it, the best by out-of-fold MAE in the run's ranking.
        output: The CSV to write, one row a visit.
    """
    if output.is_dir():
        raise SweepError(f"--output: {output} is a folder. Name a file, such as predictions.csv.")
    from foldgrid.data.cache import cache_root
    from foldgrid.data.dataset import open_dataset
    from foldgrid.records import RunStore
    from foldgrid.records.files import FileRoot
    from foldgrid.training.prediction import predict_visits
    from foldgrid.training.trained_learner import best_backbone, open_learner

    store = RunStore.open(run)
    if store.read_canary() is not None:
        raise SweepError(
            f"{store.location}: a canary, trained on shuffled scores; what it predicts means "
            "nothing.\nGive the run folder of the sweep itself."
        )
    learner = open_learner(store, backbone or best_backbone(store))
    data = DataSpec(manifest=manifest, tile_pixels=learner.tile_pixels)
    with photograph_progress("Decoding photographs") as on_progress:
        dataset = open_dataset(data, cache_root(), on_progress, for_training=False)
    visits = predict_visits(learner, dataset)
    with writing(output):
        text = visits.round(3).to_csv(index=False, lineterminator="\n")
        FileRoot(str(output.parent)).write_bytes(output.name, text.encode())
    reason = "" if backbone else ", the best base learner by out-of-fold MAE"
    print(f"{learner.backbone} of {store.location}{reason}: mean of {len(learner.copies)} copies\n")
    _print_visits(visits)
    for note in _notes(learner, dataset, visits):
        print(f"note: {note}")
    print(f"\n{output}: {len(visits)} visits, with the scores of each region")


def _print_visits(visits: pd.DataFrame) -> None:
    shown = visits.head(MOST_ROWS_SHOWN)
    composites = [str(name) for name in visits if str(name).endswith("_composite")]
    titles = {name: name.removesuffix("_composite") for name in composites}
    table = shown[["subject", "visit", "day", "pasi", *composites]].rename(columns=titles)
    table["day"] = [f"{day:g}" if day == day else "-" for day in table["day"]]
    print(table.to_string(index=False, na_rep="-", float_format="{:.1f}".format))
    if len(visits) > len(shown):
        print(f"… and {len(visits) - len(shown)} more visits")
    print()


def _notes(learner: TrainedLearner, dataset: Dataset, visits: pd.DataFrame) -> list[str]:
    """What to know before believing the figures."""
    notes = []
    regions = dataset.samples["region"]
    unknown = regions[~regions.isin(learner.regions)]
    if len(unknown):
        names = ", ".join(sorted(set(unknown)))
        notes.append(f"composites passed over, for the sweep has no {names}: {len(unknown)}.")
    num_incomplete = int(visits["pasi"].isna().sum())
    if num_incomplete:
        names = ", ".join(learner.regions)
        notes.append(f"visits without a PASI, for it takes {names}: {num_incomplete}.")
    split = learner.store.read_split()
    trained = set(split.loc[split["partition"] == "train", "subject"])
    known = trained.intersection(dataset.samples["subject"])
    if known:
        notes.append(
            f"subjects named as in the sweep's training part: {len(known)}. If they are the same "
            "people, these predictions are too good to be true."
        )
    return notes
