"""The optimisers of this project; `specs.optimizers` says what one is.

Knows neither fits nor schedules. Imports torch and timm when something is built, and not before.
"""

from foldgrid.optimizers import of_timm
from foldgrid.optimizers.sgd import Sgd
from foldgrid.specs.optimizers import OPTIMIZERS

OPTIMIZERS.add("sgd", Sgd())
OPTIMIZERS.add("adam", of_timm.Adam())
OPTIMIZERS.add("adamw", of_timm.AdamW())
OPTIMIZERS.add("nadamw", of_timm.NAdamW())
OPTIMIZERS.add("adoptw", of_timm.AdoptW())
OPTIMIZERS.add("lamb", of_timm.Lamb())
OPTIMIZERS.add("lion", of_timm.Lion())
