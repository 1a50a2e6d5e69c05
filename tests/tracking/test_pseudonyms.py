"""Pseudonyms: stable, keyed, apart from each other; the key safe from others and from ourselves."""

import re
import stat
import threading

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.specs.errors import InputError
from foldgrid.tracking.pseudonyms import KEY_NAME, Pseudonyms, pseudonymise

KEYED = Pseudonyms(b"k" * 32)


def test_the_key_is_the_owners_alone(tmp_path):
    Pseudonyms.open(tmp_path / "runs")
    key = tmp_path / "runs" / KEY_NAME
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32
    assert [path.name for path in key.parent.iterdir()] == [KEY_NAME]


def test_the_same_folder_gives_the_same_pseudonyms(tmp_path):
    first = Pseudonyms.open(tmp_path).pseudonym("Ada")
    assert Pseudonyms.open(tmp_path).pseudonym("Ada") == first
    assert re.fullmatch(r"P-[0-9a-f]{10}", first)


def test_another_key_gives_other_pseudonyms(tmp_path):
    one, other = Pseudonyms.open(tmp_path / "one"), Pseudonyms.open(tmp_path / "other")
    assert one.pseudonym("Ada") != other.pseudonym("Ada")


def test_the_holder_of_the_key_finds_the_subject_and_nobody_else(tmp_path):
    ward = [f"S{number:03}" for number in range(200)]
    secret = Pseudonyms.open(tmp_path).pseudonym("S042")
    assert [name for name in ward if Pseudonyms.open(tmp_path).pseudonym(name) == secret] == [
        "S042"
    ]
    assert [name for name in ward if KEYED.pseudonym(name) == secret] == []


def test_launches_at_the_same_time_agree_on_one_key(tmp_path):
    seen = []
    barrier = threading.Barrier(8)

    def launch():
        barrier.wait()
        seen.append(Pseudonyms.open(tmp_path).pseudonym("Ada"))

    threads = [threading.Thread(target=launch) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1


def test_a_corrupt_key_is_never_replaced(tmp_path):
    (tmp_path / KEY_NAME).write_bytes(b"short")
    with pytest.raises(InputError, match="found 5 bytes; a key has 32"):
        Pseudonyms.open(tmp_path)
    assert (tmp_path / KEY_NAME).read_bytes() == b"short"


@given(st.sets(st.text(max_size=20), min_size=2, max_size=50))
def test_no_two_subjects_share_a_pseudonym(subjects):
    assert len({KEYED.pseudonym(subject) for subject in subjects}) == len(subjects)


def test_visits_are_counted_by_day_and_rows_keep_their_order():
    frame = pd.DataFrame(
        {
            "subject": ["B", "A", "A", "A", "B"],
            "visit": ["v9", "v10", "v2", "v10", "v1"],
            "day": [0, 70, 14, 70, 28],
            "true": [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    )
    safe = pseudonymise(frame, KEYED)
    assert safe["visit_number"].tolist() == [1, 2, 1, 2, 2]
    assert safe["true"].tolist() == frame["true"].tolist()
    assert safe["subject"].tolist() == [KEYED.pseudonym(name) for name in frame["subject"]]
    assert "visit" not in safe
    assert "visit" in frame


def test_without_days_visits_are_counted_in_natural_order():
    frame = pd.DataFrame({"subject": "A", "visit": ["v10", "v2", "baseline", "v1"]})
    assert pseudonymise(frame, KEYED)["visit_number"].tolist() == [4, 3, 1, 2]


def test_a_visit_without_a_day_comes_last():
    frame = pd.DataFrame({"subject": "A", "visit": ["a", "b"], "day": [float("nan"), 3.0]})
    assert pseudonymise(frame, KEYED)["visit_number"].tolist() == [2, 1]


def test_a_number_and_its_text_are_one_subject():
    assert KEYED.pseudonym(7) == KEYED.pseudonym("7")
