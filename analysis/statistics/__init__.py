"""How sure a comparison is: resampled subjects, intervals, differences, ranks, the winner's curse.

Works on arrays of units (visits, photographs), subjects and models; knows nothing of files, folds
or networks. What is drawn is always the subject: the visits of one person resemble each other, so
300 visits of 50 people say much less than 300 visits of 300.

    sums                 what the statistics need of predictions, whatever kind they are
    subject_sums         what every metric of scores can be made of, subject by subject
    class_sums           the same of class probabilities
    resamples            which subjects were drawn how often, from a seed
    resampled            the models of one partition, as they are and resampled
    intervals            the range of a value over the resamples
    differences          each model against the best, corrected for the number of comparisons
    ranks                how often a model comes first, and where it lands
    selection            the error of "take the best of them", without the winner's curse
    critical_difference  subjects as evaluates who rank the models
    assessing            all of it for a ranking
    facts                what comes out: plain, frozen, storable
"""
