"""Reads a ``.wandb`` file: LevelDB log framing around W&B's protobuf records.

wandb itself reads these files only inside its compiled service, so the framing is read here. The
format: a header of 7 bytes (``:W&B``, the number 0xBEE1, the version 0), then blocks of 32 KiB. In
a block, chunks of a CRC-32 over kind and data (4 bytes), a length (2), a kind (1) and the data,
little-endian. A record is one chunk of kind 1, or one of kind 2, any number of kind 3, and one of
kind 4. The last 6 bytes of a block, or fewer, are never used.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foldgrid.specs.errors import InputError, Problem

HEADER = b":W&B" + struct.pack("<HB", 0xBEE1, 0)
BLOCK_BYTES = 32 * 1024
CHUNK = struct.Struct("<IHB")
PADDING, WHOLE, FIRST, MIDDLE, LAST = range(5)


@dataclass
class WandbRunFile:
    """What a ``.wandb`` file says.

    Attributes:
        run_id: W&B's id.
        name: What people see.
        project: The project.
        group: The base learner, or the study.
        job_type: ``fold``, ``trial`` or ``summary``.
        tags: The tags.
        config: The configuration, nested as it was given.
        history: ``(step, {key: value})`` in the order of the file.
        summary: The summary as it was left; keys of nested values joined by ``/``.
        is_finished: Whether the run was closed.
        exit_code: What it was closed with.
        artifacts: Names of the artifacts it logged.
        files: Paths of the media it logged, below ``files/``.
        is_truncated: Whether the file ends within a record, as after a kill.
    """

    run_id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    job_type: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    is_finished: bool = False
    exit_code: int | None = None
    artifacts: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    is_truncated: bool = False


def read_run_file(path: Path) -> WandbRunFile:
    """Reads one ``.wandb`` file, as far as it goes where its writer was killed.

    Raises:
        InputError: Not such a file, or corrupt: a checksum does not agree.
    """
    # The module takes its content from one of several, by protobuf's version; mypy sees none.
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    facts = WandbRunFile()
    data = path.read_bytes()
    read_through = len(HEADER)
    for end, payload in _payloads(path, data):
        record = Record()
        record.ParseFromString(payload)
        _add(facts, record)
        read_through = end
    # What follows the last record is either padding or the beginning of a record.
    facts.is_truncated = len(data) < len(HEADER) or bool(data[read_through:].strip(b"\0"))
    return facts


def _payloads(path: Path, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each whole record and where it ends; stops at an unfinished one."""
    if data[: len(HEADER)] != HEADER[: len(data)]:
        raise _corrupt(path, 0, "this is not a W&B run file")
    offset, parts = len(HEADER), b""
    while offset < len(data):
        left_in_block = BLOCK_BYTES - offset % BLOCK_BYTES
        if left_in_block < CHUNK.size:
            offset += left_in_block
            continue
        if offset + CHUNK.size > len(data):
            return
        checksum, length, kind = CHUNK.unpack_from(data, offset)
        if kind == PADDING:
            # A block flushed before it was full ends in zeros.
            offset += left_in_block
            continue
        chunk = data[offset + CHUNK.size - 1 : offset + CHUNK.size + length]
        if len(chunk) < length + 1:
            return
        if zlib.crc32(chunk) != checksum:
            raise _corrupt(path, offset, "a checksum does not agree with its data")
        offset += CHUNK.size + length
        parts = chunk[1:] if kind in (WHOLE, FIRST) else parts + chunk[1:]
        if kind in (WHOLE, LAST):
            yield offset, parts


def _corrupt(path: Path, offset: int, what: str) -> InputError:
    advice = "Remove the run's folder and run the sweep again: it is made from the records."
    return InputError(str(path), [Problem(f"byte {offset}", "", what)], advice)


def _add(facts: WandbRunFile, record: Any) -> None:
    kind = record.WhichOneof("record_type")
    if kind == "run":
        run = record.run
        facts.run_id, facts.name, facts.project = run.run_id, run.display_name, run.project
        facts.group, facts.job_type, facts.tags = run.run_group, run.job_type, tuple(run.tags)
        _update_config(facts, run.config.update)
    elif kind == "config":
        _update_config(facts, record.config.update)
    elif kind == "history":
        row = _values(record.history.item)
        facts.history.append((record.history.step.num, row))
    elif kind == "summary":
        facts.summary.update(_values(record.summary.update))
    elif kind == "exit":
        facts.is_finished, facts.exit_code = True, record.exit.exit_code
    elif kind == "artifact":
        facts.artifacts.append(record.artifact.name)
    elif kind == "files":
        facts.files.extend(each.path for each in record.files.files)


def _update_config(facts: WandbRunFile, items: Any) -> None:
    facts.config.update(
        {item.key: json.loads(item.value_json) for item in items if item.key != "_wandb"}
    )


def _values(items: Any) -> dict[str, Any]:
    """Key to value, without what W&B adds (``_step``, ``_runtime``, …)."""
    named = {_name(item): json.loads(item.value_json) for item in items}
    return {name: value for name, value in named.items() if not name.startswith("_")}


def _name(item: Any) -> str:
    return item.key or "/".join(item.nested_key)
