"""The schedulers of this project; `specs.schedulers` says what one is.

Knows what trials report, not who trains them. Imports Ray when something is made, not before.
"""

from foldgrid.search.schedulers.asked_of_ray import Asha, MedianStopping
from foldgrid.search.schedulers.none import NoScheduler
from foldgrid.search.schedulers.paired_race import RacedInPairs
from foldgrid.search.schedulers.pausing import HyperBand, PopulationBased
from foldgrid.specs.schedulers import SCHEDULERS

SCHEDULERS.add("none", NoScheduler())
SCHEDULERS.add("asha", Asha())
SCHEDULERS.add("hyperband", HyperBand())
SCHEDULERS.add("median", MedianStopping())
SCHEDULERS.add("pbt", PopulationBased())
SCHEDULERS.add("paired_race", RacedInPairs())
