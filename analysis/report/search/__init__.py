"""The report of a search: the same page, about trials instead of models.

facts      what the sections may ask of a search's run folder
headline   the best configuration and what its score is worth
course     how the search went, and what became of the epochs
values     which values scored how: parallel coordinates, importances, landscape, front
trials     every trial as a table
searched   the space and how it was searched
making     the whole way
"""
