"""What a measured manifest holds, as text. Knows the survey; decodes no photo."""

from __future__ import annotations

from collections.abc import Iterator

from foldgrid.data.audit.photo_files import describe_files
from foldgrid.data.audit.scored import survey_warnings
from foldgrid.data.dataset import Survey
from foldgrid.specs.counted import counted


def describe_measured(survey: Survey) -> str:
    """The facts of a measured manifest that reads without mistakes, a fact a line.

    Args:
        survey: The manifest and its photographs.

    Returns:
        How many subjects, cases and photographs, the range of the values with how many photographs
        are in each fifth, and what is odd but usable.
    """
    return "\n".join(_lines(survey))


def _lines(survey: Survey) -> Iterator[str]:
    samples, facts = survey.samples, survey.photo_facts
    cases = samples.loc[samples["case"] != "", "case"].nunique()
    yield f"{survey.manifest.path}: no mistakes"
    yield (
        f"  {counted(samples['subject'].nunique(), 'subject')}, {cases} cases, "
        f"{counted(survey.num_photos, 'photo')} "
        f"({sum(photo.num_bytes for photo in facts) / 1e6:,.1f} MB), data {survey.fingerprint}"
    )
    yield from (f"  {line}" for line in describe_files(facts))
    values = samples["value"]
    yield f"  values     {values.min():g} to {values.max():g}, median {values.median():g}"
    for _, rows in samples.groupby("band"):
        ends = f"{rows['value'].min():g} to {rows['value'].max():g}"
        yield (
            f"    {ends:22} {counted(rows['subject'].nunique(), 'subject')}, "
            f"{counted(len(rows), 'photo')}"
        )
    warnings = survey_warnings(survey)
    if warnings:
        yield counted(len(warnings), "warning")
    yield from (f"  {each.where}  {each.what}  {each.message}" for each in warnings)
