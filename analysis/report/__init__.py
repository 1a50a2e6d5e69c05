"""One self-contained HTML file that says which model is best, how sure that is, and on what.

Knows the facts of every other room and how to put them on a page; computes nothing that another
room could. In the order in which a report is made:

    recorded     what a launch wrote down of itself
    run_facts    what every section may ask of a run folder, each thing read or computed once
    sections     one file a section: facts in, a ``Section`` of text, tables and figures out
    page         sections in, HTML out: numbered exhibits, contents, styles
    saving       a report in memory, and its files in the run folder
    making       the whole way
    search       the same page about a search's trials
"""
