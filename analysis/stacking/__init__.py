"""Meta-learners: predictions in, one prediction out, evaluated on what they have not seen.

Of scores (``meta_learners``, ``nested``) and of class probabilities (``class_...``); the nested
folds are the same (``nested_fits``).
"""
