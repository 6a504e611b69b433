"""What a task in SLURM takes beside its runs, in imports of TensorFlow, which it cannot do without.

    tests/cluster/slurm.sh python benchmarks/slurm_overhead.py [REPEATS]

An import in a process of its own and a sweep of one task (two jobs in a stack) take turns. A task's overhead is the
life of its process, from its start to submitit's result, less the time from the start of its first run to the end of
its last.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from locexp.records.record import RunRecord

SWEEP = (
    "data=mnist_5k",
    "data.limit=1000",
    "trainer.epochs=1",
    "tracking.system_metrics=false",
    "hydra/launcher=submitit_slurm",
    "hydra.launcher.cpus_per_task=2",
    "hydra.launcher.timeout_min=30",
    "--multirun",
    "seed=1,2",
)


def import_seconds() -> float:
    """Return how long a process takes that only imports TensorFlow."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import tensorflow"], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - began


def overhead_seconds(place: Path) -> float:
    """Return the overhead of one task."""
    subprocess.run([sys.executable, "-m", "locexp.train", *SWEEP], cwd=place, check=True, capture_output=True)
    (result,) = place.glob("multirun/*/*/.submitit/0/*/*_result.pkl")
    runs = [RunRecord.read(path.parent) for path in place.glob("multirun/*/*/[01]/run.json")]
    assert len(runs) == 2
    trained = max(run.end_time or 0 for run in runs) - min(run.start_time for run in runs)
    return result.stat().st_mtime - float(runs[0].tags["process_start"]) - trained


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    imports, overheads = [], []
    for _ in range(repeats):
        imports.append(import_seconds())
        with tempfile.TemporaryDirectory() as place:
            overheads.append(overhead_seconds(Path(place)))
        print(f"import {imports[-1]:.2f} s, overhead {overheads[-1]:.2f} s", flush=True)
    ratios = [overhead / one for overhead, one in zip(overheads, imports, strict=True)]
    print(f"overhead / import: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
