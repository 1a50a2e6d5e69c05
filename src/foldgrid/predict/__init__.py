"""Trained base learners on new photographs."""
