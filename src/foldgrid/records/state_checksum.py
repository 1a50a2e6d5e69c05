"""States to go on from, checksummed: ``last.pt`` of a fit and ``state.pt`` of a trial.

What ``torch.save`` writes is a zip archive whose checksums ``torch.load`` does not look at: a
flipped bit in a weight would be trained on. So the archive lies in an envelope with its length
and its SHA-256, and whatever does not agree with it is no state.
"""

from __future__ import annotations

import hashlib

MAGIC = b"foldgrid state 1\n"
LENGTH_BYTES, DIGEST_BYTES = 8, 32
HEADER_BYTES = len(MAGIC) + LENGTH_BYTES + DIGEST_BYTES


def checksummed_state(state: bytes) -> bytes:
    """The state in its envelope."""
    length = len(state).to_bytes(LENGTH_BYTES, "big")
    return b"".join((MAGIC, length, hashlib.sha256(length + state).digest(), state))


def open_state(data: bytes) -> tuple[bytes | None, str]:
    """The state, or nothing and what is wrong with it.

    A state of an earlier version, without an envelope, is none either: whoever asks begins anew.
    """
    if not data.startswith(MAGIC):
        return None, "no state of this version"
    start = len(MAGIC)
    length = data[start : start + LENGTH_BYTES]
    digest = data[start + LENGTH_BYTES : HEADER_BYTES]
    state = memoryview(data)[HEADER_BYTES:]
    num_bytes = int.from_bytes(length, "big")
    if len(data) < HEADER_BYTES or len(state) != num_bytes:
        return None, f"{len(data):,} bytes, {HEADER_BYTES + num_bytes:,} were written"
    sha256 = hashlib.sha256(length)
    sha256.update(state)
    if sha256.digest() != digest:
        return None, "not what was written (its checksum differs)"
    return bytes(state), ""
