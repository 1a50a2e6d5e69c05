"""The heads of this project, one file each; `specs.heads` says what one is.

Knows neither networks nor fits: features and targets in, a last layer out. Imports torch and
scikit-learn when something is built or solved, and not before.
"""

from foldgrid.heads.linear import Linear
from foldgrid.heads.logistic import Logistic
from foldgrid.heads.mlp import Mlp
from foldgrid.heads.ridge import Ridge
from foldgrid.specs.heads import HEADS

HEADS.add("linear", Linear())
HEADS.add("ridge", Ridge())
HEADS.add("logistic", Logistic())
HEADS.add("mlp", Mlp())
