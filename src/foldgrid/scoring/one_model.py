"""One network's outputs to judged units, as a ranking would see them. Knows any task's scoring."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from foldgrid.scoring.scoring import FloatArray, Scoring
from foldgrid.scoring.units import UnitTable

if TYPE_CHECKING:
    import pandas as pd


def by_model(values: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The values of several models side by side: see ``UnitTable.predicted``.

    Args:
        values: By model, what ``Scoring.values`` gave; all of the same columns.
    """
    import pandas as pd

    if any(table.shape[1] != 1 for table in values.values()):
        return pd.concat(values, axis=1)
    return pd.DataFrame({name: table.iloc[:, 0] for name, table in values.items()})


def judged_units(scoring: Scoring, samples: pd.DataFrame, outputs_NK: FloatArray) -> UnitTable:
    """What a ranking would compare, of one network's outputs.

    Args:
        scoring: The task's.
        samples: A row a sample: ``sample``, subject, fold, and what is to be predicted.
        outputs_NK: The network's outputs for them.

    Returns:
        The units; their one model is called ``predicted``.
    """
    import pandas as pd

    index = pd.Index(samples["sample"], name="sample")
    predictions = pd.DataFrame(scoring.prediction_columns(outputs_NK), index=index)
    targets = pd.DataFrame(scoring.target_columns(samples), index=index)
    table = samples.set_index("sample").assign(reference=scoring.reference(targets))
    predicted = by_model({"predicted": scoring.values(predictions)})
    return scoring.units(table, predicted, scoring.parts(table))
