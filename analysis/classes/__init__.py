"""Facts about models of classes: ROC curves, operating points, calibration, how they see the data.

Works on arrays of units, subjects and probabilities; knows nothing of files or of drawing. Every
interval is over resampled subjects, as ``analysis.statistics`` draws them.

    shares           shares of units with their intervals
    roc_curves       one class against the rest, pooled and fold by fold
    operating        what a threshold does to units that it was not chosen on
    reliability      whether a probability of 80 % comes true in 80 %
    embedding        units of many features on a plane (t-SNE)
"""
