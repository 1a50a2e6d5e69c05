"""The optimisers of this project, one file each; `specs.optimizers` says what one is.

Knows neither fits nor schedules. Imports torch when something is built, and not before.
"""

from foldgrid.optimizers.sgd import Sgd
from foldgrid.specs.optimizers import OPTIMIZERS

OPTIMIZERS.add("sgd", Sgd())
