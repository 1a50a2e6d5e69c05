"""The models in order: the values, what to know before believing them, on paper and on disk."""
