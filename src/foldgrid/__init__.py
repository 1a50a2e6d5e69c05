"""foldgrid: a grid of image models by cross-validation folds, compared honestly.

The rooms, from the words outwards: ``specs``, ``scoring``, ``records`` and ``tracking``, ``data``,
``models`` and ``tasks``, ``training``, ``tuning``. Importing this package imports none of them.
"""

__version__ = "0.1.0"
