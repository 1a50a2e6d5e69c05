"""foldgrid: a grid of image models by cross-validation folds, compared honestly.

The rooms, from the words outwards: ``specs``; ``metrics``, ``models``, ``optimizers``, ``tables``;
``data``, ``tasks``, ``describe``; ``simulation``, ``records``, ``tracking``; ``training``,
``predict``, ``execution``, ``launching``, ``search``; ``api`` and ``cli``. Importing this package
imports none.
"""

__version__ = "0.1.0"
