"""A tracking server of a few lines on loopback, which answers as MLflow's does, until it is told to misbehave."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

MISBEHAVIOURS = ("answers 500", "answers 503", "answers nonsense", "hangs", "hangs up", "ends in the middle", "is gone")


class FakeServer:
    """Keeps runs in memory, their artifacts in a folder.

    Args:
        folder: for artifacts.

    Attributes:
        runs: by id, each with its ``status``, the numbers of its ``metrics`` and, where given by a test, its ``tags``.
        batches: how many batches of metrics were logged.
        most_searched: how many runs were asked for at a time, at most.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.runs: dict[str, dict[str, Any]] = {}
        self.batches = self.most_searched = 0
        self._misbehaves, self._after = "", 0
        self._healed = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def misbehave(self, how: str, after: int) -> None:
        """Behave in one of the ways of :data:`MISBEHAVIOURS` from a batch of metrics on, counted from 0."""
        self._misbehaves, self._after = how, after

    def heal(self) -> None:
        """Answer as usual again."""
        self._misbehaves = ""
        self._healed.set()
        if self._server.fileno() < 0:
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
            self._server.daemon_threads = True
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        self._healed.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and body of an answer."""
        name = path.partition("/mlflow/")[2]
        run_id = str(given.get("run_id", ""))
        if name == "experiments/search":
            return 200, {"experiments": []}
        if name == "experiments/get-by-name":
            place = (self._folder / "artifacts").as_uri()
            found = {"experiment_id": "1", "name": given["experiment_name"], "lifecycle_stage": "active"}
            return 200, {"experiment": found | {"artifact_location": place}}
        if name == "runs/create":
            run_id = f"{len(self.runs):032x}"
            self.runs[run_id] = {"status": "RUNNING", "metrics": []}
            return 200, {"run": self._run(run_id)}
        if name == "runs/get":
            if run_id not in self.runs:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such run"}
            return 200, {"run": self._run(run_id)}
        if name == "runs/search":
            first, most = int(given.get("page_token") or 0), int(given.get("max_results") or 1000)
            self.most_searched = max(self.most_searched, most)
            found = {"runs": [self._run(run_id) for run_id in list(self.runs)[first : first + most]]}
            rest = {"next_page_token": str(first + most)} if first + most < len(self.runs) else {}
            return 200, found | rest
        if name == "runs/update":
            self.runs[run_id]["status"] = given.get("status", self.runs[run_id]["status"])
            return 200, {"run_info": self._run(run_id)["info"]}
        if name == "runs/log-batch":
            self.batches += bool(given.get("metrics"))
            self.runs[run_id]["metrics"] += given.get("metrics", [])
            return 200, {}
        if name == "metrics/get-history":
            return 200, {"metrics": [one for one in self.runs[run_id]["metrics"] if one["key"] == given["metric_key"]]}
        if name.startswith("logged-models"):
            info = {"model_id": "m-1", "experiment_id": "1", "name": "model", "artifact_uri": self._place("model")}
            return 200, {"model": {"info": info | {"status": "LOGGED_MODEL_READY"}, "data": {}}}
        return 200, {}

    def _place(self, name: str) -> str:
        return (self._folder / "artifacts" / name).as_uri()

    def _run(self, run_id: str) -> dict[str, Any]:
        info = {
            "run_id": run_id,
            "run_uuid": run_id,
            "experiment_id": "1",
            "start_time": 0,
            "lifecycle_stage": "active",
        }
        info |= {"status": self.runs[run_id]["status"], "artifact_uri": self._place(run_id)}
        tags = [{"key": key, "value": value} for key, value in self.runs[run_id].get("tags", {}).items()]
        return {"info": info, "data": {"tags": tags}}

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._respond(dict(parse_qsl(urlsplit(self.path).query)))

            def do_POST(self) -> None:
                self._respond(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}"))

            do_PATCH = do_POST

            def _respond(self, given: dict[str, Any]) -> None:
                if server._misbehaves and server.batches >= server._after:
                    self._misbehave(server._misbehaves)
                    return
                status, body = server.answer(urlsplit(self.path).path, given)
                self._send(status, json.dumps(body).encode())

            def _send(self, status: int, body: bytes, claimed: int | None = None) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(claimed or len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _misbehave(self, how: str) -> None:
                self.close_connection = True
                if how.startswith("answers 5"):
                    self._send(int(how[-3:]), b'{"error_code": "INTERNAL_ERROR", "message": "out of order"}')
                elif how == "answers nonsense":
                    self._send(200, b"<html>Welcome</html>")
                elif how == "hangs":
                    server._healed.wait(60)
                elif how == "ends in the middle":
                    self._send(200, b'{"run": {', claimed=1000)
                elif how == "is gone" and server._server.fileno() >= 0:
                    threading.Thread(target=server.close).start()

            def log_message(self, *words: object) -> None:
                pass

        return Handler
