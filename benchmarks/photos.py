"""What ``experiment=photos`` reaches on the signing hands, over seeds, with its standard error over photos.

    python benchmarks/photos.py ../shared/data/asl_letters_yolo [--seeds 3] [--folder photos] [--overrides KEY=VALUE …]

One command for each seed, one after the other; the part to validate on is carved from the part to train on by original
photo, and the data's own validation and test parts together are the 216 photos to test on. Printed, for each metric:
the mean over the seeds, their standard deviation, the standard error of the mean over photos (of each photo's mean over
the seeds), and the seconds that a run took. A run that has finished in ``--folder`` is not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

TARGET = 0.52


def main() -> None:
    """Train what is missing, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("photos"))
    parser.add_argument("--overrides", nargs="*", default=[])
    given = parser.parse_args()
    rows, seconds = [], []
    for seed in range(given.seeds):
        directory = given.folder.absolute() / str(seed)
        if not (directory / "tables" / "predictions.csv").exists():
            keys = (
                "experiment=photos",
                "data=yolo",
                f"data.path={given.data}",
                "data.test_parts=[validation,test]",
                f"seed={seed}",
                f"hydra.run.dir={directory}",
            )
            command = [sys.executable, "-m", "locexp.train", *keys, *given.overrides]
            if subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode:
                sys.exit(f"{' '.join(command[1:])} failed")
        with (directory / "tables" / "predictions.csv").open(newline="", encoding="utf-8") as file:
            predictions = list(csv.DictReader(file))
        right = np.array([row["label"] == row["predicted"] for row in predictions])
        iou = np.array([float(row["iou"]) for row in predictions])
        rows.append({"accuracy": right, "mean IoU": iou, "class right and IoU >= .5": right & (iou >= 0.5)})
        seconds.append(json.loads((directory / "run.json").read_text())["metrics"]["time/total_seconds"])
    print(f"{len(rows)} seeds, {len(iou)} photos, {' '.join(f'{each:.0f}' for each in seconds)} s")
    for name in rows[0]:
        values = np.array([row[name] for row in rows], float)
        photos, seeds = values.mean(axis=0), values.mean(axis=1)
        spread = f" seeds {' '.join(f'{each:.3f}' for each in seeds)}"
        error = photos.std(ddof=1) / np.sqrt(len(photos))
        print(f"{name}: {photos.mean():.3f}, standard error over photos {error:.3f},{spread}")
    print(f"target: class right and IoU >= .5 at least {TARGET} in at most 15 minutes a run")


if __name__ == "__main__":
    main()
