"""An MLflow server under load: clients log generated runs in bursts, while servers, database and network fail.

    python benchmarks/store_load.py [--store sqlite|postgresql] [--artifacts files|s3] [--runs 1000] [--clients 16]
        [--disturb server database network] [--before CHECKOUT] [--repeats 1]

One real run is made by the command; each of the generated ones is a copy of its folder with a name and a start of its
own. A client is a process that does what a run of a sweep does: it opens the run, logs 20 epochs of 50 ms each, and
waits at the end until everything is in the store, as long as MLflow's client does. All clients begin together. What did
not get there is logged afterwards from its folder, as a sweep does. Then the store is asked what it has: each run once,
closed, with each epoch, each file (of one run in ten) and one model. It exits with 1 where something is lost or double.

`server` kills MLflow's server twice and starts it again 15 s later, `database` restarts PostgreSQL at once, twice,
everything at work there being broken off, and `network` puts a proxy before the server that delays each message by 5 to
40 ms, and loses one in 2,000 (`--lose`) with its connection. With `--before`, the code of another checkout takes turns
with this one, undisturbed.

SQLite and files need nothing more; PostgreSQL's programs, psycopg, and for S3 moto[server] and boto3 have to be there:
`tests/cluster/stores.sh` installs them, and runs what it is given.
"""

from __future__ import annotations

import argparse
import contextlib
import glob
import importlib
import json
import logging
import multiprocessing
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ["data=mnist_5k", "data.limit=640", "trainer.epochs=20", "model.filters=[8]", "model.dense_units=32"]
EPOCH_SECONDS, DOWN_SECONDS, START_SECONDS = 0.05, 15, 300


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Process:
    """A server in a session of its own, which can be killed and started again."""

    def __init__(
        self, words: list[str], log: Path, ready: Callable[[], bool], env: dict[str, str] | None = None
    ) -> None:
        self._words, self._log, self._ready, self._env = words, log, ready, {**os.environ, **(env or {})}
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if self._ready():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self.kill()
        sys.exit(f"{self._words[0]} did not start:\n{self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """End it and its children at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def answers(url: str) -> Callable[[], bool]:
    """Return what says whether an address answers."""

    def ready() -> bool:
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2).close()
        except OSError as error:
            return getattr(error, "code", None) is not None
        return True

    return ready


class Postgres:
    """PostgreSQL on loopback, owned by the user `postgres` where this is root."""

    def __init__(self, place: Path) -> None:
        self._place, self._port = place / "pg", free_port()
        (programs,) = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:] or [""]
        if not programs:
            sys.exit("PostgreSQL is not installed; tests/cluster/stores.sh does that")
        self._programs = Path(programs)
        self._place.mkdir()
        for folder in (place.parent, place, self._place):  # which "postgres" has to get through
            folder.chmod(0o755)
        if os.getuid() == 0:
            shutil.chown(self._place, "postgres")
        self._run("initdb", "-D", str(self._place / "data"), "-A", "trust", "-U", "postgres")
        self._control("start")
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "postgres", "mlflow")
        self.uri = f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/mlflow"

    def _run(self, program: str, *words: str) -> None:
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        log = self._place.parent / "pg.txt"
        with log.open("ab") as file:
            done = subprocess.run([*user, str(self._programs / program), *words], stdout=file, stderr=file, check=False)
        if done.returncode:
            sys.exit(f"{program} failed:\n{log.read_text()[-2000:]}")

    def _control(self, *words: str) -> None:
        options = f"-p {self._port} -h 127.0.0.1 -k {self._place}"
        data, log = str(self._place / "data"), str(self._place / "log")
        self._run("pg_ctl", "-w", "-D", data, "-l", log, "-o", options, *words)

    def restart(self) -> None:
        """Break off what is going on, and start again."""
        self._control("restart", "-m", "immediate")

    def kill(self) -> None:
        """Stop it."""
        self._control("stop", "-m", "immediate")


class Network:
    """A proxy on loopback before a server; once it is `bad`, it delays what is sent, and drops connections."""

    def __init__(self, port: int, lose: int) -> None:
        self._port, self._lose, self.bad, self.dropped = port, lose, False, 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._random = random.Random(0)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            try:
                server = socket.create_connection(("127.0.0.1", self._port))
            except OSError:
                client.close()
                continue
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if self.bad:
                    time.sleep(self._random.uniform(0.005, 0.04))
                    if self._random.random() < 1 / self._lose:
                        self.dropped += 1
                        break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


class Store:
    """An MLflow server with what is behind it, for a while; ends all of it."""

    def __init__(self, place: Path, words: argparse.Namespace) -> None:
        self._ended: list[Callable[[], None]] = []
        try:
            self._start(place, words)
        except BaseException:
            self.__exit__()
            raise

    def _start(self, place: Path, words: argparse.Namespace) -> None:
        self.postgres = Postgres(place) if words.store == "postgresql" else None
        if self.postgres is not None:
            self._ended.append(self.postgres.kill)
        self.backend = self.postgres.uri if self.postgres else f"sqlite:///{place}/mlflow.db"
        destination, env = str(place / "artifacts"), {}
        if words.artifacts == "s3":
            port = free_port()
            endpoint = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            self._ended.append(Process(command, place / "s3.txt", answers(endpoint)).kill)
            env = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
            import boto3

            boto3.client(
                "s3", endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
            ).create_bucket(Bucket="mlflow")
            env["MLFLOW_S3_ENDPOINT_URL"], destination = endpoint, "s3://mlflow/artifacts"
        env["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # five processes that locexp has no use for
        port = free_port()
        self.uri = self.inner = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.backend, "--host", "127.0.0.1"]
        command += ["--artifacts-destination", destination, "--port", str(port)]
        self.server = Process(command, place / "server.txt", answers(f"{self.inner}/health"), env)
        self._ended.append(self.server.kill)
        self.network = Network(port, words.lose) if "network" in words.disturb else None
        if self.network is not None:
            self.uri = self.network.uri

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        for end in reversed(self._ended):
            end()


def real_run(place: Path) -> Path:
    """Train one small run by the command, with MLflow's usual store beside it; returns its folder."""
    place.mkdir()
    command = [sys.executable, "-m", "locexp.train", *WORDS]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    (path,) = place.glob("multirun/*/*/run.json")
    return path.parent


def client(number: int, clients: int, runs: int, template: Path, place: Path, uri: str, answer: Any) -> None:
    """Log every so many of the runs; puts the seconds that each waited, and how many requests were sent."""
    import requests

    from locexp.models.saving import load_model
    from locexp.records.history import read_history
    from locexp.records.record import RunRecord
    from locexp.tracking.location import locate
    from locexp.tracking.tracker import Tracker

    logging.disable(logging.WARNING)
    kinds: Counter[str] = Counter()
    send = requests.Session.send

    def counted(self: Any, request: Any, **options: Any) -> Any:
        kind = request.path_url.partition("?")[0].partition("/mlflow/")[2]
        kind = "artifact" if "/mlflow-artifacts/" in request.path_url else "/".join(kind.split("/")[:2])
        kinds[f"{request.method} {re.sub('m-.*', 'ID', kind)}"] += 1
        return send(self, request, **options)

    requests.Session.send = counted  # type: ignore[method-assign]
    location = locate(uri, None, "load")
    model, history = load_model(template), read_history(template)
    waits, kept = [], 0
    for index in range(number, runs, clients):
        folder = place / str(index)
        shutil.copytree(template, folder)
        record = RunRecord.read(folder)
        record.name, record.run_id, record.experiment_id, record.logged = f"run {index}", None, None, False
        record.tracking_uri, record.artifact_root, record.experiment = location.uri, location.artifact_root, "load"
        record.start_time, record.status, record.end_time = time.time(), "RUNNING", None
        record.tags |= {"directory": str(folder)}
        tracker = Tracker(location, folder, record, must_open=False)
        tracker.start(sampling_seconds=None)
        for row in history:
            time.sleep(EPOCH_SECONDS)
            tracker.epoch(row)
        record.status, record.end_time = "FINISHED", time.time()
        began = time.perf_counter()
        record.logged = tracker.finish(model, lambda line: None)
        record.write(folder)
        while not record.logged and not answers(f"{uri}/health")():
            time.sleep(1)  # a run takes longer than a second: not all of them begin while the server is away
        kept += not record.logged
        waits.append(time.perf_counter() - began)
    answer.put((waits, dict(kinds), kept))


def disturb(store: Store, how: list[str], stop: threading.Event, period: float) -> Iterator[str]:
    """Do what the words ask for, while the clients are at work; yields what was done."""
    if store.network is not None:
        store.network.bad = True
    for _ in range(2):
        if "database" in how and store.postgres is not None:
            if stop.wait(period):
                return
            store.postgres.restart()
            yield "database restarted"
        if "server" in how:
            if stop.wait(period):
                return
            store.server.kill()
            yield "server killed"
            time.sleep(DOWN_SECONDS)
            store.server.start()
            yield "server started"


def mend(place: Path) -> int:
    """Log from their folders the runs that did not get there; returns how many there were."""
    from locexp.errors import RunFailedError, UserError
    from locexp.records.record import RunRecord
    from locexp.tracking.relog import relog

    left = [path.parent for path in place.glob("*/run.json") if not RunRecord.read(path.parent).logged]
    for folder in left:
        try:
            relog(str(folder), None, lambda line: None)
        except (RunFailedError, UserError) as error:
            print(f"  {folder.name}: {error}", flush=True)
    return len(left)


def audit(store: Store, place: Path, runs: int) -> list[str]:
    """Return what is not as it should be, in words, read from the server itself."""
    from mlflow import MlflowClient

    from locexp.records.files import logged_files
    from locexp.records.history import read_history
    from locexp.records.record import RECORD, RunRecord

    mlflow = MlflowClient(store.inner)
    experiment = mlflow.get_experiment_by_name("load")
    found: dict[str, list[Any]] = {}
    token = None
    while True:
        page = mlflow.search_runs([experiment.experiment_id], max_results=100, page_token=token)
        for run in page:
            found.setdefault(run.data.tags.get("directory", "none"), []).append(run)
        token = page.token
        if not token:
            break
    models: Counter[str] = Counter()
    token = None
    while True:
        listed = mlflow.search_logged_models([experiment.experiment_id], max_results=100, page_token=token)
        models.update(model.source_run_id for model in listed)
        token = listed.token
        if not token:
            break
    wrong = []
    for index in range(runs):
        folder = place / str(index)
        ones = found.pop(str(folder), [])
        if len(ones) != 1:
            wrong.append(f"run {index}: {len(ones)} times in the store ({', '.join(one.info.status for one in ones)})")
            continue
        (run,) = ones
        if run.info.status != "FINISHED":
            wrong.append(f"run {index}: {run.info.status}")
        steps = [metric.step for metric in mlflow.get_metric_history(run.info.run_id, "time/epoch_seconds")]
        if sorted(steps) != [row["epoch"] for row in read_history(folder)]:
            wrong.append(f"run {index}: epochs {steps}")
        # Those of an attempt that was lost stay outputs, though they are deleted.
        outputs = Counter(output.model_id for output in run.outputs.model_outputs)
        if models[run.info.run_id] != 1 or max(outputs.values()) > 1:
            wrong.append(f"run {index}: {models[run.info.run_id]} models, as outputs {sorted(outputs.values())}")
        paths = logged_files(folder, RunRecord.read(folder)) if index % 10 == 0 else []
        sizes: dict[str, int] = {}
        for parent in {path.parent for path in paths}:
            there = mlflow.list_artifacts(run.info.run_id, str(parent) if parent != Path() else None)
            sizes |= {file.path: file.file_size or 0 for file in there}
        for path in paths:
            # The record is written once more when all of it is there.
            if sizes.get(str(path)) != (folder / path).stat().st_size and not (path.name == RECORD and sizes):
                wrong.append(f"run {index}: {path} has {sizes.get(str(path))} bytes")
    return wrong + [f"{directory}: nobody's" for directory in found]


def load(template: Path, place: Path, words: argparse.Namespace) -> bool:
    """Do it once; returns whether all was as it should be."""
    place.mkdir()
    with Store(place, words) as store:
        context = multiprocessing.get_context("fork")  # one import of TensorFlow and MLflow for all of them
        for name in ("tensorflow", "locexp.tracking.session"):
            importlib.import_module(name)
        folders = place / "runs"
        folders.mkdir()
        answer = context.Queue()
        given = (words.clients, words.runs, template, folders, store.uri, answer)
        clients = [context.Process(target=client, args=(number, *given)) for number in range(words.clients)]
        stop, done = threading.Event(), []
        began = time.perf_counter()

        def disturbing() -> None:
            for what in disturb(store, words.disturb, stop, words.period):
                print(f"  {time.perf_counter() - began:.0f} s: {what}", flush=True)

        for process in clients:
            process.start()
        thread = threading.Thread(target=disturbing)
        thread.start()
        for _ in clients:
            done.append(answer.get())
        seconds = time.perf_counter() - began
        stop.set()
        thread.join()
        for process in clients:
            process.join()
        if store.network is not None:
            print(f"  connections dropped: {store.network.dropped}")
            store.network.bad = False
        waits = np.array([wait for one, _, _ in done for wait in one])
        sent = sum((Counter(kinds) for _, kinds, _ in done), Counter())
        kept = sum(number for _, _, number in done)
        middle, high, most = np.percentile(waits, [50, 95, 100])
        print(
            f"  {words.runs} runs in {seconds:.0f} s: {60 * words.runs / seconds:.0f} a minute; a run waits "
            f"{middle:.1f} s (median), {high:.1f} s (95 %), {most:.1f} s (most); "
            f"{sum(sent.values()) / words.runs:.1f} requests a run",
            flush=True,
        )
        if words.requests:
            print("  " + ", ".join(f"{number / words.runs:.1f} {kind}" for kind, number in sent.most_common()))
        began = time.perf_counter()
        left = mend(folders)
        assert left == kept
        print(f"  not all there at their end: {left}; logged from their folders in {time.perf_counter() - began:.0f} s")
        wrong = audit(store, folders, words.runs)
    for line in wrong[:20]:
        print(f"  WRONG: {line}")
    print(f"  {words.runs} runs audited: {len(wrong)} at fault", flush=True)
    return not wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--artifacts", choices=("files", "s3"), default="files")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--disturb", nargs="*", choices=("server", "database", "network"), default=[])
    parser.add_argument("--period", type=float, default=30, help="seconds between what disturbs")
    parser.add_argument("--lose", type=int, default=2000, metavar="N", help="the network loses one message of N")
    parser.add_argument("--requests", action="store_true", help="also say which requests a run takes")
    parser.add_argument("--before", help="another checkout, whose code takes turns with this one")
    parser.add_argument("--repeats", type=int, default=1)
    words = parser.parse_args()
    if words.before:
        for _ in range(words.repeats):
            for name, folder in (("before", words.before), ("now", Path(__file__).parents[1])):
                print(name, flush=True)
                given = ["--store", words.store, "--artifacts", words.artifacts, "--runs", str(words.runs)]
                env = {**os.environ, "PYTHONPATH": str(Path(folder) / "src")}
                command = [sys.executable, __file__, *given, "--clients", str(words.clients), "--requests"]
                subprocess.run(command, env=env, check=True)
        return 0
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "TF_CPP_MIN_LOG_LEVEL": "2"}
    print(json.dumps({name: value for name, value in vars(words).items() if value}))
    with tempfile.TemporaryDirectory(prefix="locexp-load-") as folder:
        template = real_run(Path(folder) / "real")
        good = [load(template, Path(folder) / str(number), words) for number in range(words.repeats)]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
