"""Simulated studies: painters, and the folders that they fill; knows nothing of training."""
