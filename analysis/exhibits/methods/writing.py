"""Every statement by name, and the paragraphs that a methods text is made of.

The same statements answer the items of the reporting guidelines, so a methods text and a filled
checklist cannot disagree.
"""

from __future__ import annotations

from foldgrid.analysis.exhibits.methods.evaluation import (
    evaluation_statements,
    result_statements,
    software_statements,
)
from foldgrid.analysis.exhibits.methods.study import data_statements, partition_statements
from foldgrid.analysis.exhibits.methods.training import (
    model_statements,
    prediction_statements,
    training_statements,
)
from foldgrid.analysis.run import Run

PARAGRAPHS = {
    "Data": ("data", "exclusions", "participants", "photographs", "outcome", "missing"),
    "Partition": ("split", "balance", "folds", "disjoint"),
    "Models": ("backbones", "weights", "output"),
    "Training": (
        "head",
        "loss",
        "optimiser",
        "search",
        "stopping",
        "augmentation",
        "budget",
        "failures",
    ),
    "Prediction": ("prediction", "stacking"),
    "Evaluation": ("metrics", "statistics", "selection", "floor"),
    "Software": ("software", "seeds", "availability"),
}
"""The statements of each paragraph."""


def write_statements(run: Run) -> dict[str, str]:
    """Every statement that the run's facts allow, by name.

    Args:
        run: The opened run.
    """
    statements = {
        **data_statements(run),
        **partition_statements(run),
        **model_statements(run),
        **training_statements(run),
        **prediction_statements(run),
        **evaluation_statements(run),
        **result_statements(run),
        **software_statements(run),
    }
    return {name: text for name, text in statements.items() if text}
