"""The last hidden layer of one fit on a plane (t-SNE), where the sweep kept features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.classes.embedding import FEWEST_UNITS, plane_coordinates
from analysis.evidence.laws import FoldPredictions
from analysis.evidence.predictions import fold_values
from analysis.figures.embedding import MOST_TOGETHER, EmbeddingFacts, draw_embedding
from analysis.report.blocks import Figure, Section
from analysis.report.class_facts import Partition, partitions, shown_learners
from analysis.report.numbers import figure
from analysis.report.run_facts import RunFacts
from foldgrid.scoring.class_counts import decide
from foldgrid.specs.errors import SweepError

TITLE = "The last hidden layer"
CALL = "from analysis.report.sections.embedding import embedding\nembedding(run, {!r})"
UNKNOWN = "the sweep kept no features; `keep_features: true` in the sweep keeps them."


@dataclass(frozen=True)
class ChosenFit:
    """The fit that is shown.

    Attributes:
        fit: Its predictions.
        value: The ordering figure over what it held out.
        num_fits: Fits of the same base learner that it was chosen among.
    """

    fit: FoldPredictions
    value: float
    num_fits: int


def chosen_fit(run: RunFacts) -> ChosenFit | None:
    """Of the best base learner that kept features, the fit with the median figure.

    The median, and not the best: a picture should show what is usual. Of an even number of fits
    the worse of the two in the middle.

    Args:
        run: The run folder's facts.

    Returns:
        None where no features were kept.
    """
    learners = {each.name: each for each in run.judgement.table.learners}
    metric = run.scoring.metrics[run.by]
    for name in shown_learners(run):
        fits = [fit for fit in learners[name].fits if fit.record.features_kept]
        if not fits:
            continue
        values = [_figure(run, fit) for fit in fits]
        order = sorted(range(len(fits)), key=lambda each: (metric.sort_key(values[each]), each))
        median = order[len(order) // 2]
        return ChosenFit(fits[median], values[median], len(fits))
    return None


def embedding(run: RunFacts, partition: Partition = "oof") -> EmbeddingFacts:
    """What the chosen fit held out, or the test photographs, on a plane.

    Args:
        run: The run folder's facts.
        partition: ``oof``, what the fit held out, or ``test``.

    Raises:
        SweepError: No features were kept.
    """
    chosen = chosen_fit(run)
    if chosen is None:
        raise SweepError(UNKNOWN)
    fit = chosen.fit
    kept = run.store.read_features(fit.record.fit_id)
    features = kept[kept["partition"] == partition].set_index("sample")["features"]
    values = fold_values(fit, partition).loc[features.index]
    reference = run.judgement.table.samples.loc[features.index, "reference"]
    return EmbeddingFacts(
        model=f"{fit.backbone}, fold {fit.fold}",
        coordinates_N2=plane_coordinates(np.stack(features.to_list())),
        classes=tuple(map(str, values.columns)),
        reference_N=reference.to_numpy(dtype=np.int64),
        decided_N=decide(values.to_numpy(dtype=np.float64), run.scoring.is_binary),
    )


def embedding_section(run: RunFacts) -> Section:
    """The plane of what the fit held out, and of the test photographs."""
    chosen = chosen_fit(run)
    if chosen is None:
        return Section("embedding", TITLE, left_out=UNKNOWN)
    blocks = tuple(
        _figure_of(run, part) for part in partitions(run) if _num_units(run, part) >= FEWEST_UNITS
    )
    if not blocks:
        return Section("embedding", TITLE, left_out=f"fewer than {FEWEST_UNITS} photographs.")
    title = run.ranking.metric.title
    lead = (
        f"Shown is fold {chosen.fit.fold} of {chosen.fit.backbone}, the best base learner that "
        f"kept features: of its {chosen.num_fits} fits the one with the median {title} "
        f"({figure(chosen.value)})."
    )
    return Section("embedding", TITLE, lead, blocks)


def _figure_of(run: RunFacts, partition: Partition) -> Figure:
    facts = embedding(run, partition)
    many = run.scoring.noun.many
    whose = f"the {many} that it held out" if partition == "oof" else f"the test {many}"
    present = len(np.unique(facts.reference_N))
    marks = (
        "Marks tell the classes apart"
        if present <= MOST_TOGETHER
        else "A panel a class, the others pale"
    )
    caption = (
        f"The last hidden layer of {facts.model}, {whose}, on a plane (t-SNE). {marks}; a ring "
        "stands around what was decided otherwise. Neighbours resemble each other; distances "
        "between groups and their sizes mean nothing."
    )
    drawing = draw_embedding(facts, f"embedding_{partition}")
    return Figure(drawing, caption, CALL.format(partition))


def _figure(run: RunFacts, fit: FoldPredictions) -> float:
    values = fold_values(fit)
    reference = run.judgement.table.samples.loc[values.index, "reference"]
    metric = run.scoring.metrics[run.by]
    return float(metric(reference.to_numpy(dtype=np.int64), values.to_numpy(dtype=np.float64)))


def _num_units(run: RunFacts, partition: Partition) -> int:
    return (run.judgement.oof if partition == "oof" else run.judgement.test).num_units
