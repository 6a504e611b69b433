"""A gate before an MLflow server: it lets everything through, or answers 500, says nothing, hangs up, keeps answers."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\nouch"


class Gate:
    """Listens on loopback before a server's port.

    Attributes:
        uri: its address.
        mode: ``open``, ``500``, ``silent`` or ``shut``; may be set at any time.
        requests: how many connections came since.
        kept: paths of requests that get through once without their answer: the connection ends instead.
    """

    def __init__(self, port: int) -> None:
        self._port, self.mode, self.requests = port, "open", 0
        self.kept: set[str] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: str) -> None:
        """Change the mode; connections that are kept alive end, unless they are to hang."""
        self.mode = mode
        held, self._held = self._held, []
        for connection in held if mode != "silent" else []:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()
        self.set("shut")

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.requests += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.mode == "shut":
                client.close()
            elif self.mode == "500":
                client.recv(65536)
                client.sendall(REFUSAL)
                client.close()
            elif self.mode == "silent":
                self._held.append(client)
            else:
                server = socket.create_connection(("127.0.0.1", self._port))
                self._held += [client, server]
                threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
                self._pump(client, server)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                path = data.partition(b" HTTP/1.1\r\n")[0].partition(b" ")[2].decode("latin-1")
                if path in self.kept:
                    self.kept.remove(path)
                    target.sendall(data)
                    threading.Event().wait(1)  # the server does it, and nobody hears of it
                    break
                while self.mode == "silent":
                    threading.Event().wait(0.1)
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def gate(port: int) -> Iterator[Gate]:
    """Stand before the server on a port for a while."""
    made = Gate(port)
    try:
        yield made
    finally:
        made.close()
