"""Where the results come from: data, split, software, machines, seeds, weights."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any

import pandas as pd

from foldgrid.analysis.drawing.blocks import Column, Pairs, Section, Table, cells
from foldgrid.analysis.drawing.numbers import UNDEFINED, count, format_number
from foldgrid.analysis.exhibit import Exhibit
from foldgrid.analysis.run import RecordedRun, Run


def provenance(run: Run) -> list[tuple[str, str]]:
    """What was recorded of the launch and of the fits, as names and values.

    Nothing that names a person's machine or folder: a report is mailed around.

    Args:
        run: The opened run.
    """
    recorded = run.provenance
    table = run.evaluation.table
    devices = sorted({record.environment.get("device", "") for record in run.records.values()})
    pairs = [
        *launch_facts(run),
        (
            "Data fingerprint",
            str(recorded.get("data_fingerprint") or table.config.data_fingerprint),
        ),
        ("Split fingerprint", table.config.split_fingerprint),
        ("Seed", str(table.config.seed)),
        ("Budget", table.config.budget),
        ("Fits", f"{len(run.records)} finished of {len(run.plan)} planned"),
        ("Devices", ", ".join(filter(None, devices))),
        ("Training time", _hours(run)),
        ("Versions", versions(run)),
        ("Ranking made from", run.ranking.made_from),
    ]
    return [(name, value) for name, value in pairs if value]


def launch_facts(run: RecordedRun) -> list[tuple[str, str]]:
    """When and how a run folder was launched, as names and values; "" where not recorded.

    Args:
        run: What its launches wrote down.
    """
    recorded = run.provenance
    return [
        ("Last launched", str(recorded.get("started_at") or "")),
        ("Earlier launches", str(len(recorded.get("earlier_launches") or []) or "")),
        ("Command", _command(recorded.get("command") or [])),
        ("Git commit", _commit(recorded.get("git") or {})),
    ]


def versions(run: RecordedRun) -> str:
    """The versions of the software, in one line.

    Args:
        run: What its launches wrote down.
    """
    recorded = run.provenance.get("versions") or {}
    return ", ".join(f"{name} {value}" for name, value in recorded.items() if value)


def weights(run: Run) -> list[tuple[str, str, str, str]]:
    """The pre-trained weights by file: the base learner's name, the file, SHA-256 and licence.

    Args:
        run: The opened run.

    Returns:
        Empty where every fit started from random weights.
    """
    found: dict[tuple[str, str, str, str], None] = {}
    for record in run.records.values():
        given = record.weights
        if given.source != "random":
            file, digest = given.file or given.source, given.sha256 or UNDEFINED
            found[record.config.backbone, file, digest, given.licence or UNDEFINED] = None
    return list(found)


def provenance_section(run: Run) -> Section:
    """What was recorded, and the weight files with their hashes."""
    pairs = provenance(run)
    blocks: list[Pairs | Table] = [Pairs(tuple(pairs))]
    files = weights(run)
    if files:
        titles = ("Base learner", "Weights", "SHA-256", "Licence")
        columns = tuple(Column(title) for title in titles)
        rows = tuple(cells(*each) for each in files)
        names = ["model", "weights", "sha256", "licence"]
        frame = partial(pd.DataFrame, files, columns=names)
        blocks.append(Table("weights", "Pre-trained weights", columns, rows, frame))
    lead = "What ran, on what, with what. The run folder holds all of it as files."
    recorded = partial(pd.DataFrame, pairs, columns=["name", "value"])
    return Section(lead, tuple(blocks), further={"recorded": recorded})


def _command(words: list[str]) -> str:
    return shlex.join(["python", *words]) if words else ""


def _commit(git: dict[str, Any]) -> str:
    commit = str(git.get("commit") or "")
    return f"{commit} with uncommitted changes" if commit and git.get("dirty") else commit


def _hours(run: Run) -> str:
    seconds = sum(record.timings.get("total", 0.0) for record in run.records.values())
    if seconds > 7200:
        text = f"{format_number(seconds / 3600, 1)} hours"
    else:
        text = f"{seconds / 60:.0f} minutes" if seconds > 120 else f"{seconds:.0f} seconds"
    return f"{text}, summed over {count(len(run.records), 'fit')}" if run.records else ""


PROVENANCE = Exhibit("provenance", "Provenance", provenance_section)
