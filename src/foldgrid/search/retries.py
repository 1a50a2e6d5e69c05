"""Trials that a launch left open: closed once it is known to be dead, and lined up again.

Every function here is called inside ``SearchStorage.exclusive``, or only reads.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from foldgrid.search.storage.storage import SearchStorage

FIXED = "fixed_params"
"""Optuna's attribute of a trial that was lined up: the values it is to have."""

FAILURE = "failure"
"""The attribute of a trial that raised an error: its kind."""

RETRY = "retry_of"
"""The attribute of a trial that repeats one whose launch ended without a word: which it repeats.

To Optuna it is another trial; to everybody else it is that one, taken up again under its number.
"""

LAUNCH = "launch"
"""The attribute of a trial that names the launch which asked for it; set once it is drawn."""

UNDRAWN = "undrawn"
"""The attribute of a trial whose launch died while it was drawn: as if it had not been."""


def close_stale(study: optuna.Study, storage: SearchStorage, own: Collection[int]) -> int:
    """Closes the trials of launches that ended without a word, and lines them up again.

    Args:
        study: The study.
        storage: Who knows which launches are alive.
        own: Optuna's numbers of the trials that this launch has open.

    Returns:
        How many were lined up.
    """
    with warnings.catch_warnings():
        # Optuna calls its heartbeat experimental.
        warnings.simplefilter("ignore")
        optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        launch = trial.user_attrs.get(LAUNCH)
        if trial.number in own or (launch is not None and not storage.is_gone(launch)):
            continue
        if launch is None and FIXED not in trial.system_attrs:
            storage.optuna.set_trial_user_attr(trial._trial_id, UNDRAWN, True)
        study.tell(trial.number, state=TrialState.FAIL)
    stopped = stopped_trials(study.get_trials(deepcopy=False))
    for trial in stopped:
        # One that died while it was drawn has but a part of its values.
        values = trial.params if LAUNCH in trial.user_attrs else trial.system_attrs[FIXED]
        study.enqueue_trial(dict(values), {RETRY: trial_number(trial)})
    return len(stopped)


def trial_number(trial: Trial | FrozenTrial) -> int:
    """The number that a trial goes by: its own, or that of the one it repeats."""
    return int(trial.user_attrs.get(RETRY, trial.number))


def stopped_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """What was closed without having failed, and is not lined up again yet."""
    last_tries = {trial_number(trial): trial for trial in trials}
    return [
        trial
        for trial in last_tries.values()
        if trial.state == TrialState.FAIL and not {FAILURE, UNDRAWN} & trial.user_attrs.keys()
    ]


def num_drawn(trials: Sequence[FrozenTrial]) -> int:
    """Configurations drawn so far; one that is tried again was drawn once."""
    return sum(
        trial.state != TrialState.WAITING and not {RETRY, UNDRAWN} & trial.user_attrs.keys()
        for trial in trials
    )


def num_lined_up(trials: Sequence[FrozenTrial]) -> int:
    """Trials whose values were given, not drawn."""
    return sum(FIXED in trial.system_attrs and RETRY not in trial.user_attrs for trial in trials)
