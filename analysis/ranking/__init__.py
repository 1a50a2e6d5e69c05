"""The models in order: the figures, what to know before believing them, on paper and on disk."""
