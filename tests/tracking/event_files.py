"""Reads TensorBoard's event files: TFRecord framing around messages of one event each."""

import json
import struct
from dataclasses import dataclass, field

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.record_writer import masked_crc32c


@dataclass
class EventFile:
    """What an event file says."""

    scalars: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    plugins: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)


def records(content):
    """Each whole record; a file whose writer was killed may end within one."""
    offset = 0
    while len(content) >= offset + 12:
        length, checksum = struct.unpack_from("<QI", content, offset)
        assert checksum == masked_crc32c(content[offset : offset + 8])
        data = content[offset + 12 : offset + 12 + length]
        if len(content) < offset + 16 + length:
            return
        (checksum,) = struct.unpack_from("<I", content, offset + 12 + length)
        assert checksum == masked_crc32c(data)
        yield data
        offset += 16 + length


def read_event_file(path):
    first, *events = [Event.FromString(data) for data in records(path.read_bytes())]
    assert first.file_version == "brain.Event:2"
    file = EventFile()
    for event in events:
        for value in event.summary.value:
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                if not file.scalars or file.scalars[-1][0] != event.step:
                    file.scalars.append((event.step, {}))
                assert value.tag not in file.scalars[-1][1], "a value is there twice"
                file.scalars[-1][1][value.tag] = value.simple_value
            elif kind == "tensor":
                (text,) = value.tensor.string_val
                file.texts[value.tag.removesuffix("/text_summary")] = text.decode()
            elif kind == "image":
                file.images.append(value.tag)
            else:
                file.plugins.append(value.tag)
    return file


def facts(text):
    """What was written as an indented block of JSON."""
    return json.loads(text) if text else {}
