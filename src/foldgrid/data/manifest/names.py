"""Names of subjects, visits, cases and labels: which may be two spellings of one, or nobody's.

Knows text and rows; does not know whose names they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

from foldgrid.data.manifest.checks import rows_text
from foldgrid.data.manifest.rows import DISTINCT, PERSON_UNKNOWN
from foldgrid.specs.errors import Problem


def find_lookalikes(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects, and visits of a subject, that are spelled differently and may be the same.

    They are mistakes, not warnings: one person under two names would be split in two.
    """
    problems = lookalike_names(photos, "subject", way_out=DISTINCT)
    for subject, rows in photos.groupby("subject", sort=False):
        problems += lookalike_names(rows, "visit", f' of subject "{subject}"', way_out=DISTINCT)
    return problems


def lookalike_names(
    rows: pd.DataFrame, column: str, of: str = "", ignoring: str = "", way_out: str = ""
) -> list[Problem]:
    """Find names in a column that differ in spelling alone: case, blanks, accents' code, zeros.

    Args:
        rows: The rows.
        column: Where the names are.
        of: Whose names they are, for the message: ' of subject "001"'.
        ignoring: Characters that tell no names apart either.
        way_out: A column of ``rows`` that says where names are distinct as they are written; "":
            there is none.
    """
    rows_of: dict[str, list[int]] = {}
    for name, row in zip(rows[column], rows["row"], strict=True):
        rows_of.setdefault(name, []).append(row)
    meant = set(rows.loc[rows[way_out], column]) if way_out else set()
    spellings: dict[str, list[str]] = {}
    for name in rows_of:
        spellings.setdefault(same_name(name, ignoring), []).append(name)
    return [
        Problem(
            rows_text(row for name in names for row in rows_of[name]),
            column,
            "found " + " and ".join(f'"{name}"' for name in names) + _alike(names, of, way_out),
        )
        for names in spellings.values()
        # One of them may stay unsaid: it differs from the others because they differ from it.
        if len(names) > 1 and len(set(names) - meant) > 1
    ]


def _alike(names: Sequence[str], of: str, way_out: str) -> str:
    """In what the names are the same, and what to do about it."""
    if len({plain_name(name) for name in names}) == 1:
        what, how = "which look the same", "more than case or blanks"
    elif len({same_name(name) for name in names}) == 1:
        what, how = "which are the same number", "more than zeros"
    else:
        what, how = "which look the same", "more than case, blanks or punctuation"
    flag = f' or write "yes" in a column {way_out}' if way_out else ""
    return f"{of}, {what}. Write one of them; where they are two, tell them apart by {how}{flag}."


def same_name(name: str, ignoring: str = "") -> str:
    """A name in the one form that all of its spellings share.

    Numbers are compared as numbers (``007``, ``7``, ``7.0`` and ``7E0``), other names without
    case, blanks and the zeros in front of their numbers (``P-007`` and ``p-7``): what spreadsheets
    and statistics programs change without being asked.

    Args:
        name: A subject, a visit, a label.
        ignoring: Characters that tell no names apart; those of a number do.

    Example:
        >>> same_name("007") == same_name("7.0"), same_name("1.10") == same_name("1.11")
        (True, False)
        >>> same_name("P-007"), same_name("1-10")
        ('p-7', '1-10')
    """
    plain = plain_name(name)
    if number := NUMBER.fullmatch(plain):
        sign, whole, part, power = (each or "" for each in number.groups())
        digits = (whole + part).lstrip("0")
        # Exact: as floats, identifiers of 17 digits that differ would be equal.
        exponent = int(power or 0) - len(part) + len(digits) - len(digits.rstrip("0"))
        return f"{sign.strip('+')}{digits.rstrip('0')}e{exponent}" if digits else "0"
    if ignoring:
        # Between letters alone: HER2- and HER2 are a finding and its opposite.
        plain = re.sub(rf"(?<=\w)[{re.escape(ignoring)}]+(?=\w)", "", plain)
    return ZEROS_IN_FRONT.sub("", plain)


NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?(?:e([+-]?[0-9]{1,4}))?")
ZEROS_IN_FRONT = re.compile(r"(?<![0-9])0+(?=[0-9])")


def plain_name(name: str) -> str:
    """A name without what the eye passes over: case, blanks, and how accents are coded."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def find_odd_subjects(photos: pd.DataFrame) -> list[Problem]:
    """Find subjects that are usable, and may not be what they should be: persons."""
    return [*_rounded_names(photos), *_unknown_persons(photos), *_crowds(photos)]


NOBODY = frozenset(
    ("unknown", "unk", "none", "nan", "na", "n/a", "null", "missing", "anonymous", "?", "-", "x")
)
FEWEST_OTHERS = 3


def _crowds(photos: pd.DataFrame) -> list[Problem]:
    """Subjects that may stand for several people: half of all photographs, or a name of nobody."""
    counts = photos["subject"].value_counts()
    return [
        Problem(
            rows_text(photos.loc[photos["subject"] == name, "row"]),
            "subject",
            f'"{name}" has {number:,} of {len(photos):,} photographs. Where it stands for people '
            "whose names are not known, they count as one person here: give each a name.",
        )
        for name, number in counts.items()
        if (2 * number >= len(photos) and len(counts) > FEWEST_OTHERS)
        or (number > 1 and plain_name(str(name)) in NOBODY)
    ]


def _unknown_persons(photos: pd.DataFrame) -> list[Problem]:
    persons = photos[PERSON_UNKNOWN]
    return [
        Problem(
            rows_text(photos.loc[persons == person, "row"]),
            PERSON_UNKNOWN,
            f"the {person} is unknown, so pictures of one {person} may be in training and test. "
            f"Values are optimistic for a new {person}.",
        )
        for person in dict.fromkeys(persons)
        if person
    ]


def _rounded_names(photos: pd.DataFrame) -> list[Problem]:
    rounded = photos[photos["subject"].str.fullmatch(ROUNDED)]
    return [
        Problem(
            rows_text(rows["row"]),
            "subject",
            f'"{name}" looks like a longer number that a spreadsheet rounded: other subjects may '
            "have become the same. Format the column as text and export it again.",
        )
        for name, rows in rounded.groupby("subject", sort=False)
    ]


ROUNDED = re.compile(r"[0-9][.,][0-9]+[eE]\+[0-9]{2,}")
"""How spreadsheets write whole numbers of more than 11 digits."""
