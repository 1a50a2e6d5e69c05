"""Every tracker as the contract suite sees it: opened in a folder, and read back from its files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from event_files import facts, read_event_file
from json_lines import JSON_LINES
from offline_runs import read_all
from projectors import place_in

from foldgrid.tracking import TRACKERS, RunProjector


@dataclass
class SeenRun:
    """A run as its tracker would show it."""

    name: str
    group: str
    job_type: str
    tags: set[str]
    config: dict
    history: list[tuple[int, dict[str, float]]]
    last_word: dict
    tables: dict = field(default_factory=dict)
    num_images: int = 0

    @property
    def steps(self):
        return [step for step, _ in self.history]


def read_wandb(folder: Path) -> dict[str, SeenRun]:
    seen = {}
    for run_id, run in read_all(folder).items():
        about = (run.name, run.group, run.job_type, set(run.tags), run.config)
        if run.job_type != "summary":
            seen[run_id] = SeenRun(*about, run.history, run.summary)
            continue
        tables = {}
        for path in folder.glob(f"wandb/*{run_id}/files/media/table/*.table.json"):
            table = json.loads(path.read_text())
            tables[path.name.split("_")[0]] = (table["columns"], table["data"])
        num_images = sum(name.endswith(".png") for name in run.files)
        seen[run_id] = SeenRun(*about, [], run.summary, tables, num_images)
    return seen


def read_tensorboard(folder: Path) -> dict[str, SeenRun]:
    seen = {}
    for run_folder in (folder / "tensorboard").iterdir():
        (path,) = run_folder.glob("events.out.tfevents.*")
        file = read_event_file(path)
        header, reported = facts(file.texts["header"]), facts(file.texts.get("summary"))
        about = (header["name"], header["group"], header["job_type"])
        tags = set(reported.pop("tags", header["tags"]))
        if header["job_type"] == "summary":
            tables = {key: text for key, text in file.texts.items() if text.startswith("| ")}
            last_word = facts(file.texts["facts"])
            run = SeenRun(*about, tags, header["config"], [], last_word, tables, len(file.images))
        else:
            history = [(step, _points(values)) for step, values in file.scalars]
            history = [(step, values) for step, values in history if values]
            run = SeenRun(*about, tags, header["config"], history, reported)
            assert len(file.plugins) in ((0, 2, 3) if reported else (0,))
        seen[run_folder.name] = run
    return seen


def _points(values):
    return {key: value for key, value in values.items() if not key.startswith("summary/")}


def read_json_lines(folder: Path) -> dict[str, SeenRun]:
    seen = {}
    for path in (folder / "json_lines").glob("*/run.jsonl"):
        header, *lines = map(json.loads, path.read_text().splitlines())
        about = (header["name"], header["group"], header["job_type"])
        run = SeenRun(*about, set(header["tags"]), header["config"], [], {})
        for line in lines:
            kind = line.pop("kind")
            if kind == "point":
                run.history.append((line["step"], line["values"]))
            elif kind == "end":
                run.last_word = line["summary"]
                run.tags |= set(line["tags"])
            elif kind == "failed":
                run.last_word = line
            else:
                run.last_word, run.tables = line["facts"], line["tables"]
                run.num_images = line["images"]
        seen[path.parent.name] = run
    return seen


@dataclass(frozen=True)
class Kit:
    """One tracker."""

    name: str
    way: str
    read: Callable[[Path], dict[str, SeenRun]]

    def tracker(self):
        if self.name == "json_lines":
            return JSON_LINES
        return TRACKERS.named(self.name).asked(self.way)

    def writer(self, folder, kind):
        return self.tracker().open(place_in(folder, kind, self.name))

    def projector(self, folder, kind, pseudonyms=None):
        writer = self.writer(folder, kind)
        return RunProjector(kind, [] if writer is None else [writer], pseudonyms)


KITS = {
    kit.name: kit
    for kit in (
        Kit("wandb", "offline", read_wandb),
        Kit("tensorboard", "", read_tensorboard),
        Kit("json_lines", "", read_json_lines),
    )
}
"""All that write; what *none* does not do has tests of its own."""
