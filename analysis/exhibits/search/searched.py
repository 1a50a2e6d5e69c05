"""What was searched, and how."""

from __future__ import annotations

from functools import partial

import pandas as pd

from foldgrid.analysis.drawing.blocks import Cell, Column, Pairs, Section, Table, cells
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.exhibits.provenance import launch_facts, versions
from foldgrid.analysis.search.run import SearchRun, StudyFacts
from foldgrid.analysis.search.summary import describe_value
from foldgrid.metrics import METRICS
from foldgrid.specs.search_space import describe


def searched_section(run: SearchRun) -> Section:
    """The space, the sampler, the scheduler, and what was recorded of the launches."""
    settings = run.studies[0].results.plan.settings
    facts = run.sweep
    pairs = [
        ("Objectives", ", ".join(METRICS[name].description for name in settings.objectives)),
        ("Sampler", settings.sampler),
        ("Scheduler", settings.scheduling.report(settings, settings.own)),
        ("Trials asked for", str(settings.num_trials) + _each(run)),
        ("Seed", str(facts.get("seed", ""))),
        ("Budget", str(facts.get("budget") or "")),
        ("Data fingerprint", str(run.provenance.get("data_fingerprint") or "")),
        *launch_facts(run),
        ("Versions", versions(run)),
    ]
    shown = Pairs(tuple((name, value) for name, value in pairs if value))
    lead = (
        "Each trial is one configuration, trained on all folds side by side; its score is over "
        "the whole training set, predicted out of fold. The test set was not there."
    )
    recorded = partial(pd.DataFrame, shown.pairs, columns=["name", "value"])
    blocks = (space_table(run.studies[0]), shown)
    return Section(lead, blocks, further={"recorded": recorded})


def _each(run: SearchRun) -> str:
    return " for each backbone" if len(run.studies) > 1 else ""


def space_table(study: StudyFacts) -> Table:
    """The parameters: their ranges, the sweep's default configuration, and the best values."""
    results = study.results
    own = next((trial for trial in results.trials if trial.number == 0), None)
    rows = []
    for name, parameter in results.plan.space.parameters.items():
        when = "; ".join(
            f"when {other} is {', '.join(map(str, allowed))}"
            for other, allowed in parameter.when.items()
        )
        row = (name, Cell(describe(parameter), note=when))
        first = results.entry.first.get(name)
        value = describe_value(results.value(own, name) if own else first)
        best = describe_value(results.value(study.best, name)) if study.best else "–"
        rows.append(cells(*row, value, best))
    columns = (Column("Parameter"), Column("Could be"), Column("Default", True),
               Column("Best", True))  # fmt: skip
    return Table("space", "The search space", columns, tuple(rows), partial(_frame, study))


def _frame(study: StudyFacts) -> pd.DataFrame:
    """A row a parameter: what it could be, the sweep's own value and the best trial's."""
    results = study.results
    own = next((trial for trial in results.trials if trial.number == 0), None)
    return pd.DataFrame(
        {
            "parameter": name,
            "could_be": describe(parameter),
            "own": results.value(own, name) if own else results.entry.first.get(name),
            "best": results.value(study.best, name) if study.best else None,
        }
        for name, parameter in results.plan.space.parameters.items()
    )


SEARCHED = Exhibit("searched", "What was searched", searched_section, of="search")
