"""A ranking of any table of predictions: the same statistics as a run folder's, without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foldgrid.analysis.ranking.ranking import Ranking, check_metric, known_metric

if TYPE_CHECKING:
    import pandas as pd

    from foldgrid.specs.task import TaskSpec


def rank(
    predictions: pd.DataFrame | str | PathLike[str],
    *,
    by: str | None = None,
    metric: str | Sequence[str] = (),
    task: str | Mapping[str, Any] | TaskSpec | None = None,
    models: Sequence[str] | None = None,
) -> Ranking:
    """Ranks the models of a table of predictions, with subject-clustered 95 % intervals.

    The same ranking as of a run folder: bootstrap intervals and paired differences over resampled
    subjects, ties with the best (studentised range), the corrected value of taking it (BBC-CV),
    and the baseline that says the same for everybody. Where the table says which fold held each
    subject out, and has two models or more, meta-learners are stacked by nested cross-validation.
    The checks that a table can answer (FG304 to FG308) are run; what they find is a note.

    Args:
        predictions: A frame, or the path of a CSV or Parquet file. A row is a unit: a photograph,
            a visit. Columns: ``subject`` (the group that is resampled), ``truth``, and a column of
            numbers for each model; of classes a column of probabilities for each model and class,
            ``model:class``, and ``truth`` says the class. Optional: ``sample`` and ``visit`` (its
            name), ``fold`` (which one held it out), ``partition`` (``oof`` or ``test``; all are
            ``oof`` without).
        by: The metric that orders the ranking, such as ``mae``, ``spearman``, ``auc`` or ``mcc``;
            the task's first without.
        metric: Metrics that its table shows, in place of the task's own columns.
        task: What is predicted, as a sweep's ``task`` says it, where the truth's kind does not say
            enough: ``{"name": "binary", "positive": ["melanoma"]}``, ``{"name": "ordinal"}`` (the
            classes in the order of the columns), ``{"name": "regression", "unit": "months"}``.
        models: The models to rank, where the table has columns beside theirs; all without.

    Returns:
        The ranking; ``frame()`` gives its numbers, and a notebook shows it as a table.

    Raises:
        InputError: All mistakes of the table, each with its row and column.
        SweepError: The metric or the task is unknown.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({
        ...     "subject": ["a", "a", "b", "b", "c", "c"],
        ...     "truth": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        ...     "ours": [1.1, 2.1, 2.9, 4.2, 4.9, 6.1],
        ...     "theirs": [2.0, 2.0, 2.0, 5.0, 5.0, 5.0],
        ... })
        >>> ranking = foldgrid.rank(table, by="mae")
        >>> ranking.best.model
        'ours'
        >>> ranking.frame()[["rank", "model", "oof_mae"]].round(3)
           rank             model  oof_mae
        0     1              ours    0.117
        1     2            theirs    0.667
        2     3  predict_the_mean    2.167
    """
    import pandas as pd

    from foldgrid.analysis.checks.catalogue import check_table
    from foldgrid.analysis.checks.notes import report_notes
    from foldgrid.analysis.evaluation import evaluate_table
    from foldgrid.analysis.predictions.given import read_given
    from foldgrid.analysis.ranking.build import Source, rank_models
    from foldgrid.analysis.ranking.notes import table_notes, warnings_first
    from foldgrid.records.given_tables import read_table
    from foldgrid.specs.fits import content_digest

    location = "predictions"
    if not isinstance(predictions, pd.DataFrame):
        location = str(predictions)
        predictions = read_table(Path(predictions))
    given = read_given(predictions, location, task, models)
    scoring = given.table.scoring
    by, shown = known_metric(by, scoring), (metric,) if isinstance(metric, str) else tuple(metric)
    for name in shown:
        check_metric(name, scoring, "metric")
    checks = check_table(given.table, location, has_folds=given.has_folds)
    evaluation = evaluate_table(given.table, has_folds=given.has_folds)
    notes = table_notes(evaluation, has_folds=given.has_folds)
    source = Source(
        name=Path(location).stem,
        title="",
        location=location,
        made_from=content_digest(pd.util.hash_pandas_object(predictions).tolist()),
        notes=warnings_first([*report_notes(checks), *notes]),
    )
    ranking = rank_models(evaluation, source, by, shown)
    return ranking.model_copy(update={"shown": tuple(dict.fromkeys(shown))})
