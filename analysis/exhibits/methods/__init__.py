"""The methods in sentences, each made from what the run recorded; nothing is invented.

    study        the data and who was held out
    training     the networks, how they were trained, what they predict
    evaluation   metrics, statistics, results, software
    writing      all of it, in paragraphs

A statement is "" where its facts were not recorded.
"""
