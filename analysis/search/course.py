"""How a search went: the best so far, and what became of the epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from foldgrid.analysis.search.results import StudyResults


@dataclass(frozen=True)
class EpochsSaved:
    """Epochs of all folds together: planned, trained, and why not.

    A recipe's most epochs count as planned, so what was saved is at most this: patience might
    have ended a trial anyway.

    Attributes:
        num_trials: Trials that are over.
        num_stopped: Trials that a scheduler stopped.
        num_planned: Epochs that all trials' recipes allow.
        num_trained: Epochs that were trained.
        num_saved: Epochs that stopped trials had left: what the scheduler saved.
        num_patience: Epochs that complete trials had left: their own early stopping ended them.
        num_diverged: Epochs that diverged trials had left.
    """

    num_trials: int
    num_stopped: int
    num_planned: int
    num_trained: int
    num_saved: int
    num_patience: int
    num_diverged: int

    @property
    def fraction(self) -> float:
        """What the scheduler saved, of all that was planned."""
        return self.num_saved / self.num_planned if self.num_planned else 0.0


def epochs_saved(study: StudyResults) -> EpochsSaved:
    """Adds up a study's epochs."""
    left = {
        status: sum(
            trial.num_planned_epochs - trial.num_epochs
            for trial in study.trials
            if trial.status == status
        )
        for status in ("stopped", "complete", "diverged")
    }
    return EpochsSaved(
        num_trials=len(study.trials),
        num_stopped=sum(trial.status == "stopped" for trial in study.trials),
        num_planned=sum(trial.num_planned_epochs for trial in study.trials),
        num_trained=sum(trial.num_epochs for trial in study.trials),
        num_saved=left["stopped"],
        num_patience=left["complete"],
        num_diverged=left["diverged"],
    )


def optimisation_history(study: StudyResults) -> pd.DataFrame:
    """The best so far, by trial and by epochs spent.

    Returns:
        A row a trial in the order of their numbers: trial, status, score (of a stopped trial as
        far as it came, NaN where it diverged), num_epochs, epochs_spent (its own included) and
        best_so_far (complete trials only; NaN before the first).
    """
    rows, spent, best = [], 0, math.nan
    for trial in study.trials:
        score = study.score(trial)
        spent += trial.num_epochs
        key = study.metric.sort_key
        if trial.status == "complete" and key(score) < key(best):
            best = score
        rows.append(
            {
                "trial": trial.number,
                "status": trial.status,
                "score": score,
                "num_epochs": trial.num_epochs,
                "epochs_spent": spent,
                "best_so_far": best,
            }
        )
    return pd.DataFrame(rows)


def trial_curves(study: StudyResults) -> pd.DataFrame:
    """The first objective by epoch, a row an epoch: trial, status, epoch, score."""
    rows = [
        {
            "trial": trial.number,
            "status": trial.status,
            "epoch": epoch.epoch,
            "score": epoch.oof.get(study.metric.name, math.nan),
        }
        for trial in study.trials
        for epoch in study.courses[trial.number]
    ]
    return pd.DataFrame(rows, columns=["trial", "status", "epoch", "score"])
