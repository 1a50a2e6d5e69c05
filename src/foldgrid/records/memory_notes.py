"""``memory/<backbone>.json``: what fitted into memory where a whole batch did not."""

from __future__ import annotations

from foldgrid.records.files import FileRoot
from foldgrid.specs.memory import MemoryNote, MemoryNotes


def read_memory(root: FileRoot, backbone: str) -> MemoryNotes:
    """What is known of a backbone; nothing where a whole batch always fitted."""
    try:
        return MemoryNotes.model_validate_json(root.read_bytes(_file(backbone)))
    except (FileNotFoundError, ValueError):
        # Nothing is lost with a damaged file: what does not fit is found out anew.
        return MemoryNotes()


def note_memory(root: FileRoot, backbone: str, note: MemoryNote) -> None:
    """Keeps ``note`` for the next fit of the backbone."""
    notes = read_memory(root, backbone).with_note(note)
    root.write_bytes(_file(backbone), (notes.model_dump_json(indent=2) + "\n").encode())


def _file(backbone: str) -> str:
    return f"memory/{backbone}.json"
