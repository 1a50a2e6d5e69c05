"""How sure a comparison is: resampled subjects, intervals, differences, ranks, the winner's curse.

Works on arrays of visits, subjects and models; knows nothing of files, folds or networks. The unit
that is drawn is always the subject: the visits of one person resemble each other, so 300 visits of
50 people say much less than 300 visits of 300.

    subject_sums         what every metric can be made of, subject by subject
    resamples            which subjects were drawn how often, from a seed
    intervals            the range of a figure over the resamples
    differences          each model against the best, corrected for the number of comparisons
    ranks                how often a model comes first, and where it lands
    selection            the error of "take the best of them", without the winner's curse
    critical_difference  subjects as judges who rank the models
    assessing            all of it for a ranking
    facts                what comes out: plain, frozen, storable
"""
