"""What is predicted: the words, the scoring and the loss of each task, a room each.

Knows neither networks nor pictures; torch is known to ``loss`` and ``losses`` alone.
"""
