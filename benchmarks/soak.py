"""Shooting commands at random moments and going on with what locexp prints: nothing lost, nothing twice, equal numbers.

    python benchmarks/soak.py [--kills 60] [--kinds single,first,stacked,staged,joblib] [--seed 0] [--workers 2]

Each case begins a command in a folder of its own, sends SIGKILL to it (or, where it has started others, now and then to
one of these) at a random moment, and goes on as somebody would who reads the screen: with ``trainer.resume`` or
``sweep.resume``, and with whatever command an answer names, until one ends well. The commands that go on are shot, too.
Then the folder must hold what an undisturbed command leaves: every job finished exactly once, in its folder and in
MLflow, with equal history, metrics, predictions and weights to the last bit (``trainer.deterministic=true``), an equal
comparison, and no run RUNNING.

A line is printed for each case, then a table; the exit status is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import importlib.util
import io
import itertools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

SMALL = [
    "data=mnist_5k",
    "data.source=bundled",
    "data.limit=400",
    "model.filters=[4]",
    "model.dense_units=8",
    "trainer.deterministic=true",
    "trainer.threads=1",
]
EIGHT = ["--multirun", "loss.bbox_weight=0.5,5,50,200", "seed=1,2"]
STAGED = ["sweep=bbox_weight", "sweep.seeds=1", "sweep.points=2", "sweep.single_task=false", "sweep.final_seeds=2"]
JOBLIB = ["--multirun", "loss.bbox_weight=0.5,50", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
KINDS = {
    "single": [*SMALL, "trainer.epochs=3", "loss.bbox_weight=20", "seed=3"],
    "first": [*SMALL, "trainer.epochs=2", "seed=4"],
    "stacked": [*SMALL, "trainer.epochs=2", *EIGHT],
    "staged": [*SMALL, "trainer.epochs=1", *STAGED],
    "joblib": [*SMALL, "trainer.epochs=1", *JOBLIB],
}
"""The command of each kind. ``first`` begins in an empty folder, the others where a store is already."""
PRINTED = re.compile(r"python -m locexp\.(\w+)((?: (?:'[^']*'|[^\s;,'()])+)*)")
"""A command in what locexp prints."""
NOT_BEGUN = ("nothing to continue from", "no store yet", "there is no sweep", "is not in sqlite")
"""What is said where there is nothing to go on with."""
MOST_KILLS_PER_CASE = 3
MOST_TRIES = 12
PATIENCE_SECONDS = 300
"""How long a command may take that is left alone."""
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONUNBUFFERED": "1"}


Command = tuple[str, list[str]]
"""A door, and the arguments that follow it."""


@dataclasses.dataclass
class Case:
    """A command that is shot, and what became of it."""

    number: int
    kind: str
    place: Path
    random: random.Random
    kills: int = 0
    shots: list[str] = dataclasses.field(default_factory=list)
    faults: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_sweep(self) -> bool:
        """Whether its command is one."""
        return self.kind in ("stacked", "staged", "joblib")

    def note_traceback(self, command: str, said: str) -> None:
        """Note a traceback in what a command has printed."""
        if "Traceback" in said:
            self.faults.append(f"a traceback from {command}: {said.strip().splitlines()[-1]}")


class Budget:
    """How many kills are left, for cases that run side by side."""

    def __init__(self, kills: int) -> None:
        self._left, self._lock = kills, threading.Lock()

    def take(self) -> bool:
        """Take one; returns whether there was one."""
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def give_back(self) -> None:
        """Put one back: the command was done before the shot."""
        with self._lock:
            self._left += 1

    @property
    def is_spent(self) -> bool:
        """Whether none is left."""
        return self._left <= 0


def begin(command_line: Sequence[str], place: Path, output: Any, door: str = "train") -> subprocess.Popen[bytes]:
    """Start a command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", f"locexp.{door}", *command_line],
        cwd=place,
        env={**os.environ, **ENVIRONMENT},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(command_line: Sequence[str], place: Path, door: str = "train") -> tuple[int, str]:
    """Run a command to its end; returns its exit status and what it has printed."""
    with tempfile.TemporaryFile() as output:
        process = begin(command_line, place, output, door)
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            kill_all(process.pid)
            status = process.wait()
        output.seek(0)
        return status, output.read().decode(errors="replace")


def kill_all(session: int) -> None:
    """End what is left of a session, and wait until it has gone."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        left = [pid for pid in psutil.pids() if in_session(pid, session)]
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.05)


def in_session(pid: int, session: int) -> bool:
    """Whether a process that has not ended belongs to a session."""
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def shoot(
    case: Case, command_line: Sequence[str], usual: tuple[float, float], budget: Budget
) -> tuple[int | None, str]:
    """Run a command and shoot it at a random moment; returns its status (``None``: it was shot) and what it printed.

    Most shots are spread over the time after the first file appears: before it there is nothing to lose.

    Args:
        case: the command's.
        command_line: of the command.
        usual: seconds that such a command takes until its first file, and in all.
        budget: gets the kill back that did not come to pass.
    """
    to_file, in_all = usual
    late = case.random.random() < 0.85
    delay = case.random.uniform(0, in_all - to_file) if late else case.random.uniform(0, in_all)
    at_child = case.random.random() < 0.3
    seen = files(case.place)
    with tempfile.TemporaryFile() as output:
        process = begin(command_line, case.place, output)
        start = time.monotonic()
        while late and process.poll() is None and files(case.place) == seen and time.monotonic() - start < 60:
            time.sleep(0.01)
        try:
            status: int | None = process.wait(delay)
            budget.give_back()
        except subprocess.TimeoutExpired:
            children = workers_of(process.pid) if at_child else []
            victim = case.random.choice(children) if children else psutil.Process(process.pid)
            what = "child" if children else "main"
            case.shots.append(f"{what} at {time.monotonic() - start:.2f} s")
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
            status = process.wait(PATIENCE_SECONDS)
            if status == -signal.SIGKILL:
                status = None
                wait_for_session(process.pid)
            case.kills += 1
        output.seek(0)
        return status, output.read().decode(errors="replace")


def workers_of(command: int) -> list[psutil.Process]:
    """Return the processes that a command has started, but for Python's own tracker of semaphores.

    Without that, Python itself prints a traceback for each semaphore; the command goes on unharmed.
    """
    workers = []
    for child in psutil.Process(command).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "resource_tracker" not in " ".join(child.cmdline()):
                workers.append(child)
    return workers


def wait_for_session(session: int) -> None:
    """Wait until what a shot command has started has noticed; what has not after 20 s is a fault of its own."""
    deadline = time.monotonic() + 20
    while any(in_session(pid, session) for pid in psutil.pids()):
        if time.monotonic() > deadline:
            kill_all(session)
            return
        time.sleep(0.1)


def files(place: Path) -> int:
    """Return how many files and folders there are."""
    return sum(1 for _ in place.rglob("*"))


def records(place: Path) -> dict[Path, dict[str, Any]]:
    """Return the records of all runs and sweeps by their folder, in the order in which they began."""
    found = {path.parent: json.loads(path.read_text()) for path in place.glob("multirun/**/run.json")}
    return dict(sorted(found.items(), key=lambda item: item[1]["start_time"]))


def is_done(case: Case) -> bool:
    """Whether the command has left what it was to leave."""
    found = list(records(case.place).values())
    wanted = [one for one in found if one["tags"]["kind"] == "sweep"] if case.is_sweep else found
    return bool(wanted) and wanted[-1]["status"] == "FINISHED" and wanted[-1]["logged"]


def next_command(case: Case) -> Command:
    """Return what a user types who has seen nothing: the command went away without a word."""
    if case.is_sweep:
        has_begun = any(case.place.glob("multirun/*/*/sweep/sweep.json"))
        return ("train", ["sweep.resume=last"] if has_begun else KINDS[case.kind])
    found = list(records(case.place))
    if not found:
        return ("train", KINDS[case.kind])
    return ("train", [f"trainer.resume={found[-1].relative_to(case.place)}"])


def printed_commands(said: str) -> list[Command]:
    """Return the commands that go on, of those that locexp has printed."""
    found = [(door, shlex.split(command_line.rstrip("."))) for door, command_line in PRINTED.findall(said)]
    return [
        (door, command_line)
        for door, command_line in found
        if command_line and (door == "log" or command_line[0].startswith(("trainer.resume=", "sweep.resume=")))
    ]


def go_on(case: Case, usual: tuple[float, float], budget: Budget) -> None:
    """Go on with a command that was shot, as its user would, until it has ended well."""
    waiting: list[Command] = []
    said = ""
    for _ in range(MOST_TRIES):
        door, command_line = waiting.pop(0) if waiting else next_command(case)
        again = door == "train" and case.kills < MOST_KILLS_PER_CASE and case.random.random() < 0.6
        if again and budget.take():
            status, said = shoot(case, command_line, usual, budget)
            if status is None:
                waiting.clear()
                continue
        else:
            status, said = run(command_line, case.place, door)
        case.note_traceback(f"{door} {shlex.join(command_line)}", said)
        if status == 0:
            if not waiting and is_done(case):
                return
            continue
        waiting = printed_commands(said)
        if any(phrase in said for phrase in NOT_BEGUN):
            waiting.append(("train", KINDS[case.kind]))  # it had not begun: begin anew
        elif "still running" in said or "still going on" in said:
            time.sleep(1)
        elif not waiting:
            case.faults.append(f"{door} {shlex.join(command_line)} ended with {status}: {said.strip()[-400:]}")
            return
    case.faults.append(f"not done after {MOST_TRIES} commands; the last said: {said.strip()[-400:]}")


def shot_case(case: Case, usual: tuple[float, float], budget: Budget, reference: dict[str, Any]) -> None:
    """Do one case, from the first shot to the check."""
    start = time.monotonic()
    if budget.take():
        status, said = shoot(case, KINDS[case.kind], usual, budget)
        case.note_traceback("the command", said)
        if status != 0:
            go_on(case, usual, budget)
    try:
        case.faults += check(case.place, reference)
    except Exception as error:  # what cannot be read is a fault, too
        case.faults.append(f"cannot be checked: {type(error).__name__}: {error}")
    case.seconds = time.monotonic() - start


def check(place: Path, reference: dict[str, Any]) -> list[str]:
    """Return what differs from an undisturbed command."""
    found = outcome(place)
    faults = list(found["faults"])
    for key in sorted({*reference["jobs"], *found["jobs"]}):
        expected, got = reference["jobs"].get(key), found["jobs"].get(key)
        if expected is None or got is None:
            faults.append(f"job {key} is {'lost' if got is None else 'not in the reference'}")
            continue
        faults += [f"job {key}: {name} differs" for name in expected if got[name] != expected[name]]
    if found["comparisons"] != reference["comparisons"]:
        faults.append("the comparison differs")
    return faults


def outcome(place: Path) -> dict[str, Any]:
    """Return what a case has left: its jobs with all their numbers, the comparison, and what must not be."""
    from mlflow import MlflowClient

    faults: list[str] = []
    own = records(place)
    faults += [f"{folder.name}: the record is RUNNING" for folder, one in own.items() if one["status"] == "RUNNING"]
    jobs: dict[str, dict[str, Any]] = {}
    finished = {folder: one for folder, one in own.items() if one["status"] == "FINISHED"}
    for folder, one in finished.items():
        if one["tags"].get("kind") == "sweep":
            continue
        key = f"{one['tags']['config_hash']} {one['tags']['seed']}"
        if key in jobs:
            faults.append(f"job {key} is there twice, in {folder}")
        if not one["logged"]:
            faults.append(f"job {key} is not logged")
        jobs[key] = numbers(folder, one)
    sweeps = [folder for folder, one in finished.items() if one["tags"].get("kind") == "sweep"]
    if len(sweeps) > 1:
        faults.append(f"{len(sweeps)} sweeps have finished")
    client = MlflowClient(f"sqlite:///{place}/mlruns/mlflow.db")
    experiment = client.get_experiment_by_name("locexp")
    tracked = client.search_runs([experiment.experiment_id], max_results=1000)
    faults += [f"MLflow run {one.info.run_name} is RUNNING" for one in tracked if one.info.status == "RUNNING"]
    done = collections.Counter(one.info.run_id for one in tracked if one.info.status == "FINISHED")
    ids = collections.Counter(one["run_id"] for one in finished.values())
    if done != ids:
        faults.append(f"MLflow has {len(done)} finished runs, the folders have {len(ids)}: {sorted(done - ids)}")
    for one in tracked:
        if one.info.status != "FINISHED":
            continue
        folder = next((folder for folder, record in finished.items() if record["run_id"] == one.info.run_id), None)
        if folder is None:  # which the ids above have told
            continue
        kept = {name: value for name, value in finished[folder]["metrics"].items() if value == value}
        lost = [name for name, value in kept.items() if one.data.metrics.get(name) != value]
        if lost:
            faults.append(f"MLflow run {one.info.run_name}: {len(lost)} metrics differ or are lost: {lost[:3]}")
        names = {file.path for file in client.list_artifacts(one.info.run_id)}
        wanted = {"comparison"} if one.data.tags["kind"] == "sweep" else {"run.json", "tables", "pictures"}
        if not wanted <= names:
            faults.append(f"MLflow run {one.info.run_name} lacks {sorted(wanted - names)}")
        if one.data.tags["kind"] == "run":
            epochs = [metric.step for metric in client.get_metric_history(one.info.run_id, "val/accuracy")]
            if epochs != list(range(1, int(kept["epochs"]) + 1)):
                faults.append(f"MLflow run {one.info.run_name} has the epochs {epochs}")
            models = one.outputs.model_outputs if one.outputs else []
            if len(models) != 1:
                faults.append(f"MLflow run {one.info.run_name} has {len(models)} models")
    return {"jobs": jobs, "comparisons": [comparison(folder) for folder in sweeps], "faults": faults}


def numbers(folder: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return everything of a finished run that must be equal, whenever it was trained and however often it was shot."""
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    model = zipfile.ZipFile(io.BytesIO((folder / "model.keras").read_bytes()))
    return {
        "metrics": {name: value for name, value in record["metrics"].items() if not name.startswith("time/")},
        "history": [
            {name: value for name, value in row.items() if name != "timestamp" and not name.startswith("time/")}
            for row in rows
        ],
        "predictions": hashlib.sha256((folder / "tables" / "predictions.csv").read_bytes()).hexdigest(),
        "weights": weights(model.read("model.weights.h5")),
        "pictures": sorted(path.name for path in (folder / "pictures").glob("*.png")),
    }


def weights(content: bytes) -> dict[str, str]:
    """Return the sha256 of every array in a file of weights."""
    import h5py

    found: dict[str, str] = {}
    with h5py.File(io.BytesIO(content)) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: hashlib.sha256(item[()].tobytes()).hexdigest()})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def comparison(folder: Path) -> Any:
    """Return a sweep's comparison but for its notes, which tell of what was shot; ids of runs are not compared."""
    content = json.loads(re.sub(r"\b[0-9a-f]{32}\b", "id", (folder / "comparison" / "comparison.json").read_text()))
    return {name: value for name, value in content.items() if name != "notes"}


def undisturbed(kind: str, place: Path) -> tuple[dict[str, Any], tuple[float, float]]:
    """Run a command to its end; returns what it leaves, and the seconds until its first file and in all."""
    seen, start = files(place), time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = begin(KINDS[kind], place, output)
        while process.poll() is None and files(place) == seen:
            time.sleep(0.01)
        first = time.monotonic() - start
        status = process.wait(PATIENCE_SECONDS)
        output.seek(0)
        if status:
            sys.exit(f"the undisturbed command of {kind} ended with {status}:\n{output.read().decode()}")
    found = outcome(place)
    if found["faults"]:
        sys.exit(f"the undisturbed command of {kind}: {found['faults']}")
    return found, (first, time.monotonic() - start)


def main() -> None:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=60, help="how many in all (%(default)s)")
    parser.add_argument("--kinds", default=",".join(KINDS), help="(%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="drives the moments (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="cases side by side (%(default)s)")
    parser.add_argument("--keep", type=Path, help="an empty folder for what the cases leave; those at fault stay")
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")
    if set(kinds) - set(KINDS):
        parser.error(f"--kinds {arguments.kinds}: expected some of {', '.join(KINDS)}")
    if "joblib" in kinds and not importlib.util.find_spec("hydra_plugins.hydra_joblib_launcher"):
        print("joblib: left out, for hydra-joblib-launcher is not installed")
        kinds.remove("joblib")
    print(f"{arguments.kills} kills of {', '.join(kinds)}; seed {arguments.seed}, {arguments.workers} at a time")
    with tempfile.TemporaryDirectory() as temporary:
        root = (arguments.keep or Path(temporary)).absolute()
        root.mkdir(parents=True, exist_ok=True)
        references: dict[str, dict[str, Any]] = {}
        usual: dict[str, tuple[float, float]] = {}
        for kind in kinds:
            place = root / f"undisturbed-{kind}"
            place.mkdir()
            references[kind], usual[kind] = undisturbed(kind, place)
            print(f"  {kind}: {len(references[kind]['jobs'])} jobs in {usual[kind][1]:.0f} s, undisturbed", flush=True)
        budget = Budget(arguments.kills)
        cases: list[Case] = []
        making, numbers = threading.Lock(), itertools.count()

        def work() -> None:
            while not budget.is_spent:
                number = next(numbers)
                kind = kinds[number % len(kinds)]
                place = root / f"{number:02d}-{kind}"
                case = Case(number, kind, place, random.Random(f"{arguments.seed} {number}"))
                cases.append(case)
                place.mkdir()
                if kind != "first":
                    with making:
                        make_store(place)
                shot_case(case, usual[kind], budget, references[kind])
                shots = "; ".join(case.shots) or "it was done before the shot"
                ended = "; ".join(case.faults) or "as undisturbed"
                print(f"  {number:02d} {kind}: {shots}: {ended} ({case.seconds:.0f} s)", flush=True)
                if not case.faults:
                    shutil.rmtree(place)

        with concurrent.futures.ThreadPoolExecutor(arguments.workers) as pool:
            for future in [pool.submit(work) for _ in range(arguments.workers)]:
                future.result()
    print_table(kinds, cases)
    sys.exit(any(case.faults for case in cases))


def make_store(place: Path) -> None:
    """Make the store that an earlier command would have left."""
    from locexp.tracking.location import locate
    from locexp.tracking.session import Session

    Session(locate(str(place / "mlruns"), None, "locexp"))


def print_table(kinds: Sequence[str], cases: Sequence[Case]) -> None:
    """Print what was shot and what differed, by kind."""
    print(f"\n{'kind':9} {'cases':>5} {'kills':>5} {'of children':>11} {'at fault':>8} {'minutes':>7}")
    for kind in [*kinds, "all"]:
        some = [case for case in cases if kind in (case.kind, "all")]
        children = sum(shot.startswith("child") for case in some for shot in case.shots)
        print(
            f"{kind:9} {len(some):5} {sum(case.kills for case in some):5} {children:11} "
            f"{sum(bool(case.faults) for case in some):8} {sum(case.seconds for case in some) / 60:7.1f}"
        )
    for case in cases:
        for fault in case.faults:
            print(f"fault {case.number:02d} {case.kind} ({'; '.join(case.shots)}): {fault}")


if __name__ == "__main__":
    main()
