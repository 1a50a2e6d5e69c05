"""The data of a sweep in words: what is there, how it is split, what is too rare to be evaluated.

Knows the survey and the split; counts, and names no subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pandas as pd

from foldgrid.data.audit.exclusions import EXCLUSIONS, PENDING, REJECTED, review_reasons
from foldgrid.data.dataset import Survey, tile_rows
from foldgrid.data.photographs import DEEP_BITS
from foldgrid.data.splits import SEARCH, TEST, TRAIN, Split
from foldgrid.specs.counted import counted
from foldgrid.specs.label_permutation import PermutationName
from foldgrid.specs.samples import SampleKind
from foldgrid.specs.sweep import DataSpec
from foldgrid.specs.synthetic import StudySettings

MOST_CLASSES = 12
MOST_PROFILES_NAMED = 3
MOST_RARE_CLASSES = 6


def data_facts(survey: Survey, data: DataSpec, split: Split) -> list[tuple[str, str]]:
    """The plan's rows about the data, as (topic, words)."""
    return [*FACTS[survey.layout.kind](survey, data, split), *_reading(survey)]


def _reading(survey: Survey) -> Rows:
    """How stored numbers become colours, where some photographs ask for more than taking them."""
    facts, rows = survey.photo_facts, []
    profiles = Counter(fact.profile for fact in facts if fact.profile)
    if profiles:
        named = ", ".join(name for name, _ in profiles.most_common(MOST_PROFILES_NAMED))
        have = "has" if profiles.total() == 1 else "have"
        words = f"{counted(profiles.total(), 'photograph')} {have} a colour profile ({named})"
        done = {
            "managed": "and converted to sRGB",
            "as_stored": "which is not applied, by `data.colour: as_stored` or because this run "
            "folder began so; `managed` converts to sRGB, and trains anew",
        }
        rows.append(("colour", f"{words}, {done[survey.reading.colour]}"))
    deep = sum(fact.is_deep for fact in facts)
    if deep and survey.reading.bits != DEEP_BITS:
        words = f"{counted(deep, 'photograph')} of 16 bits, of which {survey.reading.bits} are used"
        rows.append(("bits", words))
    return rows


def split_words(survey: Survey, split: Split, num_seeds: int) -> str:
    """The sizes of both sides, and how unlike they are."""
    table = split.table

    def size(part: str) -> str:
        rows = table[table["partition"] == part]
        units = counted(len(rows), "photograph")
        if survey.layout.weighs_visits:
            units = counted(len(rows[["subject", "visit"]].drop_duplicates()), "visit")
        return f"{units} of {counted(rows['subject'].nunique(), 'subject')}"

    aside = f", for searches {size(SEARCH)}" if SEARCH in set(table["partition"]) else ""
    return (
        f"train {size(TRAIN)}{aside}, test {size(TEST)}; imbalance {split.imbalance:.3f} "
        f"(folds {split.fold_imbalance:.3f}), best of {num_seeds}"
    )


def permutation_words(survey: Survey, name: PermutationName) -> str:
    """What the label permutation does to the targets."""
    given = SHUFFLED[survey.layout.kind]
    return (
        f"{name}: every subject gets the {given} of another, drawn at random; whatever skill "
        "remains is a leak. Same split, own run folder"
    )


Rows = list[tuple[str, str]]


def _of_mosaics(survey: Survey, _data: DataSpec, _split: Split) -> Rows:
    return [("data", _described_mosaics(survey))]


def _of_labels(survey: Survey, data: DataSpec, split: Split) -> Rows:
    rows = [
        ("data", _photographs(survey, data)),
        *_left_out(survey),
        ("classes", _classes(survey)),
    ]
    rare = _rare_classes(split.table)
    return [*rows, ("rare classes", rare)] if rare else rows


def _left_out(survey: Survey) -> Rows:
    """What is left out, and what was reviewed and is not."""
    rows = [("left out", f"{survey.left_out}")] if survey.left_out else []
    said = review_reasons(tile_rows(survey))
    marked = [each for each in (REJECTED, PENDING) if (said == each).any()]
    if marked:
        counts = " and ".join(f"{int((said == each).sum())} {each}" for each in marked)
        keys = ", ".join(each for each, own in EXCLUSIONS.items() if own[0] in marked)
        words = f"{counts} of {counted(len(said), 'photograph')} are among them; "
        rows.append(("reviews", f"{words}`data.exclude: [{keys}]` leaves them out"))
    return rows


def _of_values(survey: Survey, data: DataSpec, _split: Split) -> Rows:
    values = survey.samples["value"]
    words = (
        f"{values.min():g} to {values.max():g}, median {values.median():g}; half are from "
        f"{values.quantile(0.25):g} to {values.quantile(0.75):g}"
    )
    return [("data", _photographs(survey, data)), ("values", words)]


FACTS: Mapping[SampleKind, Callable[[Survey, DataSpec, Split], Rows]] = MappingProxyType(
    {"mosaics": _of_mosaics, "single": _of_labels, "measured": _of_values}
)
"""What a plan says of the data, by kind of samples."""

SHUFFLED: Mapping[SampleKind, str] = MappingProxyType(
    {
        "mosaics": "scores of a visit",
        "single": "label of a photograph",
        "measured": "value of a photograph",
    }
)
"""What a label permutation gives every subject."""


def _described_mosaics(survey: Survey) -> str:
    source = "the embedded synthetic trial" if survey.is_synthetic else str(survey.manifest.path)
    samples = survey.samples
    visits = samples[["subject", "visit"]].drop_duplicates()
    return (
        f"{source}: {counted(samples['subject'].nunique(), 'subject')}, "
        f"{counted(len(visits), 'visit')}, "
        f"{counted(survey.num_photos, 'photograph')}; {counted(len(samples), 'mosaic')} of "
        f"{_side(survey)}"
    )


def _photographs(survey: Survey, data: DataSpec) -> str:
    source = str(survey.manifest.path)
    if data.manifest is None and data.example is not None:
        source = f"the example study {data.example}"
    elif survey.is_synthetic and isinstance(data.synthetic, StudySettings):
        source = f"the embedded study {data.synthetic.study}"
    samples = survey.samples
    counts = [counted(samples["subject"].nunique(), "subject")]
    cases = samples.loc[samples["case"] != "", ["subject", "case"]].drop_duplicates()
    if len(cases):
        counts.append(counted(len(cases), "case"))
    return (
        f"{source}: {', '.join(counts)}, {counted(survey.num_photos, 'photograph')} of "
        f"{_side(survey)}"
    )


def _side(survey: Survey) -> str:
    side = survey.grid * survey.tile_pixels
    return f"{side}x{side} ({'cached' if survey.is_cached else 'to be decoded once'})"


def _classes(survey: Survey) -> str:
    counts = survey.samples["label"].value_counts(sort=False).sort_index()
    counts = counts.sort_values(ascending=False, kind="stable")
    words = [f"{name} {count}" for name, count in counts.items()]
    raters = len(survey.target_columns) - len(survey.layout.targets)
    graded = f"; {counted(raters, 'rater')}" if raters else ""
    return f"{len(words)}, by photographs: {_some(words, MOST_CLASSES)}{graded}"


def _rare_classes(split: pd.DataFrame) -> str:
    """Classes of which some fold has nobody; nothing where every fold has somebody of each."""
    num_folds = int(split["fold"].max()) + 1
    of_class = split.assign(is_train=split["partition"] == TRAIN).groupby("label")
    subjects = {
        str(label): rows.loc[rows["is_train"], "subject"].nunique() for label, rows in of_class
    }
    rare = sorted((count, label) for label, count in subjects.items() if count < num_folds)
    if not rare:
        return ""
    words = [f"{label} {count}" for count, label in rare]
    return (
        f"{len(rare)} of {len(subjects)} have fewer subjects in training than there are folds "
        f"({num_folds}), so some folds hold nobody of them: {_some(words, MOST_RARE_CLASSES)}"
    )


def _some(words: Iterable[str], most: int) -> str:
    listed = list(words)
    more = f", and {len(listed) - most} more" if len(listed) > most else ""
    return f"{', '.join(listed[:most])}{more}"
