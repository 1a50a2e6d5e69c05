"""A checksum tells every change of a bit and every tear, and takes what has none as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foldgrid.records.state_checksum import HEADER_BYTES, checksummed_state, open_state
from foldgrid.specs.checksums import (
    DIGEST_KEY,
    FileChecksum,
    checksummed_json,
    checksummed_text,
    open_checksummed,
    open_json,
    open_text,
)
from foldgrid.specs.errors import CorruptFileError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
CONTENTS = st.dictionaries(st.text().filter(lambda key: key not in (DIGEST_KEY, "files")), VALUES)


def flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position % len(data)] ^= 1 << bit
    return bytes(changed)


@given(CONTENTS, st.binary())
def test_what_has_a_checksum_is_opened(content: dict[str, Any], other: bytes) -> None:
    assert open_json(checksummed_json(content), "a.json") == content
    checksums = {"other": FileChecksum.of(other)}
    assert open_checksummed(checksummed_json(content, checksums), "a.json") == (content, checksums)
    assert checksums["other"].fault_of(other) == ""


@given(CONTENTS, st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_of_a_json_file_is_found_or_changes_nothing(
    content: dict[str, Any], position: int, bit: int
) -> None:
    try:
        opened = open_json(flipped(checksummed_json(content), position, bit), "a.json")
    except CorruptFileError:
        return
    if opened != content:
        # In the checksum's own name: then it is a key that no record knows.
        assert len(opened) == len(content) + 1
        assert {key: opened.get(key) for key in content} == content


@given(CONTENTS, st.floats(0, 1))
def test_a_torn_json_file_is_found(content: dict[str, Any], where: float) -> None:
    data = checksummed_json(content)
    # The last byte is the line's end, which says nothing.
    with pytest.raises(CorruptFileError, match=r"^a\.json: (empty|cannot be read)"):
        open_json(data[: int(where * (len(data) - 2))], "a.json")


@given(CONTENTS)
def test_json_without_a_checksum_is_taken_as_it_is(content: dict[str, Any]) -> None:
    assert open_json(json.dumps(content).encode(), "a.json") == content


@given(st.text(), st.integers(0), st.integers(0, 7))
def test_a_flipped_bit_of_a_text_is_found_or_changes_nothing(
    text: str, position: int, bit: int
) -> None:
    data = checksummed_text(text)
    assert open_text(data, "a.yaml") == text.encode()
    try:
        opened = open_text(flipped(data, position, bit), "a.yaml")
    except CorruptFileError:
        return
    assert opened.endswith(text.encode())


@given(st.text(min_size=1), st.floats(0, 1))
def test_a_torn_text_is_found(text: str, where: float) -> None:
    body = len(text.encode())
    with pytest.raises(CorruptFileError, match="not what was written"):
        open_text(checksummed_text(text)[: -max(1, int(where * body))], "a.yaml")


@given(st.binary(), st.integers(0), st.integers(0, 7), st.floats(0, 1))
def test_a_corrupt_state_is_none(state: bytes, position: int, bit: int, where: float) -> None:
    checksummed = checksummed_state(state)
    assert open_state(checksummed) == (state, "")
    for corrupt in (
        flipped(checksummed, position, bit),
        checksummed[: int(where * (len(checksummed) - 1))],
        checksummed + b"!",
        checksummed[HEADER_BYTES:],
    ):
        opened, fault = open_state(corrupt)
        assert opened is None
        assert fault


@given(st.binary(), st.binary())
def test_a_file_checksum_tells_other_contents(one: bytes, other: bytes) -> None:
    fault = FileChecksum.of(one).fault_of(other)
    assert bool(fault) == (one != other)
    assert FileChecksum.of(bytes(5120)).fault_of(bytes(1024)) == "1,024 bytes, 5,120 were written"
