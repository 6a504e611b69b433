"""Comparing a sweep of 1,000 runs, in a store of 10,000, listing what is there, and resuming what has finished.

    python benchmarks/many_runs.py [--repeats 3]

The runs are generated: one real, tiny sweep is made by the command, then its rows are copied in the database (50
settings of 20 seeds in one sweep, 90 further sweeps of 100 runs), with metrics redrawn, and its files linked. Timed
are whole commands: ``python -m locexp.compare ID`` (table, tests, front, figures, report), ``python -m locexp.compare
list``, ``sweep.dry_run=true`` of 10,000 jobs, and ``sweep.resume`` of the real sweep, of which all jobs have finished:
it runs none, and compares it again.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import common
import numpy as np

TABLES = ("params", "tags", "metrics", "latest_metrics")
WORDS = ["data=mnist_5k", "data.limit=320", "trainer.epochs=5", "model.filters=[4]", "model.dense_units=8"]
SETTINGS, SEEDS = 50, 20
FILES = ("history.jsonl", "tables/predictions.csv", "pictures/gallery_random.png")


class Copier:
    """Copies runs in the database of a store."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.base = sqlite3.connect(place / "mlruns" / "mlflow.db")
        self.base.row_factory = sqlite3.Row
        self.random = np.random.default_rng(0)

    def find(self, kind: str) -> str:
        """Return the id of a run of a kind."""
        query = "SELECT run_uuid FROM tags WHERE key = 'kind' AND value = ?"
        return str(self.base.execute(query, (kind,)).fetchone()[0])

    def rows(self, table: str, run_id: str) -> list[dict[str, object]]:
        """Return the rows of a run."""
        return [dict(row) for row in self.base.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run_id,))]

    def load(self, run_id: str) -> dict[str, list[dict[str, object]]]:
        """Return all that the store has of a run."""
        return {table: self.rows(table, run_id) for table in ("runs", *TABLES)}

    def copy(
        self,
        template: dict[str, list[dict[str, object]]],
        tags: dict[str, str],
        parameters: dict[str, str],
        noise: float,
        files: Path | None,
    ) -> str:
        """Insert a copy of a run with some tags and parameters replaced and its metrics redrawn."""
        identity = uuid.uuid4().hex
        folder = self.place / "files" / identity
        for table in ("runs", *TABLES):
            made = []
            for row in template[table]:
                new = dict(row) | {"run_uuid": identity}
                if table == "runs":
                    new |= {"name": tags.get("mlflow.runName", row["name"]), "artifact_uri": folder.as_uri()}
                if table == "tags":
                    new["value"] = {"directory": str(folder), **tags}.get(str(row["key"]), row["value"])
                if table == "params":
                    new["value"] = parameters.get(str(row["key"]), row["value"])
                if "metrics" in table and str(row["key"]).startswith(("test/", "kept/")):
                    new["value"] = float(str(row["value"])) + noise + 0.01 * self.random.normal()
                made.append(new)
            if made:
                names = list(made[0])
                marks = ",".join(f":{name}" for name in names)
                self.base.executemany(f"INSERT INTO {table} ({','.join(names)}) VALUES ({marks})", made)
        if files is not None:
            for name in FILES:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.link(files / name, folder / name)
        return identity


def generate(place: Path) -> tuple[str, str]:
    """Fill a store; returns the ids of the sweep of 1,000 and of the real one, which has finished."""
    subprocess.run(
        [sys.executable, "-m", "locexp.train", *WORDS, "--multirun", "loss.bbox_weight=0.5,5", "seed=0,1"],
        cwd=place,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    copier = Copier(place)
    parent, child = copier.load(copier.find("sweep")), copier.load(copier.find("run"))
    files = Path(str(next(row["value"] for row in child["tags"] if row["key"] == "directory")))
    hashes = [str(next(row["value"] for row in child["tags"] if row["key"] == "config_hash"))]
    real = str(next(row["value"] for row in parent["tags"] if row["key"] == "sweep_id"))
    hashes += [uuid.uuid4().hex[:16] for _ in range(SETTINGS - 1)]
    sweeps = {"large": (SETTINGS, SEEDS)} | {f"small-{number}": (10, 10) for number in range(90)}
    for name, (settings, seeds) in sweeps.items():
        holder = copier.copy(parent, {"sweep_id": name, "mlflow.runName": name}, {}, 0, None)
        for setting in range(settings):
            weight = f"{0.5 * 1.2**setting:.4g}"
            for seed in range(seeds):
                tags = {
                    "sweep_id": name,
                    "mlflow.parentRunId": holder,
                    "config_hash": hashes[setting],
                    "seed": str(seed),
                    "varied.seed": str(seed),
                    "varied.loss.bbox_weight": weight,
                    "sweep_job": str(seed * settings + setting),
                    "mlflow.runName": f"bbox_weight={weight} seed={seed}",
                }
                parameters = {"loss.bbox_weight": weight, "seed": str(seed)}
                noise = 0.02 * np.sin(setting / 8)
                copier.copy(child, tags, parameters, float(noise), files if name == "large" else None)
    copier.base.commit()
    copier.base.close()
    return "large", real


def main() -> None:
    """Generate and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    print(common.machine())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        start = time.perf_counter()
        identity, real = generate(place)
        print(f"generated 10,000 runs in {time.perf_counter() - start:.0f} s")

        def command(*command_line: str) -> float:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", *command_line], cwd=place, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(f"{' '.join(command_line)} failed:\n{done.stderr}")
            return time.perf_counter() - start

        weights = ",".join(f"{1 + number / 100:g}" for number in range(100))
        dry = ["sweep.dry_run=true", "sweep.seeds=100", f"loss.bbox_weight={weights}"]
        taken = common.alternate(
            arguments.repeats,
            {
                "compare 1,000 runs": lambda: command("locexp.compare", identity),
                "list the sweeps of 10,000 runs": lambda: command("locexp.compare", "list"),
                "list 10,000 jobs": lambda: command("locexp.train", "--multirun", *WORDS, *dry),
                "resume a finished sweep": lambda: command("locexp.train", f"sweep.resume={real}"),
            },
        )
    for (name, seconds), target in zip(taken.items(), (20, 60, 60, 10), strict=True):
        print(f"{name:32} {common.spread(seconds)} s   (target <= {target})")


if __name__ == "__main__":
    main()
