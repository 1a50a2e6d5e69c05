"""As much of a W&B server as its client needs to open, fill, resume, sync and finish a run."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ServedRun:
    """What the server was told of one run."""

    def __init__(self):
        self.settings = {}
        self.lines = {}
        self.summary = {}
        self.files = {}
        self.exit_code = None

    @property
    def history(self):
        return [json.loads(self.lines[offset]) for offset in sorted(self.lines)]

    @property
    def steps(self):
        return [row["_step"] for row in self.history]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is no error here."""


class FakeWandbServer:
    """Listens on a free port of this machine; use as a context manager."""

    def __init__(self):
        self.runs = {}
        self.received = bytearray()
        self._server = _QuietServer(("127.0.0.1", 0), _handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, operation, variables):
        if operation == "RunResumeStatus":
            bucket = self._resume_state(variables["name"])
            model = {"id": "p", "name": "p", "entity": {"id": "e", "name": "us"}, "bucket": bucket}
            return {"model": model}
        if operation == "UpsertBucket":
            run = self.runs.setdefault(variables["name"], ServedRun())
            run.settings |= {key: value for key, value in variables.items() if value is not None}
            project = {"id": "p", "name": "p", "entity": {"id": "e", "name": "us"}}
            bucket = {"id": "b", "name": variables["name"], "project": project}
            bucket |= {"config": None, "displayName": variables["displayName"], "sweepName": None}
            bucket |= {"historyLineCount": len(run.lines), "description": None}
            return {"upsertBucket": {"bucket": bucket, "inserted": not run.lines}}
        if operation == "CreateRunFiles":
            files = [
                {"name": name, "uploadUrl": f"{self.url}/upload/{variables['run']}/{name}"}
                for name in variables["files"]
            ]
            return {"createRunFiles": {"runID": "b", "uploadHeaders": [], "files": files}}
        return {}

    def _resume_state(self, name):
        run = self.runs.get(name)
        if run is None:
            return None
        tail = [json.dumps(row) for row in run.history[-1:]]
        counts = {"historyLineCount": len(run.lines), "logLineCount": 0, "eventsLineCount": 0}
        texts = {"historyTail": json.dumps(tail), "eventsTail": "[]", "config": "{}"}
        more = {"summaryMetrics": "{}", "displayName": None, "tags": [], "notes": None}
        # Without "t" the client takes the run for one that never began, and does not go on.
        began = json.dumps({"t": 1})
        return {"id": "b", "name": name, "wandbConfig": began} | counts | texts | more

    def take_stream(self, name, body):
        run = self.runs.setdefault(name, ServedRun())
        files = body.get("files", {})
        history = files.get("wandb-history.jsonl")
        for index, line in enumerate(history["content"] if history else ()):
            run.lines[history["offset"] + index] = line
        if "wandb-summary.json" in files:
            run.summary = json.loads(files["wandb-summary.json"]["content"][-1])
        if body.get("complete"):
            run.exit_code = body["exitcode"]

    def take_file(self, name, path, content):
        self.runs[name].files[path] = content


def _handler_of(server):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def _body(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            server.received += str(self.headers).encode() + body
            return body

        def _reply(self, content):
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self):
            name, path = self.path.removeprefix("/upload/").split("/", 1)
            server.take_file(name, path, self._body())
            self._reply({})

        def do_GET(self):
            self._reply({})

        def do_POST(self):
            body = json.loads(self._body())
            if self.path == "/graphql":
                answer = server.answer(body.get("operationName"), body.get("variables") or {})
                self._reply({"data": answer})
            else:
                server.take_stream(self.path.split("/")[-2], body)
                self._reply({"limits": {}})

    return Handler
