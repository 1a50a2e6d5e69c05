"""What a head is: what makes a network's features into the outputs that a task learns from.

One class says all there is to say of it: its title, what it has to set, how a methods section
writes of it, the layers that it puts on the features, and, where it is solved rather than trained,
the solution. Importing it needs no torch, so that the analysis can ask for the words alone. The
rules (``tests/contracts/test_heads.py``):

1. *Outputs are the task's.* They mean what ``Scoring.output_kind`` says: what is learned from a
   training sample's targets is what ``Scoring.loss`` is lowest for.
2. *No chance but the seed.* The same features, targets, subjects and seed give the same bits.
3. *Its training samples and nothing else.* ``solve`` is given no other; a strength that it chooses
   it chooses by folds of these, and no subject is on both sides of such a fold.
4. *Units do not matter.* A column of features in another unit, or moved, gives the same outputs; a
   column that is the same for all training samples has no weight.
5. *What is written is what was solved.* The last layer's outputs are the solution's: features times
   ``weight_KD`` plus ``bias_K``.

Shape letters: N samples, D features, T targets, K outputs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from foldgrid.specs.base import Spec
from foldgrid.specs.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_HEAD = "linear"
"""What every network ended with before there was a choice: its own last layer, of another size."""

OutputKind = Literal["numbers", "classes", "thresholds"]
"""What a task's outputs are, as far as a head that is solved has to know.

``numbers``: the targets themselves, K = T, least squares. ``classes``: a logit for each of K
classes, made probabilities by a softmax; the one target is the class's index. ``thresholds``: for
each of K thresholds the log-odds that the one target, a grade's index, is above it.
"""

Pooling = Literal["network", "mean", "mean_max", "class_token", "attention"]
"""How a network's last map, or its last tokens, become features; see ``TrainingRecipe``."""

ATTENTION: Pooling = "attention"
"""The one that pools over several photographs, each with the features that ``network`` gives."""


def pooling_of_each(pooling: Pooling) -> Pooling:
    """How one photograph's features are pooled, before several are.

    Example:
        >>> pooling_of_each("attention"), pooling_of_each("mean")
        ('network', 'mean')
    """
    return "network" if pooling == ATTENTION else pooling


@dataclass(frozen=True)
class TrainingFeatures:
    """What a head that is solved is given: training samples, and nothing of others.

    Attributes:
        features_ND: float32, one row a sample.
        targets_NT: What ``Scoring.targets`` says of them.
        subjects_N: Whose each is; a subject's samples stay together in inner folds.
        output_kind: What the outputs are.
        num_outputs: K.
        seed: Decides which subjects share an inner fold.
    """

    features_ND: NDArray[np.float32]
    targets_NT: NDArray[np.float32]
    subjects_N: NDArray[np.object_]
    output_kind: OutputKind
    num_outputs: int
    seed: int


@dataclass(frozen=True)
class Solution:
    """A last layer that was solved for.

    Attributes:
        weight_KD: float64, of the features as they are: standardisation is folded in.
        bias_K: float64.
        chosen: What was chosen on the way, by name, such as ``strength``.
    """

    weight_KD: NDArray[np.float64]
    bias_K: NDArray[np.float64]
    chosen: dict[str, float]


class Head(ABC):
    """A head by name, as a recipe asks for it; see the rules above.

    Attributes:
        title: What people call it, as a sentence begins: ``Ridge regression``.
        suits: The kinds of outputs that it can learn; none where any task's loss trains it.
        settings: What it alone has to set, under ``head_settings: {NAME: …}``: a frozen, strict
            model with a default for each key.

    Example:
        >>> HEADS.named("ridge").title
        'Ridge regression'
    """

    title: ClassVar[str]
    suits: ClassVar[tuple[OutputKind, ...] | None] = None
    settings: ClassVar[type[Spec]] = Spec

    @property
    def is_solved(self) -> bool:
        """Whether it is solved in one epoch on features of a frozen backbone, not trained."""
        return isinstance(self, SolvedHead)

    @abstractmethod
    def words(self, own: Any) -> str:
        """How a methods section writes of it: its title and its settings, no full stop.

        Args:
            own: Its ``settings``, as the recipe has them.
        """


class TrainedHead(Head):
    """A head that gradients train, by the recipe; see ``Head``."""

    @abstractmethod
    def build(self, num_features: int, num_outputs: int, own: Any) -> Any:
        """The ``torch.nn.Module`` from (B, D) features to (B, K) outputs, freshly initialised.

        It ends with a ``torch.nn.Linear`` of K outputs.

        Args:
            num_features: D.
            num_outputs: K.
            own: Its ``settings``, as the recipe has them.
        """


class SolvedHead(Head):
    """One linear layer whose weights are the solution of a convex problem; see ``Head``.

    It is solved on the features of the whole training part, augmented by nothing, in one epoch; no
    optimiser, learning rate, schedule, batch or early stopping has a say.
    """

    suits: ClassVar[tuple[OutputKind, ...]]

    @abstractmethod
    def solve(self, training: TrainingFeatures, own: Any) -> Solution:
        """The weights of the last layer.

        Args:
            training: Features, and what is to be predicted by them; of a kind that it ``suits``.
            own: Its ``settings``, as the recipe has them.
        """


HEADS: Registry[Head] = Registry("head", Head, home="foldgrid.heads")
"""All heads; a package adds one by an entry point of the group ``foldgrid.heads``."""


class OwnHead(NamedTuple):
    """A head that takes the place of a network's own last layer; plain values, fit to be a key.

    Attributes:
        name: Of ``HEADS``.
        pooling: Where its features come from; of several photographs what pools over them is
            learned with the head.
        settings: Of ``HEADS[name].settings``, as JSON.
    """

    name: str
    pooling: Pooling = "network"
    settings: str = "{}"

    @property
    def head(self) -> Head:
        """The head itself."""
        return HEADS.named(self.name)

    @property
    def own(self) -> Spec:
        """Its settings."""
        return self.head.settings.model_validate_json(self.settings)
