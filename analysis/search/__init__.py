"""What a search's trials tell: how sure its best is, what mattered, what stopping saved.

Knows the records of trials and the statistics of rankings; not who searched, not a page.

    results     records -> trials with their epochs, and the visits that complete trials predicted
    certainty   intervals, the winner's curse, the best against the sweep's default configuration
    course      the best so far, trial by trial; what became of the epochs
    importance  which parameters the score depends on, and how sure that is
    landscape   the score over two parameters, where there are trials
    numbers     a parameter's values as numbers on the scale on which they were drawn
    summary     the same in a few words, for ``best.yaml`` and the terminal
"""
