"""The MLflow UI on a local store: loopback only, and lean."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from locexp.errors import RunFailedError, UserError
from locexp.tracking.location import Location, check, experiment_address
from locexp.tracking.mlflow_internals import LEAN_SERVER, SERVER_KEEPS, experiment_link, is_store, view_link
from locexp.tracking.probe import fetch
from locexp.tracking.view_format import VIEW_TAG, created
from locexp.tracking.views import MEANS, SWEEPS

HOST = "127.0.0.1"
START_SECONDS = 90.0


def free_port(port: int | None, first: int = 5000) -> int:
    """Return ``port`` if it is free, or the first free one from ``first`` where none is given.

    Raises:
        UserError: the given port is taken.
    """
    if port is not None and not 0 < port < 65536:
        raise UserError(f"--port {port}: expected 1 to 65535.")
    for candidate in [port] if port is not None else range(first, first + 100):
        with contextlib.suppress(OSError), socket.create_server((HOST, candidate)):
            return candidate
    raise UserError(f"--port {port}: is in use; give another, or none to take the next free one.")


def server_command(location: Location, port: int) -> list[str]:
    """Return the command line that serves a store."""
    arguments = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", location.uri]
    if location.artifact_root is not None:
        arguments += ["--no-serve-artifacts", "--default-artifact-root", location.artifact_root]
    return [*arguments, "--host", HOST, "--port", str(port), "--workers", "1"]


def server_environment() -> dict[str, str]:
    """Return the environment of the server, without what would make it listen to others or serve something else."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MLFLOW_") or name.startswith(SERVER_KEEPS)
    }
    return {**own, **LEAN_SERVER}


def serve(location: Location, port: int | None, say: Callable[[str], None]) -> None:
    """Serve a store until Ctrl-C, SIGTERM, or the end of the terminal.

    Args:
        location: of a store that exists; where it is itself a server, only its links are shown.
        port: to listen on, or ``None`` for the first free one from 5000.
        say: shows a line, such as the links once they work.

    Raises:
        UserError: there is no store, or the port is taken.
        RunFailedError: the server ended by itself.
    """
    check(location)
    if location.is_server:
        say(links(location, location.uri))
        return
    if location.database is not None and not is_store(location.database):
        raise UserError(
            f"{location.database.parent}: holds no store yet; run python -m locexp.train first, or give --uri."
        )
    chosen = free_port(port)
    base = f"http://{HOST}:{chosen}"
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)  # ends the server as Ctrl-C does
    # The server's own screen output goes nowhere: its errors are what counts, and they are shown if it ends.
    process = subprocess.Popen(
        server_command(location, chosen),
        env=server_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        say(f"starting the MLflow UI on {location.uri} …")
        _wait(process, base)
        say(f"{links(location, base)}\nCtrl-C stops it.")
        assert process.stderr is not None
        for _ in process.stderr:  # keeps the pipe empty; ends with the server
            pass
        raise RunFailedError(f"the MLflow server ended by itself with status {process.wait()}")
    except KeyboardInterrupt:
        pass
    finally:
        _stop(process)


def links(location: Location, base: str) -> str:
    """Return the lines with the addresses that open an experiment in a server: its runs, the front of its last sweep
    (the charts of all runs where no sweep has a saved view), its sweeps.
    """
    try:
        experiment = fetch(experiment_address(base, location), 10)["experiment"]
    except urllib.error.HTTPError as error:
        why = f"there is no experiment {location.experiment!r} yet" if error.code == 404 else f"it answers {error}"
        return f"{base}/  ({why})"
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RunFailedError(f"{base}: did not answer for experiment {location.experiment!r} ({error}).") from error
    found, tags = experiment["experiment_id"], experiment.get("tags", [])
    views = {tag["key"].removeprefix(VIEW_TAG): tag["value"] for tag in tags if tag["key"].startswith(VIEW_TAG)}
    lines = {"runs": experiment_link(base, found)}
    sweeps = [key for key in views if key + MEANS in views]
    if sweeps:
        lines["front"] = view_link(base, found, max(sweeps, key=lambda key: created(views[key])), mode="CHART")
    else:
        lines["charts"] = experiment_link(base, found, view="CHART")
    if SWEEPS in views:
        lines["sweeps"] = view_link(base, found, SWEEPS)
    return "\n".join(f"{name:7} {address}" for name, address in lines.items())


def _wait(process: subprocess.Popen[bytes], base: str) -> None:
    """Wait until the server answers; raises :class:`RunFailedError` if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            lines = process.stderr.read().decode(errors="replace").strip().splitlines()
            raise RunFailedError(f"the MLflow server did not start: {lines[-1] if lines else 'no message'}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/health", timeout=2):
            return
        time.sleep(0.2)
    raise RunFailedError(f"the MLflow server did not answer within {START_SECONDS:g} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and the workers that it started."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
            return
