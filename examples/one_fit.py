"""One fit without Ray and without W&B: `python examples/one_fit.py runs/one_fit`.

Seconds of training from random weights show how the rooms fit together, not what a network can do.
"""

import sys

from foldgrid.data.cache import cache_root
from foldgrid.data.splits import make_split
from foldgrid.records import RunStore
from foldgrid.simulation.source import open_dataset
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.sweep import DataSpec, SplitSpec
from foldgrid.specs.synthetic import TrialSettings
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.training import Fit, TrainingData

trial = TrialSettings(num_subjects=6, num_visits=30, photo_width=48, photo_height=32)
dataset = open_dataset(DataSpec(tile_pixels=16, synthetic=trial), cache_root())
split = make_split(dataset.samples, SplitSpec(num_folds=3))

config = FitConfig(
    backbone="shufflenet_v2_x0_5",
    fold=0,
    task=PasiSpec(),
    data_fingerprint=dataset.fingerprint,
    split_fingerprint=split.fingerprint,
    weights="random",
    seed=0,
    budget="smoke",
    training=TrainingRecipe(max_epochs=3, start_from_mean=True),
)
folder = RunStore(sys.argv[1]).fit(config.fit_id)
record = Fit(config, TrainingData.from_dataset(dataset, split), folder).run()

for name, value in record.metrics.items():
    print(f"{name:20} {value:8.3f}")
print(f"\n{folder.path}")
