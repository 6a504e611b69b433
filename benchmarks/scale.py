"""What grows with runs: 1,000, 10,000 and 100,000 of them, by 1,000 imagined workers.

    python benchmarks/scale.py [--runs 1000 10000 100000] [--only compare,folder,list,dry,jobs,distinct]

The runs are generated: one real, tiny sweep is made by the command, then its rows are copied within the database (20
seeds of each setting; hosts, seeds, weights and metrics are drawn), and its files are linked into a folder for each.
One sweep has up to 10,000 runs, the others of a store 1,000 each. Timed, with the most memory, are whole commands:
``python -m locexp.compare ID`` and ``compare FOLDER`` (table, tests, figures, report), ``compare list``, and
``sweep.dry_run=true`` of as many jobs, of 100 seeds each and of one seed each; and in a process of its own what the
sweep's command does with so many jobs (compose, hash, the list on the disk) before the first begins.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import common

WORDS = ["data=mnist_5k", "data.limit=320", "trainer.epochs=5", "model.filters=[4]", "model.dense_units=8"]
SEEDS, WORKERS, LARGEST = 20, 1000, 10_000
FILES = ("history.jsonl", "tables/predictions.csv", "pictures/gallery_random.png")
TABLES = ("runs", "params", "tags", "metrics", "latest_metrics")
PREPARE = """
import sys, time
from pathlib import Path
from locexp.configuration.compose import composing
from locexp.records.sweep_list import SweepList
from locexp.sweep.ends import Ends
from locexp.sweep.jobs import StagedJobs
clock = time.process_time
begin = clock()
with composing() as composer:
    staged = StagedJobs(composer, sys.argv[1:], multirun=True)
    staged.take_stages([])
composed = clock()
made = SweepList(sys.argv[1:], True, None, jobs=[job.stored() for job in staged.jobs], stages=staged.course.stages)
Path("sweep").mkdir(exist_ok=True)
made.write(Path())
listed = clock()
SweepList.read(Path())
read = clock()
Ends(staged).tally
print(f"  composed {composed - begin:.1f} s, list written {listed - composed:.1f} s ("
      f"{Path('sweep/sweep.json').stat().st_size / 1e6:.1f} MB), read {read - listed:.1f} s, "
      f"counted {clock() - read:.1f} s of CPU")
"""


class Generator:
    """Copies runs within the database of a store.

    Args:
        place: with a store of one real sweep.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.base = sqlite3.connect(place / "mlruns" / "mlflow.db")
        self.base.executescript("PRAGMA synchronous=off; PRAGMA journal_mode=off;")
        kinds = dict(self.base.execute("SELECT value, run_uuid FROM tags WHERE key = 'kind'"))
        self.parent, self.child = kinds["sweep"], kinds["run"]
        self.folder = Path(self.tag(self.child, "directory"))
        self.hashes: list[str] = [self.tag(self.child, "config_hash")]
        self.base.execute(
            "CREATE TEMP TABLE made (id TEXT, parent TEXT, sweep TEXT, number INT, setting INT, seed INT, weight TEXT,"
            " hash TEXT, folder TEXT, host TEXT)"
        )

    def tag(self, run: str, key: str) -> str:
        """Return a tag of a run."""
        return str(self.base.execute("SELECT value FROM tags WHERE run_uuid=? AND key=?", (run, key)).fetchone()[0])

    def sweep(self, name: str, runs: int, *, files: bool) -> Path:
        """Add a sweep; returns its folder, which is made only with ``files``."""
        folder, parent = self.place / "sweeps" / name, name.encode().hex().ljust(32, "0")
        self._copy(self.parent, [(parent, "", name, 0, 0, 0, "", "", str(folder), "w0")])
        finished = "UPDATE {} SET value=? WHERE run_uuid=? AND key IN ('sweep/finished', 'sweep/jobs')"
        for table in ("metrics", "latest_metrics"):
            self.base.execute(finished.format(table), (runs, parent))
        rows: list[tuple[Any, ...]] = []
        for number in range(runs):
            setting, seed = number // SEEDS, number % SEEDS
            while len(self.hashes) <= setting:
                self.hashes.append(f"{len(self.hashes):016x}")
            weight = f"{0.5 + setting / 10:g}"
            place, host = str(folder / str(number)), f"w{number % WORKERS}"
            identity = f"{parent[:23]}f{number:08x}"
            rows.append((identity, parent, name, number, setting, seed, weight, self.hashes[setting], place, host))
        self._copy(self.child, rows)
        if files:
            self._write(folder, name, rows)
        return folder

    def _copy(self, template: str, rows: list[tuple[Any, ...]]) -> None:
        self.base.execute("DELETE FROM made")
        self.base.executemany(f"INSERT INTO made VALUES ({','.join('?' * 10)})", rows)
        is_run = template == self.child
        name = "'bbox_weight=' || weight || ' seed=' || seed" if is_run else "sweep"
        tags = {
            "sweep_id": "sweep",
            "directory": "made.folder",
            "host": "host",
            "mlflow.runName": name,
            **({"mlflow.parentRunId": "parent", "config_hash": "hash", "seed": "seed"} if is_run else {}),
            **({"varied.seed": "seed", "varied.loss.bbox_weight": "weight", "sweep_job": "number"} if is_run else {}),
        }
        drawn = "value + .02 * sin(setting / 8.0) + .01 * (random() / 9.3e18)"
        changed = {
            "runs": {"name": name, "artifact_uri": "'file://' || made.folder"},
            "tags": {"value": _case(tags)},
            "params": {"value": _case({"loss.bbox_weight": "weight", "seed": "seed"})},
            "metrics": {"value": f"CASE WHEN key LIKE 'test/%' OR key LIKE 'kept/%' THEN {drawn} ELSE value END"},
        }
        for table in TABLES:
            names = [row[1] for row in self.base.execute(f"PRAGMA table_info({table})")]
            new = {"run_uuid": "made.id", **changed[table.removeprefix("latest_")]}
            columns = ", ".join(new.get(one, f"t.{one}") for one in names)
            where = f"FROM {table} t, made WHERE t.run_uuid = ?"
            self.base.execute(f"INSERT INTO {table} ({', '.join(names)}) SELECT {columns} {where}", (template,))
        self.base.commit()

    def _write(self, folder: Path, name: str, rows: list[tuple[Any, ...]]) -> None:
        """Write the files of a sweep and its runs, with the numbers that the store has."""
        from locexp.records.record import RunRecord
        from locexp.records.sweep_list import SweepList

        parent, child = RunRecord.read(self.folder.parent), RunRecord.read(self.folder)
        (folder / "sweep").mkdir(parents=True)
        parent.tags |= {"sweep_id": name, "directory": str(folder)}
        parent.write(folder)
        jobs = []
        for identity, holder, _, number, _, seed, weight, hash_, place, host in rows:
            varied = {"loss.bbox_weight": weight, "seed": str(seed)}
            title = f"bbox_weight={weight} seed={seed}"
            jobs.append(
                {"index": number, "stage": 0, "name": title, "overrides": [*WORDS, f"loss.bbox_weight={weight}"]}
            )
            jobs[-1] |= {"config_hash": hash_, "seed": seed, "varied": varied, "role": ""}
            tags = child.tags | {
                "sweep_id": name,
                "mlflow.parentRunId": holder,
                "config_hash": hash_,
                "seed": str(seed),
            }
            tags |= {"varied.seed": str(seed), "varied.loss.bbox_weight": weight, "sweep_job": str(number)}
            tags |= {"directory": place, "host": host}
            parameters = child.parameters | {"loss.bbox_weight": weight, "seed": str(seed)}
            metrics = child.metrics | dict(
                self.base.execute(
                    "SELECT key, value FROM latest_metrics WHERE run_uuid=? AND key LIKE '%t/%'", (identity,)
                )
            )
            made = replace(child, name=title, tags=tags, parameters=parameters, metrics=metrics, run_id=identity)
            for file in FILES:
                Path(place, file).parent.mkdir(parents=True, exist_ok=True)
                os.link(self.folder / file, Path(place, file))
            values = {key: value for key, value in vars(made).items() if key != "directory"}
            Path(place, "run.json").write_text(
                json.dumps({"format": 2, **values}, indent=2, default=str), encoding="utf-8"
            )
        SweepList([*WORDS, "loss.bbox_weight=…"], True, None, jobs, sweep_id=name).write(folder)


def _case(values: dict[str, str]) -> str:
    return f"CASE key {' '.join(f'WHEN {key!r} THEN {value}' for key, value in values.items())} ELSE value END"


def generate(place: Path, runs: int) -> Path:
    """Fill a store; returns the folder of its largest sweep, ``large``."""
    words = [*WORDS, "tracking.system_metrics=false", "--multirun", "loss.bbox_weight=0.5,5", "seed=0,1"]
    subprocess.run([sys.executable, "-m", "locexp.train", *words], cwd=place, check=True, stdout=subprocess.DEVNULL)
    generator = Generator(place)
    largest = min(runs, LARGEST)
    for number in range((runs - largest) // 1000):
        generator.sweep(f"s{number}", 1000, files=False)
    folder = generator.sweep("large", largest, files=True)
    generator.base.execute("ANALYZE")
    generator.base.close()
    return folder


def command(place: Path, *command_line: str) -> str:
    """Run a command to its end; returns how long it took, how much of the CPU, and the most memory."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, *command_line], cwd=place, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        out.seek(0)
        said = out.read().decode()
    if status:
        return f"failed after {took:.1f} s: {said[-300:]}"
    shown = "".join(f"\n{line}" for line in said.splitlines() if line.startswith("  composed"))
    cpu = used.ru_utime + used.ru_stime
    return f"{took:7.1f} s  (CPU {cpu:6.1f} s)  {used.ru_maxrss / 2**20:5.2f} GiB{shown}"


def main() -> None:
    """Generate and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--only", default="compare,folder,list,dry,jobs,distinct")
    parser.add_argument(
        "--place", help="an empty folder for what is generated, which is kept; a temporary one otherwise"
    )
    arguments = parser.parse_args()
    only = arguments.only.split(",")
    print(common.machine(), flush=True)
    for runs in arguments.runs:
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(arguments.place, str(runs)) if arguments.place else Path(temporary)
            if not (place / "mlruns").exists():
                place.mkdir(parents=True, exist_ok=True)
                start = time.perf_counter()
                generate(place, runs)
                size = (place / "mlruns" / "mlflow.db").stat().st_size / 1e9
                print(f"{runs:,} runs generated in {time.perf_counter() - start:.0f} s, {size:.1f} GB", flush=True)

            def weights(count: int) -> str:
                return "loss.bbox_weight=" + ",".join(f"{0.5 + number / 10:g}" for number in range(count))

            of_seeds = [*WORDS, "sweep.seeds=100", weights(max(1, runs // 100))]
            dry = ["-m", "locexp.train", "--multirun", "sweep.dry_run=true"]
            measures = {
                "compare": (f"compare {min(runs, LARGEST):,} runs of", ["-m", "locexp.compare", "large"]),
                "folder": (f"compare the folder of {min(runs, LARGEST):,}", ["-m", "locexp.compare", "sweeps/large"]),
                "list": ("compare list of", ["-m", "locexp.compare", "list"]),
                "dry": ("dry run, 100 seeds each, beside", [*dry, *of_seeds]),
                "jobs": ("jobs, 100 seeds each", ["-c", PREPARE, *of_seeds]),
                "distinct": ("jobs, one seed each", ["-c", PREPARE, *WORDS, weights(runs)]),
            }
            for kind, (name, line) in measures.items():
                if kind in only:
                    print(f"{name + f' {runs:,}':44} {command(place, *line)}", flush=True)


if __name__ == "__main__":
    main()
