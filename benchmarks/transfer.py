"""Where good weights come from, and whether they travel: races over many worlds, each beside a probe of both losses.

    python benchmarks/transfer.py run [--photos FOLDER] [--fashion FOLDER] [--minutes 180]    # goes on where it stopped
    python benchmarks/transfer.py report                                                      # the tables
    python benchmarks/transfer.py list

Each case is two commands: ``python -m locexp.train sweep=race …`` over 25 ratios (13 where that takes long) of which
the best 10 (6) are trained to the end on two seeds, and ``benchmarks/transfer_probe.py``, which looks at both losses
and their gradients before training and after 100 steps of equal weights. They run side by side, as starting up keeps
one core busy. What came of it is a line of ``--results``; cases that have one are not run again.

The report fits test ``loc_acc_75`` near its best by a parabola in the logarithm of the weight, takes all weights within
.01 of its top (or within two standard errors, where that is more) for as good as the best, and asks what would have
named one of them: probes, with constants from all other worlds; the best weight of all other worlds for that loss; and
a weight found on less data in fewer epochs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common
from transfer_cases import AXES, CASES, Case, placed
from transfer_report import METRIC, report

HERE = Path(__file__).resolve().parent
OFFLINE = {"TF_CPP_MIN_LOG_LEVEL": "2", "MLFLOW_DISABLE_TELEMETRY": "true"}
QUIET = ("trainer.pictures=none",)


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a results file that may not be there yet."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add a line to a results file: all of it, or nothing."""
    before = path.read_text("utf-8") if path.exists() else ""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(f"{before}{json.dumps(record, separators=(',', ':'))}\n", "utf-8")
    beside.replace(path)


def curve_of(folder: Path) -> list[dict[str, Any]]:
    """Return what a race has seen of each weight, rising: ``rung``, on validation after the first rung; and ``ends``,
    what it reached on each seed on which it was trained to the end."""
    sweep = json.loads((folder / "sweep" / "sweep.json").read_text("utf-8"))
    rung = sweep["stage_results"][0]
    rows: dict[float, dict[str, Any]] = {}
    for job in sweep["jobs"]:
        value = float(job["varied"]["loss.bbox_weight"])
        row = rows.setdefault(value, {"weight": value, "rung": None, "ends": []})
        seen = rung.get(str(job["index"]))
        if seen is not None:
            row["rung"] = round(seen[METRIC], 5)
        run = json.loads((folder / str(job["index"]) / "run.json").read_text("utf-8"))
        if run["status"] == "FINISHED":
            metrics = run["metrics"]
            names = {
                "test": f"test/{METRIC}",
                "validation": f"kept/{METRIC}",
                "accuracy": "test/accuracy",
                "mean_iou": "test/mean_iou",
            }
            row["ends"].append({"seed": job["seed"]} | {key: round(metrics[name], 5) for key, name in names.items()})
    return [rows[value] for value in sorted(rows)]


def record_of(case: Case, folder: Path, probes: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Return the line of a case whose race has finished."""
    comparison = json.loads((folder / "comparison" / "comparison.json").read_text("utf-8"))
    run = json.loads((folder / "0" / "run.json").read_text("utf-8"))
    return {
        "name": case.name,
        "group": case.world,
        "loss": case.loss,
        "family": case.family,
        "images": run["dataset"]["train"],
        "epochs": case.epochs,
        "classes": run["dataset"]["classes"],
        "canvas": run["dataset"]["canvas"],
        "axis": AXES[case.family],
        "points": case.points,
        "overrides": [*case.overrides(), *case.sweep()],
        "seconds": round(seconds),
        "chosen": float(comparison["chosen"].rpartition("=")[2]),
        "probes": probes,
        "curve": curve_of(folder),
    }


def run_case(case: Case, folders: Mapping[str, str], work: Path) -> dict[str, Any]:
    """Race and probe; returns the line.

    Raises:
        ValueError: one of the commands failed; its last words.
    """
    folder = work / "race"
    shutil.rmtree(folder, ignore_errors=True)
    overrides = placed(case.overrides(), folders)
    start = time.perf_counter()
    commands = {
        "race": ["-m", "locexp.train", *overrides, *case.sweep(), *QUIET, f"hydra.sweep.dir={folder}"],
        "probe": [str(HERE / "transfer_probe.py"), *overrides],
    }
    running = {
        name: subprocess.Popen(
            [sys.executable, *command],
            cwd=work,
            env={**os.environ, **OFFLINE},
            stdout=(work / f"{name}.txt").open("w", encoding="utf-8"),
            stderr=subprocess.STDOUT,
        )
        for name, command in commands.items()
    }
    statuses = {name: process.wait() for name, process in running.items()}
    said = {name: (work / f"{name}.txt").read_text("utf-8").splitlines() for name in commands}
    for name, status in statuses.items():
        if status:
            raise ValueError(f"the {name} failed: {' / '.join(said[name][-4:])}")
    record = record_of(case, folder, json.loads(said["probe"][-1]), time.perf_counter() - start)
    shutil.rmtree(folder)
    return record


def run(given: argparse.Namespace) -> int:
    """Run what is missing; returns the exit status."""
    work = given.folder.absolute()
    work.mkdir(parents=True, exist_ok=True)
    folders = {"fashion": str(given.fashion.absolute()), "photos": str(given.photos and given.photos.absolute())}
    begun, failed = time.monotonic(), []
    print(common.machine(), flush=True)
    for number, case in enumerate(CASES, start=1):
        if given.only and not any(part in case.name for part in given.only):
            continue
        if any(record["name"] == case.name for record in read(given.results)):
            continue
        where = f"[{number}/{len(CASES)}] {case.name}"
        if case.needs_photos and given.photos is None:
            print(f"{where}: left out, there is no --photos", flush=True)
            continue
        if time.monotonic() - begun > 60 * given.minutes:
            print(f"{given.minutes:g} minutes are over", flush=True)
            break
        try:
            record = run_case(case, folders, work)
        except (ValueError, KeyError, OSError) as error:
            failed.append(case.name)
            print(f"{where}: {error}", flush=True)
            continue
        append(given.results, record)
        ends = sum(bool(row["ends"]) for row in record["curve"])
        print(f"{where}: {record['seconds']} s, {ends} to the end, {record['chosen']:g} chosen", flush=True)
    return 1 if failed else 0


def main() -> None:
    """Run, or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "report", "list"))
    parser.add_argument("--results", type=Path, default=HERE / "transfer.jsonl")
    parser.add_argument("--folder", type=Path, default=Path("transfer"), help="where races run; they are not kept")
    parser.add_argument("--fashion", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--photos", type=Path, help="a folder with the four sets of photos")
    parser.add_argument("--minutes", type=float, default=180, help="after which no further case begins")
    parser.add_argument("--only", nargs="+", help="parts of names")
    given = parser.parse_args()
    if given.what == "run":
        sys.exit(run(given))
    if given.what == "report":
        print(report(read(given.results)))
        return
    for case in CASES:
        print(case.name)


if __name__ == "__main__":
    main()
