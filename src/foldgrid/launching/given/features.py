"""Tables of features that a sweep is given: checked, and a head of the registry fitted to them.

Shape letters: N samples, D features, T targets, K outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ValidationError

from foldgrid.data.splits import Split
from foldgrid.launching.given.cells import GivenCells, GivenOutcome
from foldgrid.records.given_tables import Cells, read_table
from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.specs.fits import FitConfig
from foldgrid.specs.given import GivenSpec, GivenTable
from foldgrid.specs.heads import HEADS, SolvedHead, TrainingFeatures
from foldgrid.specs.phases import Phase
from foldgrid.specs.recipe import TrainingRecipe
from foldgrid.specs.recipe_keys import Value, with_values
from foldgrid.specs.recipe_parts import OF_A_BACKBONE, OF_GRADIENTS, UNAUGMENTED
from foldgrid.tasks.registry import make_scoring
from foldgrid.tasks.scoring import Scoring
from foldgrid.training.training_data import TrainingData, inner_seed, roles_of

NO_FEATURES = ("subject", "visit", "day", "region", "fold", "partition", "truth", "label", "value")
"""Columns that say who is held out, or what is to be predicted: no head may see them."""

MOST_CELLS = 20
"""Cells that are named where they are no numbers; a table may have millions."""


@dataclass(frozen=True)
class GivenFeatures:
    """A table in which no mistake was found, and the head that is fitted to it, fold by fold.

    Attributes:
        identity: What is a part of its fits' ids.
        file: The table's file name, for this machine.
        head: The head's name.
        features_ND: float32, a row a sample of the split, in its order.
        columns: What the table calls them.
        num_constant: Columns that were left out because all samples have the same.
    """

    identity: GivenTable
    file: str
    head: str
    features_ND: NDArray[np.float32]
    columns: tuple[str, ...]
    num_constant: int

    @property
    def is_trained(self) -> bool:
        """Whether the head is trained by the sweep's recipe, not solved."""
        return not HEADS.named(self.head).is_solved

    @property
    def words(self) -> str:
        """What the plan says of it."""
        number = counted(self.features_ND.shape[1], "feature")
        left_out = ""
        if self.num_constant:
            left_out = f" ({counted(self.num_constant, 'constant column')} left out)"
        return f"{number} from {self.file}{left_out}, head {self.head}"

    def recipe(self, training: TrainingRecipe) -> TrainingRecipe:
        """The sweep's recipe with its head in place of a network's; there are no phases.

        Raises:
            InputError: The recipe cannot train this head.
        """
        own: dict[str, Value | tuple[Phase, ...]] = {"head": self.head, "pooling": "network"}
        own |= {"phases": (), "stage_heads": False, **OF_A_BACKBONE}
        if self.is_trained:
            own |= {f"augmentation.{key}": value for key, value in UNAUGMENTED.items()}
        else:
            own |= OF_GRADIENTS
        try:
            return with_values(training, own)
        except ValidationError as error:
            said = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise InputError(
                "given", [Problem(self.file, "head", f"{self.head}: {said}.")]
            ) from error

    def predict(self, config: FitConfig, data: TrainingData) -> GivenOutcome:
        """Solves the head on the training part of a fold and predicts every sample.

        Args:
            config: The fit's.
            data: The samples, in the split's order.
        """
        recipe, samples = config.training, data.samples
        rows = roles_of(data, config, config.seed).train
        learned = make_scoring(config.task).learned(samples.iloc[rows])
        task = make_scoring(config.task).with_learned(learned)
        targets_NT = task.targets(samples)[rows]
        if recipe.num_raters is not None:
            targets_NT = task.rated_targets(samples.iloc[rows], recipe.num_raters)
        head, own = recipe.solved_head, recipe.own_head
        assert isinstance(head, SolvedHead)
        assert own is not None
        assert task.output_kind is not None
        training = TrainingFeatures(
            features_ND=self.features_ND[rows],
            targets_NT=targets_NT,
            subjects_N=samples["subject"].to_numpy()[rows],
            output_kind=task.output_kind,
            num_outputs=task.num_outputs,
            seed=inner_seed(config),
        )
        solution = head.solve(training, own.own)
        outputs_NK = self.features_ND.astype(np.float64) @ solution.weight_KD.T + solution.bias_K
        columns = task.prediction_columns(outputs_NK.astype(np.float32))
        index = samples["sample"].astype(str).tolist()
        predicted = pd.DataFrame(columns, index=index)
        return GivenOutcome(predicted, learned, dict(solution.chosen), solution)


def read_given_features(
    name: str, spec: GivenSpec, split: Split, scoring: Scoring
) -> GivenFeatures:
    """Reads and checks a table of features.

    Args:
        name: The sweep's name of the learner.
        spec: The sweep's, with the hash.
        split: Who is held out.
        scoring: The task's.

    Raises:
        InputError: All mistakes of the table, or a head that cannot be fitted to it.
        SweepError: The file is no table.
    """
    head = _chosen_head(name, spec.head, scoring)
    path = spec.table
    cells = GivenCells(read_table(path).rename(columns=str), str(path))
    columns = [column for column in cells.frame.columns if column != "sample"]
    problems = cells.missing_columns(["sample"]) + cells.duplicated_columns()
    problems += [
        Problem("header", column, "is no feature: no head may see it. Remove the column.")
        for column in columns
        if column in NO_FEATURES
    ]
    if not columns:
        problems.append(Problem("header", "", "no feature's column; found only sample."))
    cells.refuse(problems)
    order = split.table["sample"].astype(str)
    values, problems = feature_numbers(cells, columns)
    problems += cells.sample_problems(pd.Index(order))
    cells.refuse(problems)
    features_ND = values.set_axis(cells.texts("sample")).loc[order.tolist()].to_numpy(np.float32)
    is_kept_D = features_ND.max(axis=0) > features_ND.min(axis=0)
    if not is_kept_D.any():
        message = "every column is the same for all samples: nothing can be learned of them."
        cells.refuse([Problem("columns", "", message)])
    identity = GivenTable(kind="features", model="", sha256=spec.sha256)
    num_constant = int((~is_kept_D).sum())
    kept = tuple(np.array(columns, object)[is_kept_D].tolist())
    return GivenFeatures(identity, path.name, head, features_ND[:, is_kept_D], kept, num_constant)


def feature_numbers(cells: Cells, columns: list[str]) -> tuple[pd.DataFrame, list[Problem]]:
    """The features, and the first cells that are no finite number."""
    found: dict[str, NDArray[np.float64]] = {}
    problems: list[Problem] = []
    largest = np.finfo(np.float32).max
    for column in columns:
        found[column], wrong = cells.numbers(column)
        is_large = np.abs(np.nan_to_num(found[column], posinf=0, neginf=0)) > largest
        wrong += [
            Problem(cells.rows[row], column, "too large for float32.")
            for row in np.flatnonzero(is_large)
        ]
        problems += wrong
        if len(problems) > MOST_CELLS:
            break
    return pd.DataFrame(found), problems


def _chosen_head(name: str, asked: str, scoring: Scoring) -> str:
    """The head that is fitted: the one asked for, or the first that is solved and suits the task.

    Raises:
        InputError: There is none, or it learns something else.
    """
    kind = scoring.output_kind
    suiting = [n for n, head in HEADS.items() if head.suits is None or kind in head.suits]
    # One that is solved needs no recipe.
    suiting.sort(key=lambda each: not HEADS.named(each).is_solved)
    if asked in suiting:
        return asked
    if not asked:
        return suiting[0]
    if asked not in HEADS:
        message = f'found "{asked}". There is no such head. {did_you_mean(asked, suiting)}'
    else:
        learned = " and ".join(HEADS.named(asked).suits or ())
        message = (
            f"{asked} learns {learned}, and this task has {kind}. Take {' or '.join(suiting)}."
        )
    raise InputError("given", [Problem(f"given.{name}", "head", message)])
