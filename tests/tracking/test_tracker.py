"""What is said of a store that is lost, whatever the moment of its loss."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from locexp.records.files import HISTORY
from locexp.records.record import RunRecord
from locexp.tracking.location import locate
from locexp.tracking.tracker import Tracker, cause_of
from tests.servers import FakeServer


@contextlib.contextmanager
def server_that(says: bytes, *, resets: bool = False) -> Iterator[str]:
    """Serve, on loopback, connections that get ``says`` and are closed, or reset; yields the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65_536)
                        connection.sendall(says)
                        if resets:
                            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(
    ("says", "resets", "cause"),
    [
        (b"", False, "Remote end closed connection without response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", False, "IncompleteRead(4 bytes read, 5 more expected)"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False, "Response ended prematurely"),
        (b"", True, os.strerror(errno.ECONNRESET)),
        (None, False, f"[Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"),
    ],
)
def test_a_lost_server_is_named_in_one_line(
    says: bytes | None, resets: bool, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own error of a real request, with the moments at which a server can go."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with server_that(says or b"", resets=resets) as served:
        address = served if says is not None else f"http://127.0.0.1:{closed_port()}"
        with pytest.raises(MlflowException) as caught:
            MlflowClient(address).get_run("f" * 32)
    said = cause_of(caught.value)
    assert said.startswith(f"API request to {address}/api/2.0/mlflow/runs/get: ")
    assert said.rpartition("runs/get: ")[2] == cause


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            "HTTPSConnectionPool(host='x.test', port=443): Max retries exceeded with url: /api (Caused by "
            'SSLError(SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: '
            "Hostname mismatch, certificate is not valid for 'x.test'. (_ssl.c:1000)\")))",
            "Hostname mismatch, certificate is not valid for 'x.test'. (_ssl.c:1000)",
        ),
        (
            "HTTPConnectionPool(host='x.test', port=80): Max retries exceeded with url: /api (Caused by "
            "NameResolutionError(\"HTTPConnection(host='x.test', port=80): Failed to resolve 'x.test' ([Errno -2] Name "
            'or service not known)"))',
            "Failed to resolve 'x.test' ([Errno -2] Name or service not known)",
        ),
        (
            "HTTPConnectionPool(host='x.test', port=80): Read timed out. (read timeout=9)",
            "Read timed out. (read timeout=9)",
        ),
    ],
)
def test_causes_that_quote_something_are_whole(cause: str, said: str) -> None:
    """As urllib3 2 words them."""
    assert cause_of(Exception(f"API request to /x failed with exception {cause}")) == f"API request to /x: {said}"


def test_an_error_that_is_no_request_keeps_its_words() -> None:
    assert cause_of(OSError(28, "No space left on device")) == "[Errno 28] No space left on device"


def test_a_run_that_cannot_be_looked_for_is_not_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow.exceptions import MlflowException

    from locexp.tracking.session import Session

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = FakeServer(tmp_path)
    answer = server.answer
    session = Session(locate(server.uri, None, "x"))
    record = RunRecord("run", start_time=1.0, tags={"directory": str(tmp_path)})
    session.start(record)
    out_of_order = 500, {"error_code": "INTERNAL_ERROR", "message": "out of order"}
    server.answer = lambda path, given: out_of_order if path.endswith("runs/get") else answer(path, given)  # type: ignore
    with pytest.raises(MlflowException, match="too many 500 error responses"):
        session.start(record)
    assert len(server.runs) == 1
    server.close()


def test_a_row_is_whole_in_one_call(tmp_path: Path) -> None:
    from locexp.tracking.session import Session

    server = FakeServer(tmp_path)
    answer, steps = server.answer, []

    def listening(path: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if given.get("metrics"):
            steps.append(sorted({int(one.get("step", 0)) for one in given["metrics"]}))
        return answer(path, given)

    server.answer = listening  # type: ignore[method-assign]
    session = Session(locate(server.uri, None, "x"))
    session.start(RunRecord("run", start_time=1.0, tags={"directory": str(tmp_path)}))
    values = {f"val/{number}": 0.5 for number in range(400)}
    session.log_epochs([{"epoch": epoch, "timestamp": 1.0, **values} for epoch in range(1, 6)])
    assert steps == [[1, 2], [3, 4], [5]]
    server.close()


def test_epochs_that_wait_for_a_slow_store_are_logged_together(tmp_path: Path) -> None:
    server = FakeServer(tmp_path)
    begun, go_on = threading.Event(), threading.Event()
    answer = server.answer

    def slow(path: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if path.endswith("runs/create"):
            begun.set()
            go_on.wait(60)
        return answer(path, given)

    server.answer = slow  # type: ignore[method-assign]
    record = RunRecord("run", start_time=1.0, tags={"directory": str(tmp_path)})
    (tmp_path / HISTORY).touch()
    tracker = Tracker(locate(server.uri, None, "x"), tmp_path, record)
    tracker.start(sampling_seconds=None)
    assert begun.wait(60)
    for epoch in range(1, 31):
        tracker.epoch({"epoch": epoch, "timestamp": float(epoch), "val/x": 0.5 * epoch})
    go_on.set()
    tracker.wait()
    assert server.batches == 1
    (run,) = server.runs.values()
    assert [(one["step"], one["value"]) for one in run["metrics"]] == [(step, 0.5 * step) for step in range(1, 31)]
    record.status = "FINISHED"
    assert tracker.finish(None)
    server.close()
