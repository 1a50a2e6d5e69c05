"""Weights & Biases, one tracker among others."""
