"""The commands of ``foldgrid``: arguments in, work done in the other rooms, text out.

Importing a command is cheap, so that ``--help`` is quick; torch and pandas are loaded inside.
"""
