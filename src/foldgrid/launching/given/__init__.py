"""Base learners that a sweep is given as tables: read, checked against its split, made fits.

A given base learner looks like a trained one afterwards: a fit a fold, each with the predictions of
the samples that the fold holds out and of the test set.
"""
