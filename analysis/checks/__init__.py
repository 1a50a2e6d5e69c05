"""Checks with codes: what could make a sweep's values wrong, looked for one by one.

    report        what a check may say; ``checks.json``
    explanations  what each code means, in words
    check         a check, and how it answers
    run_contents  everything of a run folder that can be read, and what cannot
    *_checks      the checks themselves: split, fits, predictions, method, label permutation
    catalogue     all of them in order; running them

Rules: every check always runs, on what can be read; what it has nothing to look at is "not
applicable", which is not "passed"; an answer always comes with the evidence.

Knows records and tables; never a picture, never a network.
"""
