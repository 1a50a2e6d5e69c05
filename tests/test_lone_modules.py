"""A module with a single caller has a reason to be a module, and the reason stands here.

A wall is worth its line where people open the room by it (a command, a face), where a registry or
an entry point names it, where it is one of several of a kind, or where it would make its caller
longer than a sitting. Everything else belongs into its caller.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = {"foldgrid": ROOT / "src/foldgrid", "foldgrid.analysis": ROOT / "analysis"}

OF_A_KIND = {
    "foldgrid.cli.*": "a command, loaded when it is asked for",
    "foldgrid.tracking.*": "a tracker, or a part of what tells them",
    "foldgrid.models.sources.*": "a source of networks",
    "foldgrid.search.schedulers.*": "a scheduler",
    "foldgrid.search.storage.*": "a place where a search remembers",
    "foldgrid.optimizers.*": "an optimiser",
    "foldgrid.launching.given.*": "a kind of table that a sweep is given",
    "foldgrid.heads.*": "a head",
    "foldgrid.tasks.*": "a task, or a part of one",
    "foldgrid.metrics.*": "a family of metrics",
    "foldgrid.simulation.labelled.*": "a simulated study, or what one is painted with",
    "foldgrid.data.audit.*": "what one kind of manifest is looked at for",
    "foldgrid.data.manifest.*": "a kind of manifest",
    "foldgrid.analysis.checks.*_checks": "checks of one subject, which the catalogue lists",
    "foldgrid.analysis.checks.label_permutation_check": "a check, which the catalogue lists",
    "foldgrid.analysis.exhibits.*": "an exhibit, or a part of one that is long enough",
    "foldgrid.analysis.report.*": "a part of the page",
    "foldgrid.analysis.stacking.*": "a family of meta-learners",
}
"""Several of a kind: what they are, by the names that they share."""

REASONS = {
    "foldgrid.analysis.checks.printing": "how it is printed: rich is loaded for it",
    "foldgrid.analysis.checks.shuffled_skill": "statistics, apart from the check that words them",
    "foldgrid.analysis.comparison.formats": "how it is printed: rich is loaded for it",
    "foldgrid.analysis.comparison.notes": "what a comparison says, in words; its caller is long",
    "foldgrid.analysis.comparison.settings": "in what two sweeps differ; its caller is long",
    "foldgrid.api": "a part of the face; `import foldgrid` names it",
    "foldgrid.registering": "a part of the face; `import foldgrid` names it",
    "foldgrid.analysis.opening": "a grid or a search, whichever a run folder holds",
    "foldgrid.analysis.predictions.given": "a table from elsewhere, checked",
    "foldgrid.analysis.published.comparability": "what may be compared; its caller is long",
    "foldgrid.analysis.published.published_classes": "the figures of another study, as data",
    "foldgrid.analysis.published.published_formats": "how it is printed: rich is loaded for it",
    "foldgrid.analysis.published.published_parameters": "the figures of another study, as data",
    "foldgrid.analysis.statistics.assessing": "intervals and tests, apart from the ranking",
    "foldgrid.analysis.statistics.critical_difference": "one known test, held to the literature",
    "foldgrid.data.colour_profiles": "colour management, apart from what a tile is",
    "foldgrid.data.dicom": "a format of its own, read by an extra",
    "foldgrid.data.picture_files": "what files hold pictures; its caller is long",
    "foldgrid.data.label_permutation": "shuffled truths, apart from the plan that asks for them",
    "foldgrid.data.overlays": "pixels of two pictures, apart from hashes; its caller is long",
    "foldgrid.data.group_balance": "an algorithm of its own, tested by properties",
    "foldgrid.models.folding": "an algorithm of its own, tested apart",
    "foldgrid.describe.comparison_formats": "how it is printed: rich is loaded for it",
    "foldgrid.describe.listing": "a command's content; its caller is long",
    "foldgrid.describe.formats": "how it is printed: rich is loaded for it",
    "foldgrid.execution.inline": "one of two executors",
    "foldgrid.execution.ray_tune": "one of two executors: Ray is loaded for it",
    "foldgrid.execution.worker": "what runs in Ray's workers, apart from who asks them",
    "foldgrid.launching.feature_tasks": "what runs before the fits; its caller is long",
    "foldgrid.launching.planning.data_text": "the plan's words on data; its caller is long",
    "foldgrid.launching.progress.display": "facts and panel of a running launch",
    "foldgrid.launching.progress.launch_log": "a file of the run folder",
    "foldgrid.launching.progress.status": "what --status prints: loads no torch",
    "foldgrid.models.parameter_groups": "an algorithm of its own, held to timm's",
    "foldgrid.predict.photographs": "the room's face for pictures",
    "foldgrid.predict.visits": "the room's face for visits",
    "foldgrid.records.object_store": "S3's manners, apart from those of folders",
    "foldgrid.search.display": "a line a trial",
    "foldgrid.search.lockstep": "what trains a trial, for executors: loads torch",
    "foldgrid.search.retrain_corrupt": "what mends; its caller is long",
    "foldgrid.search.retries": "which trials are tried again; its caller is long",
    "foldgrid.search.study_feed": "asks Optuna, apart from the launch",
    "foldgrid.search.sync": "a search's runs for trackers",
    "foldgrid.sessions": "from a sweep's file to what runs it: loads torch",
    "foldgrid.simulation.labelled.studies": "the painters: a complete study needs none",
    "foldgrid.simulation.pasi.course": "the scores, before anything is drawn",
    "foldgrid.simulation.pasi.sheet": "a picture of a study, for people",
    "foldgrid.simulation.pasi.writing": "the files of a study, apart from its pictures",
    "foldgrid.training.early_stopping": "one known part of training",
    "foldgrid.training.random_state": "all generators of a process, for fits in turn",
    "foldgrid.training.mixing": "one known part of training",
    "foldgrid.training.schedule": "one known part of training",
}
"""Why each other lone module is one."""


def product_modules() -> dict[str, Path]:
    return {
        ".".join((name, *path.relative_to(room).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for name, room in ROOMS.items()
        for path in room.rglob("*.py")
    }


def callers_of(modules: dict[str, Path]) -> dict[str, set[str]]:
    """The modules that import each one: at the top, in a function, or for its types."""
    callers = defaultdict(set)
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                whole = [f"{node.module}.{each.name}" for each in node.names]
                imported = [each if each in modules else node.module for each in whole]
            else:
                continue
            for each in imported:
                if each != name:
                    callers[each].add(name)
    return callers


def test_every_module_with_one_caller_has_its_reason() -> None:
    modules = product_modules()
    assert len(modules) > 300
    callers = callers_of(modules)
    lone = {
        name
        for name, path in modules.items()
        if len(callers[name]) == 1 and path.name != "__init__.py"
    }
    unexplained = {
        f"{name} (called by {' '.join(callers[name])})"
        for name in lone - set(REASONS)
        if not any(fnmatchcase(name, pattern) for pattern in OF_A_KIND)
    }
    assert unexplained == set(), "merge it into its caller, or say here why it is a module"
    assert set(REASONS) - set(modules) == set(), "these are gone"
    assert set(REASONS) & set(modules) - lone == set(), "these have several callers by now"
