"""A head: nearest class mean, as a linear layer (Snell and others 2017, prototypical networks)."""

import numpy as np
from pydantic import Field

from foldgrid.specs.base import Spec
from foldgrid.specs.heads import Solution, SolvedHead


class Settings(Spec):
    sharpness: float = Field(default=1.0, gt=0)


class Prototype(SolvedHead):
    title = "Nearest class mean"
    suits = ("classes",)
    settings = Settings

    def solve(self, training, own):
        features_ND = training.features_ND.astype(np.float64)
        index_N = training.targets_NT[:, 0].astype(int)
        middle_D, unit_D = features_ND.mean(axis=0), features_ND.std(axis=0)
        values_ND = (features_ND - middle_D) / np.where(unit_D > 0, unit_D, np.inf)
        means_KD = np.stack(
            [values_ND[index_N == k].mean(axis=0) for k in range(training.num_outputs)]
        )
        # The squared distance to a mean, less what it has in common with all others.
        scale = own.sharpness / np.sqrt(values_ND.shape[1])
        weight_KD = 2 * scale * means_KD / np.where(unit_D > 0, unit_D, np.inf)
        bias_K = -scale * np.square(means_KD).sum(axis=1) - weight_KD @ middle_D
        return Solution(weight_KD, bias_K, {})

    def words(self, own):
        return f"{self.title} of standardised features, sharpness {own.sharpness:g}"


PROTOTYPE = Prototype()
