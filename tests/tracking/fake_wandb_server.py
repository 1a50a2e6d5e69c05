"""As much of a W&B server as its client needs to open, fill, resume, sync and finish a run.

It can be taken ill: ``turn`` makes it refuse connections, hang, answer 500, or take what it is told
and never answer, at once or after it has taken some epochs.
"""

import gzip
import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WELL, REFUSES, HANGS, FAILS, MUTE = "well", "refuses", "hangs", "fails", "mute"
OUTAGES = (REFUSES, HANGS, FAILS, MUTE)


class ServedRun:
    """What the server was told of one run."""

    def __init__(self):
        self.settings = {}
        self.lines = {}
        self.summary = {}
        self.files = {}
        self.exit_code = None
        self.num_rows_taken = 0
        self.num_opened = 0

    @property
    def history(self):
        return [json.loads(self.lines[offset]) for offset in sorted(self.lines)]

    @property
    def steps(self):
        return [row["_step"] for row in self.history]


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, *arguments):
        self._connections = set()
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self):
        for each in list(self._connections):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """A client that goes away is no error here."""


class FakeWandbServer:
    """Listens on a free port of this machine; use as a context manager."""

    def __init__(self):
        self.runs = {}
        self.received = bytearray()
        self.mood = WELL
        self.num_turned_away = 0
        self._later = None
        self._closing = None
        self._changed = threading.Condition()
        self._server = _QuietServer(("127.0.0.1", 0), _handler_of(self))
        self._address = self._server.server_address
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._serve()
        return self

    def __exit__(self, *_):
        self.turn(WELL)
        self._close()

    def _serve(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _close(self):
        self._server.shutdown()
        self._server.server_close()
        self._server.cut_connections()

    def turn(self, mood, after_rows=0):
        """Changes the mood, at once or as soon as that many rows of history were taken."""
        with self._changed:
            self._later = (mood, after_rows) if after_rows else None
            if after_rows:
                return
            before, self.mood = self.mood, mood
            if mood == REFUSES and before != REFUSES:
                # On a thread of its own: a handler may have asked, and shutdown waits for it.
                self._closing = threading.Thread(target=self._close, daemon=True)
                self._closing.start()
            self._changed.notify_all()
        if before == REFUSES and mood != REFUSES:
            self._closing.join()
            self._server = _QuietServer(self._address, _handler_of(self))
            self._serve()

    def wait_until(self, mood, seconds=60):
        """Waits until it has turned so."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.mood == mood, seconds)

    def is_well(self):
        """Whether a request is looked at; where it hangs, known after the mood changed."""
        if self.mood in (WELL, MUTE):
            return True
        self._keep_waiting(HANGS)
        return False

    def is_mute(self):
        """Whether a request gets no answer; known after the mood changed."""
        if self.mood != MUTE:
            return False
        self._keep_waiting(MUTE)
        return True

    def _keep_waiting(self, mood):
        with self._changed:
            self.num_turned_away += 1
            self._changed.wait_for(lambda: self.mood != mood)

    @property
    def num_rows(self):
        """Rows of history taken so far, doubled ones included."""
        return sum(run.num_rows_taken for run in self.runs.values())

    def wait_for_rows(self, number, seconds=60):
        """Waits until so many rows of history were taken."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.num_rows >= number, seconds)

    def steps(self):
        """By run, the steps of its history."""
        return {name: run.steps for name, run in self.runs.items()}

    def answer(self, operation, variables):
        if operation == "RunResumeStatus":
            bucket = self._resume_state(variables["name"])
            model = {"id": "p", "name": "p", "entity": {"id": "e", "name": "us"}, "bucket": bucket}
            return {"model": model}
        if operation == "UpsertBucket":
            run = self.runs.setdefault(variables["name"], ServedRun())
            run.num_opened += 1
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
        with self._changed:
            self._take_stream(name, body)
            self._changed.notify_all()
            if self._later is not None and self.num_rows >= self._later[1]:
                self.turn(self._later[0])

    def _take_stream(self, name, body):
        run = self.runs.setdefault(name, ServedRun())
        files = body.get("files", {})
        history = files.get("wandb-history.jsonl")
        for index, line in enumerate(history["content"] if history else ()):
            run.lines[history["offset"] + index] = line
            run.num_rows_taken += 1
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
            if server.is_mute():
                self.close_connection = True
                return
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def parse_request(self):
            return super().parse_request() and (server.is_well() or self._turn_away())

        def _turn_away(self):
            """Answers 500 where that is the mood; else the connection just ends."""
            self.close_connection = True
            if server.mood == FAILS:
                self._body()
                self.send_error(500)
            return False

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
