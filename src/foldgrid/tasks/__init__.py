"""What is predicted: a room a task, its words and what they mean.

Knows neither networks nor pictures; torch is known to ``losses`` alone.
"""

from foldgrid.specs.task import TASKS, TaskKind
from foldgrid.tasks.classification.hierarchical_scoring import HierarchicalScoring
from foldgrid.tasks.classification.ordinal import OrdinalScoring, OrdinalSpec
from foldgrid.tasks.classification.scoring import BinaryScoring, ClassScoring
from foldgrid.tasks.classification.spec import BinarySpec, ClassificationSpec, HierarchySpec
from foldgrid.tasks.pasi.scoring import PasiScoring
from foldgrid.tasks.pasi.spec import PasiSpec
from foldgrid.tasks.regression.scoring import RegressionScoring
from foldgrid.tasks.regression.spec import RegressionSpec

TASKS.add("pasi", TaskKind(PasiSpec, PasiScoring))
TASKS.add("classification", TaskKind(ClassificationSpec, ClassScoring))
TASKS.add("binary", TaskKind(BinarySpec, BinaryScoring))
TASKS.add("tree", TaskKind(HierarchySpec, HierarchicalScoring))
TASKS.add("regression", TaskKind(RegressionSpec, RegressionScoring))
TASKS.add("ordinal", TaskKind(OrdinalSpec, OrdinalScoring))
