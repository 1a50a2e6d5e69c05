"""The search: Optuna suggests a configuration, its folds train in lockstep and score it.

Three roles: ``study`` suggests and remembers (Optuna), ``lockstep`` trains one configuration,
``executors`` run several side by side (Ray Tune, or one process). The test set is not here: a
search's data hold the training samples only.
"""
