"""The report of a search: the same page, about trials instead of models.

headline   the best configuration and what its score is worth
sections   the search's exhibits in order; of several studies, a section a study
"""
