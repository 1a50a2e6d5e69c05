"""Classes of a hierarchy: trained fine, evaluated coarse, by adding probabilities up.

Shape letters: N samples, K training classes, J classes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from foldgrid.specs.counted import counted
from foldgrid.specs.errors import InputError, Problem, did_you_mean
from foldgrid.tasks.classification.hierarchy import ancestor, partition, paths_of
from foldgrid.tasks.classification.scoring import LabelScoring, check_labels, label_counts
from foldgrid.tasks.classification.spec import HierarchySpec

if TYPE_CHECKING:
    import pandas as pd


class HierarchicalScoring(LabelScoring):
    """Training classes cut from a hierarchy, and the coarse classes above them.

    A class's probability counts for the node above it at the level's depth; a class that is itself
    higher in the hierarchy stands for itself.
    """

    exhibits = (*LabelScoring.exhibits, "tree")
    spec: HierarchySpec

    def __init__(self, spec: HierarchySpec) -> None:
        super().__init__(spec)
        self._levels = {name: _level(self.classes, depth) for name, depth in spec.levels.items()}

    @staticmethod
    def resolved(spec: HierarchySpec, samples: pd.DataFrame) -> HierarchySpec:
        """The task with its ways and training classes, cut by how many photographs there are.

        Args:
            spec: The task's words.
            samples: ``label`` and ``taxonomy``; where there is a ``partition``, only its training
                samples are counted.

        Raises:
            InputError: The hierarchy is none, a label is not in it, or a node does not exist.
        """
        labels = label_counts(samples)
        paths = _paths(spec, samples)
        if unplaced := sorted(set(labels) - set(paths)):
            found = ", ".join(unplaced[:5])
            message = f"no place for {found}. Give every label of the manifest its place."
            raise InputError("task", [Problem("hierarchy", "", message)])
        if spec.classes:
            check_labels(spec.classes, labels)
            return spec
        counts = labels
        if "partition" in samples:
            counts = label_counts(samples[samples["partition"] != "test"])
        classes = partition(paths, counts, spec.max_images_per_class)
        _check_nodes(spec, classes)
        # A label that only the test set has belongs to the nearest class that there is.
        for label in sorted(set(labels) - {each for given in classes.values() for each in given}):
            classes[_nearest(paths[label], classes)].append(label)
        filled = {node: tuple(given) for node, given in classes.items()}
        return spec.model_copy(update={"classes": filled, "paths": paths})

    @property
    def distinguished(self) -> str:
        """See ``LabelScoring``."""
        return (
            f"The models tell {len(self.classes)} training classes apart, cut from a hierarchy; "
            f"the metrics compare their sums up the hierarchy: {', '.join(self.evaluated_classes)}."
        )

    @property
    def classes_are(self) -> str:
        """See ``LabelScoring``."""
        return (
            f"{len(self.classes)} training classes were cut from the hierarchy of labels, going "
            f"down until a node had at most {self.spec.max_images_per_class} training photographs; "
            f"models are evaluated by the {counted(len(self.evaluated_classes), 'node')} above "
            "them."
        )

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels' names, in the sweep's order."""
        return tuple(self._levels)

    def classes_at(self, level: str) -> tuple[str, ...]:
        """The classes of a level, each by its way."""
        return self._levels[level][0]

    def probabilities_at(
        self, level: str, probabilities_NK: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(N, J) The training classes' probabilities added up to a level's."""
        return np.asarray(probabilities_NK @ self._levels[level][1])

    def index_at(self, level: str, labels: Sequence[str]) -> NDArray[np.int64]:
        """The index of the class of a level that each label belongs to."""
        of_class = self._levels[level][1].argmax(axis=1)
        return np.asarray(of_class[[self._index[label] for label in labels]], np.int64)

    @property
    def evaluated_classes(self) -> tuple[str, ...]:
        """The classes of the evaluated level."""
        return self.classes_at(self.spec.ranked_level)

    def evaluated(self, probabilities_NK: NDArray[np.float64]) -> NDArray[np.float64]:
        """The probabilities added up to the evaluated level."""
        return self.probabilities_at(self.spec.ranked_level, probabilities_NK)

    def further_classes(
        self, probabilities_NK: NDArray[np.float64]
    ) -> dict[str, tuple[tuple[str, ...], NDArray[np.float64]]]:
        """The classes of each level, and those that were trained on, the ``finest``."""
        levels = {
            level: (self.classes_at(level), self.probabilities_at(level, probabilities_NK))
            for level in self.levels
        }
        return {**levels, "finest": (self.classes, np.asarray(probabilities_NK, np.float64))}

    def evaluated_index(self, labels: Sequence[str]) -> NDArray[np.int64]:
        """The index of the evaluated class of each label."""
        return self.index_at(self.spec.ranked_level, labels)


def _level(classes: Sequence[str], depth: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The classes at a depth, and (K, J) which training class belongs to which."""
    above = [ancestor(path, depth) for path in classes]
    names = tuple(dict.fromkeys(above))
    return names, np.array([[float(name == node) for name in names] for node in above])


def _paths(spec: HierarchySpec, samples: pd.DataFrame) -> dict[str, str]:
    if spec.paths:
        return spec.paths
    if spec.hierarchy:
        try:
            return paths_of(spec.hierarchy)
        except ValueError as error:
            raise InputError("task", [Problem("hierarchy", "", f"{error}.")]) from None
    pairs = samples[["label", "taxonomy"]].drop_duplicates("label").sort_values("taxonomy")
    paths = dict(zip(pairs["label"].tolist(), pairs["taxonomy"].tolist(), strict=True))
    if not any(paths.values()):
        message = (
            "found neither a hierarchy in the sweep nor a column `taxonomy` in the manifest. Write "
            "the hierarchy under task.hierarchy, or give the manifest the column."
        )
        raise InputError("task", [Problem("hierarchy", "", message)])
    return {label: path for label, path in paths.items() if path}


def _check_nodes(spec: HierarchySpec, classes: dict[str, list[str]]) -> None:
    """Checks that the nodes of the ROC curve can be distinguished by the training classes."""
    nodes = {ancestor(path, depth) for path in classes for depth in range(1, path.count("/") + 2)}
    problems = [
        Problem(
            key, "", f'no node "{node}" above the training classes. {did_you_mean(node, nodes)}'
        )
        for key, node in (("positive", spec.positive), ("negative", spec.negative))
        if node is not None and node not in nodes
    ]
    if problems:
        raise InputError("task", problems)


def _nearest(path: str, classes: dict[str, list[str]]) -> str:
    """The class that shares most of the way, the first of equals."""
    names = path.split("/")

    def shared(node: str) -> int:
        pairs = zip(names, node.split("/"), strict=False)
        return next((n for n, (a, b) in enumerate(pairs) if a != b), len(names))

    return max(classes, key=shared)
