"""What is said of a store that is lost, whatever the moment of its loss."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from locexp.tracking.tracker import cause_of


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


@pytest.mark.parametrize(
    ("says", "resets", "cause"),
    [
        (b"", False, "Remote end closed connection without response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", False, "IncompleteRead(4 bytes read, 5 more expected)"),
        (b"", True, "Connection reset by peer"),
        (None, False, "[Errno 111] Connection refused"),
    ],
)
def test_a_lost_server_is_named_in_one_line(
    says: bytes | None, resets: bool, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's own error of a real request, with the moments at which a server can go."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with server_that(says or b"", resets=resets) as uri:
        address = "http://127.0.0.1:9" if says is None else uri
        with pytest.raises(MlflowException) as caught:
            MlflowClient(address).get_run("f" * 32)
    said = cause_of(caught.value)
    assert said.startswith(f"API request to {address}/api/2.0/mlflow/runs/get: ")
    assert said.rpartition("runs/get: ")[2] == cause


def test_an_error_that_is_no_request_keeps_its_words() -> None:
    assert cause_of(OSError(28, "No space left on device")) == "[Errno 28] No space left on device"
