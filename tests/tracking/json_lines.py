"""A file of JSON lines for each run of a sweep."""

import json

from foldgrid.tracking import FolderTracker, OpenRun


class JsonLines(FolderTracker):
    title = "JSON lines"

    def open_run(self, folder, header):
        return JsonRun(folder, header)

    def write_summary(self, folder, header, content):
        reported = {"tables": content.tables, "facts": content.facts, "images": len(content.images)}
        run = JsonRun(folder, header)
        run.write("summary", reported)
        run.file.close()


class JsonRun(OpenRun):
    def __init__(self, folder, header):
        self.file = (folder / "run.jsonl").open("w", encoding="utf-8")
        self.write("header", vars(header))

    def write(self, kind, reported):
        print(json.dumps({"kind": kind, **reported}), file=self.file, flush=True)

    def log(self, point):
        self.write("point", {"step": point.step, "values": dict(point.values)})

    def end(self, ending):
        self.write("end", vars(ending))
        self.file.close()

    def fail(self, last_word):
        self.write("failed", dict(last_word))
        self.file.close()


JSON_LINES = JsonLines()
