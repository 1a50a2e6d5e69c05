"""From regional composites to one PASI a visit: the unit that every figure is computed over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from foldgrid.scoring import pasi


@dataclass(frozen=True)
class VisitTable:
    """Visits with the physician's PASI and what the models predicted, row by row.

    Attributes:
        visits: subject, visit, day, fold (-1 for test visits) and ``physician_pasi``.
        predicted: PASI by model, a column each.
        num_left_out: Visits that lack a region and therefore have no PASI.
    """

    visits: pd.DataFrame
    predicted: pd.DataFrame
    num_left_out: int

    @property
    def num_visits(self) -> int:
        """Visits with a PASI."""
        return len(self.visits)

    @property
    def num_subjects(self) -> int:
        """Subjects that these visits are of."""
        return int(self.visits["subject"].nunique())

    def with_model(self, name: str, predicted: np.ndarray) -> VisitTable:
        """The same visits with one more model's predictions."""
        return VisitTable(
            self.visits, self.predicted.assign(**{name: predicted}), self.num_left_out
        )


def score_visits(
    samples: pd.DataFrame, composites: pd.DataFrame, regions: frozenset[str]
) -> VisitTable:
    """Adds regions up to visits.

    Args:
        samples: By sample: subject, visit, day, region, fold, and ``composite``, the physician's C.
        composites: Predicted C by the same samples, a column a model.
        regions: The regions that a PASI of this data set is made of. A visit without one of them
            would get a lower PASI than it has, so it is left out.

    Returns:
        The complete visits, ordered by subject and visit.
    """
    num_regions = samples.groupby(["subject", "visit"])["region"].transform("nunique")
    num_visits = len(samples[["subject", "visit"]].drop_duplicates())
    kept = samples[num_regions == len(regions)].sort_values(["subject", "visit", "region"])
    num_kept = len(kept) // len(regions)
    # After the sort each visit is a block of rows, its regions in alphabetical order.
    predicted_VRM = (
        composites.loc[kept.index].to_numpy().reshape(num_kept, len(regions), composites.shape[1])
    )
    physician_VR = kept["composite"].to_numpy().reshape(num_kept, len(regions))
    order = list(enumerate(sorted(regions)))
    visits = kept.iloc[:: len(regions)][["subject", "visit", "day", "fold"]].reset_index(drop=True)
    visits["fold"] = visits["fold"].fillna(-1).astype(int)
    return VisitTable(
        visits=visits.assign(physician_pasi=pasi({r: physician_VR[:, i] for i, r in order})),
        predicted=pd.DataFrame(
            pasi({r: predicted_VRM[:, i] for i, r in order}), columns=composites.columns
        ),
        num_left_out=num_visits - num_kept,
    )
