"""One self-contained HTML file that says which model is best, how sure that is, and on what.

Knows the exhibits in their order and how to put them on a page; computes nothing that another room
could. In the order in which a report is made:

    headline     the result in words
    page         sections in, HTML out: numbered exhibits, contents, styles
    saving       a report in memory, and its files in the run folder
    making       the whole way
    search       the same page about a search's trials
"""
